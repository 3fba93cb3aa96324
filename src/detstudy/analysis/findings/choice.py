"""Which setting to take, what it costs, and what one may lose by taking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detstudy.analysis.evidence.evidence import share_weights
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.choice import Certainty, Choice, Ground
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.setting import UnitCount
from detstudy.analysis.records import SettingSummary
from detstudy.plan import BASELINE

CHEAPER = 0.95
"""A setting below this share of another's time is cheaper; clocks differ by less from run to run."""

Bound = Callable[[str], float | None]
"""The most that a setting, by id, may lose against the best of those compared, in AP at 95 %; None where unknown."""


def choose_setting(
    settings: Sequence[SettingSummary],
    objective: str,
    margin: float,
    bound: Bound,
    certainty: Certainty,
    baseline_name: Fact | None = None,
) -> Choice | None:
    """Choose among the baseline and other settings; None where none of them finished.

    Taken is the setting whose loss is bounded lowest, and not the baseline where one is called better. The baseline
    stays where its bound is higher by no more than `margin`, the difference that matters, and nothing is called better;
    then a setting that takes more time than the baseline is not worth it either. A mean below the baseline's is never
    taken. Where no loss can be bounded the best mean of those called better is taken, else the baseline; where the
    baseline has no result, the best mean, said to be no more than that. The bound holds though the choice was made on
    the same data: it covers the loss of every setting at once. `baseline_name` is what the baseline is called
    here, where that is not its own name.

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
        if (summary is not baseline if better else (compare_cost(summary, baseline) or 0.0) <= 1 / CHEAPER)
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
    is_baseline = chosen is baseline
    contrast = chosen.contrasts.get(objective)
    return Choice(
        setting_id=chosen.id,
        setting=baseline_name if is_baseline and baseline_name else chosen.label,
        ground=find_ground(is_baseline, contrast, len(finished)),
        measure=objective,
        mean=chosen.measures[objective].mean,
        contrast=contrast,
        compared=len(finished),
        loses_at_most=bound(chosen.id) if compared else None,
        seconds=read_mean(chosen, "train/seconds"),
        time_ratio=None if is_baseline else compare_cost(chosen, baseline),
        memory_bytes=read_mean(chosen, "train/peak_memory_bytes"),
        cheaper=_find_cheaper(chosen, finished, objective),
        certainty=certainty,
    )


def find_ground(is_baseline: bool, contrast: Contrast | None, finished: int) -> Ground:
    """Return why a setting was taken, of so many with a result; `contrast` is its own with the baseline."""
    if is_baseline:
        return Ground.ONLY_RESULT if finished == 1 else Ground.NOTHING_BETTER
    if contrast is None or contrast.low is None:
        return Ground.BEST_MEAN
    return Ground.BETTER if contrast.verdict == "better" else Ground.LOSES_LEAST


def has_verdict(summary: SettingSummary, objective: str, verdict: str) -> bool:
    """Whether a setting's contrast with the baseline in the objective has that verdict."""
    return objective in summary.contrasts and summary.contrasts[objective].verdict == verdict


def read_mean(summary: SettingSummary, measure: str) -> float | None:
    """Return a measure's mean over seeds; None where it was not measured."""
    return summary.measures[measure].mean if measure in summary.measures else None


def compare_cost(a: SettingSummary, b: SettingSummary | None) -> float | None:
    """Return a's time divided by b's: of training, or of testing an image where both have the same weights."""
    if b is None:
        return None
    measure = "test/seconds_per_image" if share_weights(a.setting, b.setting) else "train/seconds"
    own, other = a.measures.get(measure), b.measures.get(measure)
    return own.mean / other.mean if own and other and other.mean > 0 else None


def rate_certainty(
    settings: Sequence[SettingSummary],
    units: UnitCount,
    seed_sd: float | None,
    detectable: float | None,
    objective: str,
) -> Certainty:
    """Return what the conclusions rest on: seeds, units, the seeds' noise and what that lets one see."""
    finished = {summary.id: summary.seeds_finished for summary in settings}
    baseline = finished.pop(BASELINE, 0)
    others = [number for number in finished.values() if number]
    return Certainty(
        baseline_seeds=baseline,
        seeds=(min(others), max(others)) if others else None,
        units=units,
        measure=objective,
        seed_sd=seed_sd,
        detectable=detectable,
    )


def _find_cheaper(
    chosen: SettingSummary, finished: Sequence[SettingSummary], objective: str
) -> tuple[Fact, float] | None:
    """Return the cheapest setting with no difference that matters from a chosen baseline, with its share of the time.

    Other pairs than with the baseline have no verdict of their own; what is given up there is the trade-offs' matter.
    """
    if chosen.id != BASELINE:
        return None
    equal = [summary for summary in finished if has_verdict(summary, objective, "no difference that matters")]
    ratios = [(summary.label, compare_cost(summary, chosen)) for summary in equal]
    cheaper = [(name, ratio) for name, ratio in ratios if ratio is not None and ratio < CHEAPER]
    return min(cheaper, key=lambda pair: pair[1], default=None)
