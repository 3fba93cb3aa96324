"""A factor's levels, the setting of each, and what else changed with the level."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.arm import IDENTICAL
from detstudy.analysis.evidence import Evidence, find_setting
from detstudy.analysis.labels import label_level
from detstudy.analysis.receipt import check_receipts
from detstudy.analysis.records import SettingSummary
from detstudy.plan import format_level
from detstudy.plan.design import derive_setting
from detstudy.setting import read_field
from detstudy.study import Factor, Study

Levels = tuple[tuple[Any, str], ...]


def list_levels(evidence: Evidence, factor: Factor) -> Levels:
    """Return a factor's levels with the ids of the settings that have them and are else like the baseline.

    The baseline's own level is among them, first where the study file does not list it. A grid that leaves out the
    baseline's level of another factor has no such settings: those levels are left out.
    """
    study = evidence.study
    own = read_field(study.baseline, factor.name)
    found = []
    for level in factor.levels if own in factor.levels else (own, *factor.levels):
        planned = find_setting(evidence, derive_setting(study, {} if level == own else {factor.name: level}))
        if planned:
            found.append((level, planned.id))
    return tuple(found)


def describe_factor(
    evidence: Evidence, factor: Factor, levels: Levels, settings: Mapping[str, SettingSummary]
) -> list[str]:
    """Return notes: what was held fixed as the level changed, proposals that entered, levels that changed nothing."""
    notes = []
    if factor.name == "batch_size":
        notes.append(describe_batch_rule(evidence.study, [(level, settings[id_]) for level, id_ in levels]))
    if factor.name.startswith("rpn_") and factor.name.endswith("_train"):
        notes += describe_proposals(factor.name, [(level, settings[id_]) for level, id_ in levels])
    for level, id_ in levels:
        summary = settings[id_]
        if any(contrast.reason == IDENTICAL for contrast in summary.contrasts.values()):
            notes.append(f"{label_level(factor.name, level)} changed nothing: its predictions equal the baseline's.")
        notes += check_receipts(summary.label, [run for run in summary.runs if run.outcome == "finished"])
    return list(dict.fromkeys(notes))


def describe_batch_rule(study: Study, levels: Sequence[tuple[Any, SettingSummary]]) -> str:
    """Return what stayed the same as the batch size changed, and what thereby did not."""
    rule = study.when_batch_size_changes
    hold = "iterations" if rule is None else rule.hold
    trainings = [(level, summary.setting.training) for level, summary in levels]
    steps = ", ".join(f"{level}: {training.iterations:,}" for level, training in trainings)
    warmups = ", ".join(f"{level}: {training.warmup_iterations:,}" for level, training in trainings)
    rates = ", ".join(f"{level}: {format_level(training.learning_rate)}" for level, training in trainings)
    if hold == "images":
        text = f"Images seen are held fixed, so steps change with the batch size ({steps}) and warm-up too ({warmups})"
    else:
        images = ", ".join(f"{level}: {level * training.iterations:,}" for level, training in trainings)
        text = f"Steps are held fixed, so images seen change with the batch size ({images})"
    scaled = rule is not None and rule.learning_rate == "linear"
    return f"{text}; the learning rate {f'is scaled with it ({rates})' if scaled else 'is not scaled with it'}."


def describe_proposals(name: str, levels: Sequence[tuple[Any, SettingSummary]]) -> list[str]:
    """Return the mean proposals an image that entered and survived NMS at each level, and levels that were the same."""
    counts: list[tuple[Any, float, float]] = []
    for level, summary in levels:
        effective = [run.effective for run in summary.runs if run.outcome == "finished"]
        pairs = [
            (values["proposals_entered"], values["proposals_survived"])
            for values in effective
            if values.get("proposals_entered") is not None and values.get("proposals_survived") is not None
        ]
        if pairs:
            entered, survived = (statistics.fmean(column) for column in zip(*pairs, strict=True))
            counts.append((level, entered, survived))
    if not counts:
        return []
    listed = "; ".join(
        f"{level}: {entered:,.0f} entered, {survived:,.0f} survived" for level, entered, survived in counts
    )
    notes = [f"Proposals an image that entered NMS in training and survived it, mean: {listed}."]
    if "pre_nms" not in name:
        return notes
    for (level, entered, _), (other, entered_other, _) in itertools.pairwise(counts):
        if math.isclose(entered, entered_other, rel_tol=1e-9):
            notes.append(
                f"{level} and {other} let the same number of proposals in: between them the level did nothing."
            )
    return notes
