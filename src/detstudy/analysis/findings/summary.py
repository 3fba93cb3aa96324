"""A setting's runs and a factor's levels, brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.contrasts.arm import Arm
from detstudy.analysis.evidence.confounding import find_accumulation, list_accumulations, state_batch_rule
from detstudy.analysis.evidence.effective import check_runs
from detstudy.analysis.evidence.evidence import Evidence, find_setting, read_value
from detstudy.analysis.evidence.runs import count_states, find_failure
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import NotMeasured, NoVerdict
from detstudy.analysis.facts.setting import About, LevelName
from detstudy.analysis.facts.spread import Spread, spread_values
from detstudy.analysis.findings.errors import summarise_errors
from detstudy.analysis.records import SettingSummary
from detstudy.ledger import RunRecord
from detstudy.plan.planning import derive_setting
from detstudy.study.study import Factor

Levels = tuple[tuple[Any, str], ...]
"""A factor's levels, each with the id of the setting that has it."""


def summarise_setting(evidence: Evidence, arm: Arm, contrasts: dict[str, Contrast]) -> SettingSummary:
    """Return what a setting's runs gave; the baseline has no contrasts."""
    planned, runs = evidence.plan.setting(arm.id), arm.runs
    measures, undefined = spread_measures(arm.finished)
    return SettingSummary(
        id=planned.id,
        label=arm.label,
        accumulation=find_accumulation(runs),
        setting=planned.setting,
        levels=planned.levels,
        runs=runs,
        outcomes=count_states(runs),
        reason=find_failure(runs) if len(arm.finished) < len(runs) else None,
        measures=measures,
        undefined=undefined,
        errors=summarise_errors(evidence, arm.finished),
        contrasts=contrasts,
    )


def spread_measures(runs: tuple[RunRecord, ...]) -> tuple[dict[str, Spread], dict[str, Fact]]:
    """Return each measure of finished runs over their seeds, and why those without any value have none."""
    names = dict.fromkeys(name for run in runs for name in run.measures)
    spreads: dict[str, Spread] = {}
    undefined: dict[str, Fact] = {}
    for name in names:
        spread = spread_values({run.seed: read_value(run, name) for run in runs})
        if spread:
            spreads[name] = spread
        else:
            reasons = (run.measures[name].reason for run in runs if name in run.measures)
            undefined[name] = next(filter(None, reasons), NotMeasured(name))
    return spreads, undefined


def list_levels(evidence: Evidence, factor: Factor) -> Levels:
    """Return a factor's levels with the ids of the settings that have them and are else like the baseline.

    The baseline's own level is among them, first where the study file does not list it. A grid that leaves out the
    baseline's level of another factor has no such settings: those levels are left out.
    """
    study = evidence.study
    own = study.baseline[factor.name]
    found = []
    for level in factor.levels if own in factor.levels else (own, *factor.levels):
        planned = find_setting(evidence, derive_setting(study, {} if level == own else {factor.name: level}))
        if planned:
            found.append((level, planned.id))
    return tuple(found)


def were_run_together(evidence: Evidence, chosen: Sequence[SettingSummary]) -> bool:
    """Whether a setting has the levels of all of these; true of fewer than two."""
    levels = {name: level for summary in chosen for name, level in summary.levels.items()}
    return len(chosen) < 2 or find_setting(evidence, derive_setting(evidence.study, levels)) is not None


def describe_factor(
    evidence: Evidence, factor: Factor, levels: Levels, settings: Mapping[str, SettingSummary]
) -> list[Fact]:
    """Return notes: what was held fixed as the level changed, levels that changed nothing, batches in parts."""
    notes: list[Fact] = []
    if factor.name == "batch_size" and {"iterations", "learning_rate"} <= evidence.study.baseline.keys():
        notes.append(state_batch_rule(evidence.study, [(level, settings[id_]) for level, id_ in levels]))
    for level, id_ in levels:
        summary = settings[id_]
        if any(contrast.reason is NoVerdict.IDENTICAL for contrast in summary.contrasts.values()):
            notes.append(About(LevelName(factor.name, level), NoVerdict.IDENTICAL))
        finished = [run for run in summary.runs if run.outcome == "finished"]
        notes += [About(summary.label, fact) for fact in list_accumulations(finished)]
        notes += check_runs(summary.label, finished)
    return list(dict.fromkeys(notes))
