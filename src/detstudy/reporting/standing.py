"""Where a setting stands in the study: its verdict word, its result in the objective, and why it may have none."""

from __future__ import annotations

from detstudy.analysis.records import Analysis, Contrast, SettingSummary
from detstudy.plan import BASELINE, format_level
from detstudy.reporting.number import describe_outcome
from detstudy.setting import read_field

NO_VERDICT = "no verdict"
NO_RESULT = "no result"


def name_verdict(setting: SettingSummary, measure: str) -> str:
    """Return the verdict in a measure, or "baseline", "no verdict" (a result without one), "no result"."""
    if measure not in setting.measures and not any(name in setting.measures for name in ("box/AP", "mask/AP")):
        return NO_RESULT
    if setting.id == BASELINE:
        return BASELINE
    contrast = setting.contrasts.get(measure)
    return contrast.verdict if contrast and contrast.verdict else NO_VERDICT


def explain_verdict(contrast: Contrast | None) -> str:
    """Return what stands behind a verdict in one line: units, seeds, p, notes, or why there is none."""
    if contrast is None:
        return ""
    parts = []
    if contrast.reason:
        parts.append(contrast.reason)
    if contrast.estimate is not None:
        parts.append(f"{contrast.units}, seeds {contrast.seeds[0]} against {contrast.seeds[1]}")
    if contrast.p is not None:
        parts.append("p < 0.001" if contrast.p < 0.001 else f"p = {contrast.p:.3f}")
    return "; ".join([*parts, *contrast.notes])


def count_finished(setting: SettingSummary) -> int:
    """Return how many of the setting's runs finished."""
    return setting.outcomes.get("finished", 0)


def explain_absence(setting: SettingSummary) -> str | None:
    """Return why the setting has no result, or None where a run finished.

    "out of memory at 11.2 GiB" where its runs failed; "running" or "planned" where they have yet to end.
    """
    if count_finished(setting):
        return None
    failed = [outcome for outcome in setting.outcomes if outcome not in ("planned", "running")]
    if not failed:
        return "running" if setting.outcomes.get("running") else "planned"
    outcome = describe_outcome(failed[0])
    if not setting.reason:
        return outcome
    return setting.reason if setting.reason.lower().startswith(outcome) else f"{outcome}: {setting.reason}"


def mean_measure(setting: SettingSummary | None, measure: str) -> float | None:
    """Return a measure's mean over seeds, or None."""
    spread = setting.measures.get(measure) if setting else None
    return spread.mean if spread else None


def read_cost(setting: SettingSummary, measure: str) -> float | None:
    """Return a cost's mean over finished seeds; where none finished, the largest that a failed run reached."""
    if measure in setting.measures:
        return setting.measures[measure].mean
    found = [run.measures[measure].value for run in setting.runs if measure in run.measures]
    return max((value for value in found if value is not None), default=None)


def show_level(analysis: Analysis, setting: SettingSummary, factor: str) -> str:
    """Return the level that a setting has of a factor, as a person writes it."""
    level = setting.levels.get(factor)
    return format_level(level if factor in setting.levels else read_field(analysis.study.baseline, factor))


def is_crossed(analysis: Analysis) -> bool:
    """Whether the study crosses several factors, so that a setting is named by all its levels."""
    return analysis.study.design == "grid" and len(analysis.study.factors) > 1


def label_setting(analysis: Analysis, setting: SettingSummary) -> str:
    """Return a setting's name in a picture: its label, or "6000 × 2000 (baseline)" where factors are crossed."""
    if not is_crossed(analysis):
        return setting.label
    levels = " × ".join(show_level(analysis, setting, factor.name) for factor in analysis.study.factors)
    return f"{levels} (baseline)" if setting.id == BASELINE else levels


def label_factor(analysis: Analysis, name: str) -> str:
    """Return a factor's label; its name in words where the analysis has none."""
    return next((factor.label for factor in analysis.factors if factor.name == name), name.replace("_", " "))


def error_kind(analysis: Analysis) -> str:
    """Return whether errors are counted on masks or boxes: as the objective is."""
    return analysis.study.objective.split("/")[0]
