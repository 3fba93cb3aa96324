"""Which setting to take, what it costs, and what one may lose by taking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detstudy.analysis.evidence.evidence import share_weights
from detstudy.analysis.records import Choice, SettingSummary
from detstudy.numbers import (
    describe_interval,
    format_ap,
    format_change,
    format_ratio,
    format_size,
    format_time,
    rounds_to_nothing,
)
from detstudy.plan import BASELINE
from detstudy.wording.labels import count, label_measure
from detstudy.wording.say import say

CHEAPER = 0.95
"""A setting below this share of another's time is cheaper; clocks differ by less from run to run."""

Bound = Callable[[str], float | None]
"""The most that a setting, by id, may lose against the best of those compared, in AP at 95 %; None where unknown."""


def choose_setting(
    settings: Sequence[SettingSummary],
    objective: str,
    margin: float,
    bound: Bound,
    how_sure: str,
    baseline_label: str = "the baseline",
) -> Choice | None:
    """Choose among the baseline and other settings; None where none of them finished.

    Taken is the setting whose loss is bounded lowest, and not the baseline where one is called better. The baseline
    stays where its bound is higher by no more than `margin`, the difference that matters, and nothing is called better;
    then a setting that takes more time than the baseline is not worth it either. A mean below the baseline's is never
    taken. Where no loss can be bounded the best mean of those called better is taken, else the baseline; where the
    baseline has no result, the best mean, said to be no more than that. The bound holds though the choice was made on
    the same data: it covers the loss of every setting at once.

    Source: Hsu, Annals of Statistics 12 (1984), multiple comparisons with the best.
    """
    finished = [summary for summary in settings if objective in summary.measures]
    if not finished:
        return None
    baseline = next((summary for summary in finished if summary.id == BASELINE), None)
    better = [summary for summary in finished if has_verdict(summary, objective, "better")]
    candidates = [
        summary
        for summary in finished
        if baseline and summary.measures[objective].mean >= baseline.measures[objective].mean
        if (summary is not baseline if better else not is_dearer(summary, baseline))
    ]
    compared = len(finished) > 1
    known = {s.id: loss for s in candidates if compared and (loss := bound(s.id)) is not None}
    if known and baseline:
        safest = min(known, key=lambda name: (known[name], name != BASELINE))
        stays = BASELINE in known and known[BASELINE] <= known[safest] + margin
        chosen = baseline if stays else next(summary for summary in candidates if summary.id == safest)
    elif baseline and not better:
        chosen = baseline
    else:
        chosen = max(better or finished, key=lambda summary: summary.measures[objective].mean)
    regret = bound(chosen.id) if compared else None
    clauses = [
        _say_what(chosen, baseline, objective, len(finished), baseline_label),
        _say_regret(regret, objective, compared),
        describe_cost(chosen, baseline),
    ]
    sentence = "; ".join(clause for clause in clauses if clause) + "."
    cheaper = _find_cheaper(chosen, finished, objective)
    if cheaper:
        summary, ratio = cheaper
        sentence += f" Cheaper, with no difference that matters: {say(summary.label)} ({format_ratio(ratio)} the time)."
    return Choice(setting_id=chosen.id, sentence=sentence, loses_at_most=regret, how_sure=how_sure)


def has_verdict(summary: SettingSummary, objective: str, verdict: str) -> bool:
    """Whether a setting's contrast with the baseline in the objective has that verdict."""
    return objective in summary.contrasts and summary.contrasts[objective].verdict == verdict


def is_dearer(summary: SettingSummary, baseline: SettingSummary | None) -> bool:
    """Whether a setting takes more time than the baseline, by more than clocks differ from run to run."""
    ratio = compare_cost(summary, baseline)
    return ratio is not None and ratio > 1 / CHEAPER


