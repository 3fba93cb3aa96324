"""Where a setting stands in the study: its verdict word, its result in the objective, and why it may have none."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis import Analysis, Contrast, FactorSummary, SettingSummary
from detstudy.analysis.findings.cost import read_reached
from detstudy.numbers import format_p
from detstudy.plan import BASELINE, format_level
from detstudy.wording.say import say
from detstudy.wording.setting import say_batch

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
        parts.append(say(contrast.reason))
    if contrast.estimate is not None:
        parts.append(f"{say(contrast.units)}, seeds {contrast.seeds[0]} against {contrast.seeds[1]}")
    if contrast.p is not None:
        parts.append(format_p(contrast.p))
    if contrast.family > 1:
        parts.append(f"judged together with {contrast.family - 1} more")
    return "; ".join([*parts, *map(say, (*contrast.caveats, *contrast.notes))])


def show_seeds(setting: SettingSummary) -> str:
    """Return how many of the setting's runs finished: "3", "2 of 3" where some did not."""
    planned = sum(setting.outcomes.values())
    return str(planned) if setting.seeds_finished == planned else f"{setting.seeds_finished} of {planned}"


def explain_absence(setting: SettingSummary) -> str | None:
    """Return why the setting has no result, or None where a run finished.

    "out of memory at 11.2 GiB" where its runs failed; "running" or "planned" where they have yet to end.
    """
    if setting.seeds_finished:
        return None
    if setting.outcomes.keys() <= {"planned", "running"}:
        return "running" if "running" in setting.outcomes else "planned"
    return say(setting.reason) if setting.reason else NO_RESULT


def mean_measure(setting: SettingSummary | None, measure: str) -> float | None:
    """Return a measure's mean over seeds, or None."""
    spread = setting.measures.get(measure) if setting else None
    return spread.mean if spread else None


def read_cost(setting: SettingSummary, measure: str) -> float | None:
    """Return a cost's mean over finished seeds; where none finished, the largest that a failed run reached."""
    if measure in setting.measures:
        return setting.measures[measure].mean
    return read_reached(setting, measure)


def show_level(analysis: Analysis, setting: SettingSummary, factor: str) -> str:
    """Return the level that a setting has of a factor, as a person writes it; a batch size with its parts."""
    level = format_level(setting.levels.get(factor, analysis.study.baseline[factor]))
    return f"{level} {say(setting.accumulation)}" if factor == "batch_size" and setting.accumulation else level


def is_crossed(analysis: Analysis) -> bool:
    """Whether the study crosses several factors, so that a setting is named by all its levels."""
    return analysis.plan.crossed and len(analysis.study.factors) > 1


def caption_setting(analysis: Analysis, setting: SettingSummary) -> str:
    """Return a setting's name in a picture: its label, or "6000 × 2000 (baseline)" where factors are crossed."""
    if not is_crossed(analysis):
        return say(setting.label)
    names = [factor.name for factor in analysis.study.factors]
    return mark_level(" × ".join(show_level(analysis, setting, name) for name in names), setting, names)


def caption_level(analysis: Analysis, factor: FactorSummary, setting_id: str) -> str:
    """Return a level's name in pictures and tables: "0.001", "4 (baseline)"; the setting's own without a factor."""
    setting = analysis.settings[setting_id]
    if all(factor.name != known.name for known in analysis.study.factors):
        return caption_setting(analysis, setting)
    return mark_level(show_level(analysis, setting, factor.name), setting, [factor.name])


def mark_level(level: str, setting: SettingSummary, shown: Sequence[str]) -> str:
    """Return levels with what else must be known of their setting: "0.001 (batch of 16 as 2 × 8, baseline)".

    `shown` names the factors whose levels they are: a batch size says itself its parts.
    """
    marks = []
    if setting.accumulation and "batch_size" not in shown:
        marks.append(say_batch(setting.accumulation))
    if setting.id == BASELINE:
        marks.append(BASELINE)
    return f"{level} ({', '.join(marks)})" if marks else level


def error_kind(analysis: Analysis) -> str:
    """Return what errors are counted on, "mask" or "box": the objective's kind."""
    return analysis.study.objective.split("/")[0]
