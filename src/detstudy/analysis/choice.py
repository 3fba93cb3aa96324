"""Which setting to take, what it costs, and what one may lose by taking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detstudy.analysis.evidence import share_weights
from detstudy.analysis.labels import (
    count,
    describe_interval,
    format_change,
    format_memory,
    format_points,
    label_measure,
)
from detstudy.analysis.records import Choice, Contrast, SettingSummary
from detstudy.plan import BASELINE

CHEAPER = 0.95
"""A setting below this share of another's time is cheaper; clocks differ by less from run to run."""

Compare = Callable[[str, str], Contrast]
"""Contrasts two settings, by id, in the objective."""


def choose_setting(
    settings: Sequence[SettingSummary],
    objective: str,
    compare: Compare,
    how_sure: str,
    baseline_label: str = "the baseline",
) -> Choice | None:
    """Choose among the baseline and other settings; None where none of them finished.

    Taken is the setting with the largest difference among those called better than the baseline. Where there is none
    the baseline stays; where the baseline has no result, the best mean is taken and said to be no more than that.
    `loses_at_most` is the largest upper end of the 95 % intervals of the others minus the chosen one, at least 0; None
    where one of those intervals can't be had.
    """
    finished = [summary for summary in settings if objective in summary.measures]
    if not finished:
        return None
    baseline = next((summary for summary in finished if summary.id == BASELINE), None)
    better = [summary for summary in finished if has_verdict(summary, objective, "better")]
    if better:
        chosen = max(better, key=lambda summary: summary.contrasts[objective].estimate or 0.0)
    else:
        chosen = baseline or max(finished, key=lambda summary: summary.measures[objective].mean)
    others = [compare(summary.id, chosen.id) for summary in finished if summary is not chosen]
    highs = [contrast.high for contrast in others]
    bounded = [high for high in highs if high is not None]
    regret = max(0.0, *bounded) if highs and len(bounded) == len(highs) else None
    clauses = [
        _say_what(chosen, baseline, objective, len(finished), baseline_label),
        _say_regret(regret, objective, bool(others)),
        describe_cost(chosen, baseline),
    ]
    sentence = "; ".join(clause for clause in clauses if clause) + "."
    cheaper = _find_cheaper(chosen, finished, others)
    if cheaper:
        summary, ratio = cheaper
        sentence += f" Cheaper, with no difference that matters: {summary.label} (×{ratio:.2f} the time)."
    if better and len(finished) > 2:
        sentence += " Picked as the best on these images, it will look a little worse on new ones."
    return Choice(setting_id=chosen.id, sentence=sentence, loses_at_most=regret, how_sure=how_sure)


def has_verdict(summary: SettingSummary, objective: str, verdict: str) -> bool:
    """Whether a setting's contrast with the baseline in the objective has that verdict."""
    return objective in summary.contrasts and summary.contrasts[objective].verdict == verdict


def describe_cost(summary: SettingSummary, baseline: SettingSummary | None) -> str:
    """Return training time, as a ratio to the baseline's where that is another setting, and peak memory."""
    parts = []
    seconds = summary.measures.get("train/seconds")
    if seconds:
        ratio = None if summary is baseline else compare_cost(summary, baseline)
        parts.append(f"{seconds.mean:,.0f} s of training" if ratio is None else f"×{ratio:.2f} the baseline's time")
    memory = summary.measures.get("train/peak_memory_bytes")
    if memory:
        parts.append(format_memory(memory.mean))
    return ", ".join(parts)


def compare_cost(a: SettingSummary, b: SettingSummary | None) -> float | None:
    """Return a's time divided by b's: of training, or of testing an image where both have the same weights."""
    if b is None:
        return None
    measure = "test/seconds_per_image" if share_weights(a.setting, b.setting) else "train/seconds"
    own, other = a.measures.get(measure), b.measures.get(measure)
    return own.mean / other.mean if own and other and other.mean > 0 else None


def describe_certainty(settings: Sequence[SettingSummary], units: str, seed_sd: float | None, objective: str) -> str:
    """Return what the conclusions rest on: seeds, units and the seeds' noise, in one sentence."""
    finished = {summary.id: summary.seeds_finished for summary in settings}
    baseline = finished.pop(BASELINE, 0)
    parts = [count(baseline, "baseline seed")]
    others = sorted({number for number in finished.values() if number})
    if others:
        span = count(others[0], "seed") if len(others) == 1 else f"{others[0]} to {others[-1]} seeds"
        parts.append(f"{span} a setting")
    parts.append(units)
    noise = "seed noise unknown: nothing was trained twice"
    if seed_sd is not None:
        noise = f"from seed to seed {label_measure(objective)} varies by {format_points(seed_sd)} (standard deviation)"
    return f"{', '.join(parts)}; {noise}."


def _say_what(chosen: SettingSummary, baseline: SettingSummary | None, objective: str, finished: int, name: str) -> str:
    mean = f"{format_points(chosen.measures[objective].mean)} {label_measure(objective)}"
    contrast = chosen.contrasts.get(objective)
    if chosen is baseline:
        if finished == 1:
            return f"Keep {name}, {mean}: no other setting has a result"
        return f"Keep {name}, {mean}: nothing else is shown to be better"
    if contrast is None or contrast.estimate is None or contrast.low is None or contrast.high is None:
        return f"Take {chosen.label} for now, {mean}: the baseline has no result, so this is only the best mean"
    interval = describe_interval(contrast.low, contrast.high)
    gain = format_change(contrast.estimate)
    return f"Take {chosen.label}: {gain} {label_measure(objective)} over the baseline ({interval})"


def _say_regret(regret: float | None, objective: str, compared: bool) -> str:
    if not compared:
        return ""
    if regret is None:
        return "what you may lose by it can't be bounded yet"
    if not float(format_points(regret)):
        return "at 95 % you lose nothing by it"
    return f"at 95 % you lose at most {format_points(regret)} {label_measure(objective)} by it"


def _find_cheaper(
    chosen: SettingSummary, finished: Sequence[SettingSummary], contrasts: Sequence[Contrast]
) -> tuple[SettingSummary, float] | None:
    """Return the cheapest setting that differs from the chosen one by less than matters, with its share of the time."""
    equal = {contrast.a for contrast in contrasts if contrast.verdict == "no difference that matters"}
    ratios = [(summary, compare_cost(summary, chosen)) for summary in finished if summary.id in equal]
    cheaper = [(summary, ratio) for summary, ratio in ratios if ratio is not None and ratio < CHEAPER]
    return min(cheaper, key=lambda pair: pair[1], default=None)
