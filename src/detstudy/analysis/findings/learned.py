"""What was learned and what was not: which setting's verdict is a conclusion, and what else is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from detstudy.analysis.evidence.confounding import name_setting
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.conclusion import (
    Judged,
    NoInteractions,
    NoResult,
    OpenedTest,
    ReachedOnTest,
    SeedNoiseFound,
)
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.interaction import EffectVerdict
from detstudy.analysis.facts.reason import NoVerdict
from detstudy.analysis.records import Conclusion, Factorial, SettingSummary, TradeOff
from detstudy.analysis.statistics.variance import SeedNoise
from detstudy.ledger import RunRecord
from detstudy.ledger.openings import Opening

SETTINGS = "settings"
"""The section of what concerns no single factor."""


def list_learned(
    settings: Sequence[SettingSummary], objective: str, margin: float, noise: SeedNoise
) -> list[Conclusion]:
    """Return a conclusion for each setting with a verdict, for each that changed nothing, and for the seeds' noise."""
    found = []
    for summary in settings:
        contrast = summary.contrasts.get(objective)
        if contrast and is_learned(contrast):
            found.append(Conclusion(Judged(summary.label, contrast, margin), find_section(summary)))
    if noise.pooled:
        spread = math.sqrt(noise.pooled.variance)
        found.append(Conclusion(SeedNoiseFound(objective, spread, noise.pooled.degrees_of_freedom), SETTINGS))
    return found


def list_tested(
    runs: Sequence[RunRecord], openings: Sequence[Opening], choice: SettingSummary | None, objective: str
) -> list[Conclusion]:
    """Return what the runs evaluated on the test split reached there, as one conclusion; [] where none was."""
    values: dict[Fact, list[float]] = {}
    names: dict[str, Fact] = {}
    for run in runs:
        measure = run.measures.get(objective) if run.outcome == "finished" else None
        if measure is not None and measure.value is not None:
            name = names.setdefault(run.setting_id, name_setting(run.levels, [run]))
            values.setdefault(name, []).append(measure.value)
    if not values:
        return []
    reached = tuple((name, statistics.fmean(found), len(found)) for name, found in values.items())
    looks = tuple(
        OpenedTest(opening.at and opening.at[:10], tuple(names.get(id_, id_) for id_ in opening.settings))
        for opening in openings
    )
    seen = {id_ for opening in openings for id_ in opening.settings}
    unseen = choice.label if choice and choice.id not in seen else None
    return [Conclusion(ReachedOnTest(objective, reached, looks, unseen), "runs")]


def list_unknown(settings: Sequence[SettingSummary], objective: str, margin: float) -> list[Conclusion]:
    """Return a conclusion for each setting without an answer in the objective."""
    found = []
    for summary in settings:
        contrast = summary.contrasts.get(objective)
        fact: Fact | None = None
        if not summary.seeds_finished:
            fact = NoResult(summary.label, summary.reason)
        elif contrast is None and objective in summary.undefined:
            fact = NoResult(summary.label, summary.undefined[objective])
        elif contrast and not is_learned(contrast):
            fact = Judged(summary.label, contrast, margin)
        if fact:
            found.append(Conclusion(fact, find_section(summary)))
    return found


def is_learned(contrast: Contrast) -> bool:
    """Whether a contrast has an answer: a verdict, or that nothing changed."""
    return contrast.reason is NoVerdict.IDENTICAL or contrast.verdict not in (None, "cannot tell")


def list_interactions(factorial: Factorial | None) -> tuple[list[Conclusion], list[Conclusion]]:
    """Return what a grid says about factors that depend on each other: what was learned, and what was not."""
    learned: list[Conclusion] = []
    unknown: list[Conclusion] = []
    if factorial and factorial.reason:
        unknown.append(Conclusion(NoInteractions(factorial.reason), "interactions"))
    for effect in factorial.effects if factorial else ():
        if len(effect.factors) == 2:
            (learned if effect.verdict is EffectVerdict.FOUND else unknown).append(Conclusion(effect, "interactions"))
    return learned, unknown


def list_savings(trade_offs: Sequence[TradeOff]) -> list[Conclusion]:
    """Return where more time or memory is not worth it: a conclusion for each cost that a cheaper setting saves."""
    return [Conclusion(found, "costs") for found in trade_offs if found.choice not in (None, found.best)]


def find_section(summary: SettingSummary) -> str:
    """Return the section that has a setting's numbers: of the only factor in which it differs, else of all settings."""
    return next(iter(summary.levels)) if len(summary.levels) == 1 else SETTINGS
