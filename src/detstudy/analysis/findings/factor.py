"""A factor's levels, the setting of each, and what else changed with the level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.evidence.confounding import list_accumulations, state_batch_rule
from detstudy.analysis.evidence.effective import check_runs
from detstudy.analysis.evidence.evidence import Evidence, find_setting
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.reason import NoVerdict
from detstudy.analysis.facts.setting import About, LevelName
from detstudy.analysis.records import SettingSummary
from detstudy.plan.planning import derive_setting
from detstudy.study.study import Factor

Levels = tuple[tuple[Any, str], ...]


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
