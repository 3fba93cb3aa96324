"""A setting's runs, brought together: spread over seeds, outcomes, false positives, contrasts with the baseline."""

from __future__ import annotations

import dataclasses
import statistics

from detstudy.analysis.arm import Arm, contrast_arms
from detstudy.analysis.evidence import Evidence, read_value
from detstudy.analysis.labels import label_setting
from detstudy.analysis.outcome import count_states, describe_failure
from detstudy.analysis.records import FalsePositives, SettingSummary, Spread
from detstudy.ledger import RunRecord
from detstudy.plan import BASELINE, PlannedSetting
from detstudy.study import MEASURES


def summarise_setting(evidence: Evidence, planned: PlannedSetting) -> SettingSummary:
    """Return what a setting's runs gave; the baseline has no contrasts."""
    runs = evidence.runs_of(planned.id)
    arm = make_arm(evidence, planned)
    baseline = make_arm(evidence, evidence.plan.setting(BASELINE))
    contrasts = {} if planned.id == BASELINE else {m: contrast_arms(evidence, arm, baseline, m) for m in MEASURES}
    measures, undefined = spread_measures(arm.finished)
    return SettingSummary(
        id=planned.id,
        label=arm.label,
        setting=planned.setting,
        levels=planned.levels,
        runs=runs,
        outcomes=count_states(runs),
        reason=describe_failure(runs) if len(arm.finished) < len(runs) else None,
        measures=measures,
        undefined=undefined,
        errors=average_errors(evidence, arm.finished),
        contrasts=contrasts,
    )


def make_arm(evidence: Evidence, planned: PlannedSetting) -> Arm:
    """Return a planned setting with its runs."""
    return Arm(planned.id, label_setting(planned.levels), evidence.runs_of(planned.id))


def spread_measures(runs: tuple[RunRecord, ...]) -> tuple[dict[str, Spread], dict[str, str]]:
    """Return each measure of finished runs over their seeds, and why those without any value have none."""
    names = dict.fromkeys(name for run in runs for name in run.measures)
    spreads, undefined = {}, {}
    for name in names:
        values = {run.seed: value for run in runs if (value := read_value(run, name)) is not None}
        if values:
            deviation = statistics.stdev(values.values()) if len(values) > 1 else None
            spreads[name] = Spread(mean=statistics.fmean(values.values()), sd=deviation, values=values)
        else:
            reasons = (run.measures[name].reason for run in runs if name in run.measures)
            undefined[name] = next(filter(None, reasons), "not measured")
    return spreads, undefined


def average_errors(evidence: Evidence, runs: tuple[RunRecord, ...]) -> dict[str, FalsePositives]:
    """Return the counts at the operating threshold as means over seeds, of the kinds that every run has."""
    counts = [evidence.errors(run) for run in runs]
    if not counts:
        return {}
    return {
        kind: FalsePositives(
            **{
                field.name: statistics.fmean(getattr(found[kind], field.name) for found in counts)
                for field in dataclasses.fields(FalsePositives)
            }
        )
        for kind in counts[0]
        if all(kind in found for found in counts)
    }