def describe_cost(summary: SettingSummary, baseline: SettingSummary | None) -> str:
    """Return training time, as a ratio to the baseline's where that is another setting, and peak memory."""
    parts = []
    seconds = summary.measures.get("train/seconds")
    if seconds:
        ratio = None if summary is baseline else compare_cost(summary, baseline)
        parts.append(
            f"{format_time(seconds.mean)} of training"
            if ratio is None
            else f"{format_ratio(ratio)} the baseline's time"
        )
    memory = summary.measures.get("train/peak_memory_bytes")
    if memory:
        parts.append(format_size(memory.mean))
    return ", ".join(parts)


def compare_cost(a: SettingSummary, b: SettingSummary | None) -> float | None:
    """Return a's time divided by b's: of training, or of testing an image where both have the same weights."""
    if b is None:
        return None
    measure = "test/seconds_per_image" if share_weights(a.setting, b.setting) else "train/seconds"
    own, other = a.measures.get(measure), b.measures.get(measure)
    return own.mean / other.mean if own and other and other.mean > 0 else None


def describe_certainty(
    settings: Sequence[SettingSummary], units: str, seed_sd: float | None, detectable: float | None, objective: str
) -> str:
    """Return what the conclusions rest on: seeds, units, the seeds' noise and what that lets one see: one sentence."""
    finished = {summary.id: summary.seeds_finished for summary in settings}
    baseline = finished.pop(BASELINE, 0)
    parts = [count(baseline, "baseline seed")]
    others = sorted({number for number in finished.values() if number})
    if others:
        span = count(others[0], "seed") if len(others) == 1 else f"{others[0]} to {others[-1]} seeds"
        parts.append(f"{span} a setting")
    parts.append(units)
    noise = "seed noise unknown: no setting gave two different results"
    if seed_sd is not None:
        noise = f"from seed to seed {label_measure(objective)} varies by {format_ap(seed_sd)} (standard deviation)"
    if detectable is not None:
        seen = f"{format_ap(detectable)} {label_measure(objective)}"
        noise += f"; a difference of {seen} would be found in 80 % of such studies"
    return f"{', '.join(parts)}; {noise}."


def _say_what(chosen: SettingSummary, baseline: SettingSummary | None, objective: str, finished: int, name: str) -> str:
    mean = f"{format_ap(chosen.measures[objective].mean)} {label_measure(objective)}"
    contrast = chosen.contrasts.get(objective)
    if chosen is baseline:
        if finished == 1:
            return f"Keep {name}, {mean}: no other setting has a result"
        return f"Keep {name}, {mean}: nothing else is shown to be better"
    if contrast is None or contrast.estimate is None or contrast.low is None or contrast.high is None:
        return f"Take {say(chosen.label)} for now, {mean}: the baseline has no result, so this is only the best mean"
    gain = f"{format_change(contrast.estimate)} {label_measure(objective)} over the baseline"
    interval = describe_interval(contrast.low, contrast.high)
    if contrast.verdict == "better":
        return f"Take {say(chosen.label)}: {gain} ({interval})"
    return f"Take {say(chosen.label)}: {gain} ({interval}), not shown to be better, but what one loses least by"


def _say_regret(regret: float | None, objective: str, compared: bool) -> str:
    if not compared:
        return ""
    if regret is None:
        return "what you may lose by it can't be bounded yet"
    if rounds_to_nothing(regret):
        return "at 95 % you lose nothing by it"
    return f"at 95 % you lose at most {format_ap(regret)} {label_measure(objective)} by it"


def _find_cheaper(
    chosen: SettingSummary, finished: Sequence[SettingSummary], objective: str
) -> tuple[SettingSummary, float] | None:
    """Return the cheapest setting with no difference that matters from a chosen baseline, with its share of the time.

    Other pairs than with the baseline have no verdict of their own; what is given up there is the trade-offs' matter.
    """
    if chosen.id != BASELINE:
        return None
    equal = [summary for summary in finished if has_verdict(summary, objective, "no difference that matters")]
    ratios = [(summary, compare_cost(summary, chosen)) for summary in equal]
    cheaper = [(summary, ratio) for summary, ratio in ratios if ratio is not None and ratio < CHEAPER]
    return min(cheaper, key=lambda pair: pair[1], default=None)
