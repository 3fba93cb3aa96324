"""Effective values against the setting: whether what was asked for is what happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from detstudy.analysis.labels import label_factor
from detstudy.ledger import RunRecord
from detstudy.plan import format_level
from detstudy.setting import TrainingSetting

TOLERANCE = 0.05
"""Relative difference from which an applied learning rate is not the one asked for; its peak falls between steps."""


def check_receipts(label: str, runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return a note for each value that did not take effect as set, in any of the runs of a setting."""
    notes: dict[str, None] = {}
    for run in runs:
        notes.update(dict.fromkeys(check_receipt(run)))
    return tuple(f"{label}: {note}" for note in notes)


def check_receipt(run: RunRecord) -> list[str]:
    """Return what a run's effective values contradict in its setting; what was not recorded is not judged."""
    training, effective = run.setting.training, run.effective
    found = []
    applied, expected = effective.get("learning_rate_max"), find_peak_learning_rate(training)
    if isinstance(applied, int | float) and not math.isclose(applied, expected, rel_tol=TOLERANCE):
        found.append(f"the largest learning rate applied was {applied:.3g}, not {expected:.3g}")
    steps = effective.get("optimizer_steps")
    if isinstance(steps, int | float) and steps != training.iterations:
        found.append(f"{steps:,.0f} of {training.iterations:,} optimizer steps were taken")
    asked: dict[str, Any] = {
        "micro_batch_size": training.micro_batch_size or training.batch_size,
        "precision": training.precision,
    }
    for name, value in asked.items():
        if effective.get(name) not in (None, value):
            found.append(f"{label_factor(name)} was {format_level(effective[name])}, not {format_level(value)}")
    return found


def find_peak_learning_rate(training: TrainingSetting) -> float:
    """Return the largest learning rate that the schedule applies: at its start, or where the warm-up ends."""
    end = min(training.warmup_iterations, training.iterations - 1)
    progress = end / training.iterations
    multiplier = 1.0
    if training.schedule == "warmup_cosine":
        multiplier = 0.5 * (1 + math.cos(math.pi * progress))
    elif training.schedule == "warmup_multistep":
        multiplier = training.milestone_factor ** sum(progress >= milestone for milestone in training.milestones)
    start = training.warmup_factor if training.warmup_iterations else multiplier
    return training.learning_rate * max(multiplier, start)
