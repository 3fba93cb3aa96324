"""A setting's runs, brought together: spread over seeds, outcomes, false positives, contrasts with the baseline."""

from __future__ import annotations

from detstudy.analysis.contrasts.arm import Arm
from detstudy.analysis.evidence.confounding import find_accumulation
from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.evidence.runs import count_states, find_failure
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import NotMeasured
from detstudy.analysis.facts.spread import Spread, spread_values
from detstudy.analysis.findings.errors import summarise_errors
from detstudy.analysis.records import SettingSummary
from detstudy.ledger import RunRecord


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
