"""What a study will cost, before anything is spent: what a few iterations of each distinct cost took, added up."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detstudy.data import build_ground_truth
from detstudy.execution.interruption import raise_signals
from detstudy.execution.pace import schedule_tasks
from detstudy.execution.prepare import describe_data, read_data, store_records
from detstudy.execution.tasks import Task, is_task_due, list_tasks
from detstudy.forecast.facts import Note, ProbedSideBySide, Shortage
from detstudy.forecast.measurement import Measured, probe_costs
from detstudy.ledger import Ledger, read_curve
from detstudy.ledger.plans import DECISIONS
from detstudy.plan import Plan, PlannedRun, identify_cost
from detstudy.study.study import Study

MEMORY_MARGIN = 0.1
"""Of the expected peak: how far a long run may go above it, by gaps that its allocator leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A forecast number, and between what it lies."""

    low: float
    expected: float
    high: float


NOTHING = Range(low=0.0, expected=0.0, high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForecast:
    """What one training with its evaluations will take. `seconds` are those of its worker, everything included."""

    runs: tuple[PlannedRun, ...]
    training_seconds: Range  # of the iterations alone
    seconds: Range
    peak_memory_bytes: Range | None  # None where it ran out before that was known
    fits: bool
    reason: Shortage | None = None  # why it doesn't fit
    accumulation: str | None = None  # "16 as 2 × 8", by the setting or where the whole batch doesn't fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is left of a study will take, for so many workers at a time."""

    runs: tuple[RunForecast, ...]
    workers: int
    total_seconds: Range
    probe_seconds: float  # what the forecast itself took
    memory_limit: int | None
    validation_images: int
    validation_sequences: int
    trainings: tuple[PlannedRun, ...]  # the first run of each training of the plan, in order, the ended ones too
    notes: tuple[ProbedSideBySide | Note, ...] = ()

    @property
    def ended(self) -> int:
        """How many trainings are done."""
        return len(self.trainings) - len(self.runs)

    @property
    def fits(self) -> bool:
        """Whether every run fits into memory."""
        return all(run.fits for run in self.runs)

    @property
    def peak_memory_bytes(self) -> Range | None:
        """The largest of the runs' peaks that are known and fit."""
        peaks = [run.peak_memory_bytes for run in self.runs if run.peak_memory_bytes and run.fits]
        return max(peaks, key=lambda peak: peak.expected, default=None)


def forecast_study(
    study: Study, plan: Plan, folder: Path, *, devices: Sequence[str], memory: int | None = None
) -> Forecast:
    """Measure and add up what is left of a study in its folder, which is left as it is.

    `memory` in bytes is what a run may take, where that is less than the study's own limit. Raises DataError for
    faults of the data, RefusedError where a setting can't be trained here.
    """
    began = time.monotonic()
    before = Ledger(folder, study)
    with raise_signals(), tempfile.TemporaryDirectory(prefix="detstudy-forecast-") as temporary:
        ledger = Ledger(Path(temporary))
        read = read_data(study.data)
        description = describe_data(study.data, read)
        validation = description.splits["validation"]
        store_records(study, ledger, read)
        ledger.store_study(study, description)
        if (folder / DECISIONS).is_dir():
            shutil.copytree(folder / DECISIONS, ledger.folder / DECISIONS)
        ledger.store_ground_truth("validation", build_ground_truth(read.dataset, "validation"))
        tasks = planned = list_tasks(plan, description.fingerprint)
        left = {task: task.runs[0].setting.get("iterations", 0) for task in tasks}
        if (folder / "data.json").exists() and before.fingerprint == description.fingerprint:
            tasks = [task for task in tasks if is_task_due(before, task)]
            left = {task: count_left(task, before) for task in tasks}
        limit = min((each for each in (study.limits.memory, memory) if each is not None), default=None)
        measured = probe_costs(tasks, ledger, devices=devices, limit=limit, study=study)
    images = validation.images
    runs = tuple(
        forecast_run(task, measured[identify_cost(task.runs[0].setting)], study, images, left[task]) for task in tasks
    )
    total = Range(
        low=schedule_tasks([run.seconds.low for run in runs], len(devices)),
        expected=schedule_tasks([run.seconds.expected for run in runs], len(devices)),
        high=schedule_tasks([run.seconds.high for run in runs], len(devices)),
    )
    notes: list[ProbedSideBySide | Note] = []
    if len(devices) > 1 and runs:
        notes.append(ProbedSideBySide(len(devices)))
    if memory is not None and devices[0] == "cpu":
        notes.append(Note.MEMORY_OF_A_CPU)
    return Forecast(
        runs=runs,
        workers=len(devices),
        total_seconds=total,
        probe_seconds=time.monotonic() - began,
        memory_limit=limit,
        validation_images=images,
        validation_sequences=validation.sequences,
        trainings=tuple(task.runs[0] for task in planned),
        notes=tuple(notes),
    )


def count_left(task: Task, ledger: Ledger) -> int:
    """Return the iterations that a training has before it, from its last checkpoint on; 0 where it has ended."""
    run = task.runs[0]
    iterations: int = run.setting.get("iterations", 0)
    if not ledger.is_training_due(run):
        return 0
    if ledger.find_largest_micro_batch(run) is not None:
        return iterations  # in smaller parts, from the beginning
    done = max((point.iteration for point in read_curve(ledger.run_folder(run) / "curves.jsonl")), default=0)
    every = ledger.load_study().monitoring.checkpoint_every
    return iterations - min(done, iterations - 1) // every * every


def forecast_run(task: Task, measured: Measured, study: Study, images: int, left: int) -> RunForecast:
    """Add up what is left of a training with its evaluations, from its cost's probes.

    `images` are those to validate on, `left` the iterations; where none are left only evaluations are.
    """
    start = statistics.fmean(measured.walls)
    if measured.shortage:
        training, whole = NOTHING, Range(low=start * 0.5, expected=start, high=start * 1.5)
    else:
        each = forecast_iteration(measured)
        warmup = measured.average("warmup_seconds") if left else 0.0
        training = Range(
            low=warmup + left * each.low, expected=warmup + left * each.expected, high=warmup + left * each.high
        )
        other = start - measured.average("timed_seconds") + count_other_seconds(task, measured, study, images, left)
        other += measured.average("failed_seconds") if left else 0.0
        whole = Range(
            low=training.low + other * 0.8, expected=training.expected + other, high=training.high + other * 1.25
        )
    return RunForecast(
        runs=task.runs,
        training_seconds=training,
        seconds=whole,
        peak_memory_bytes=forecast_peak(measured),
        fits=not measured.shortage,
        reason=measured.shortage,
        accumulation=measured.answers[0].get("accumulation"),
    )


def forecast_iteration(measured: Measured) -> Range:
    """Return the seconds of an iteration: crowded batches give what is expected, typical ones the least.

    Between the quarters of what was measured; the machine's own moods over hours are in no probe.
    """
    typical = measured.gather("iteration_seconds")
    if not typical:
        return NOTHING
    crowded = measured.gather("crowded_seconds") or typical
    expected = statistics.fmean(crowded)
    low, high = float(np.quantile(typical, 0.25)), float(np.quantile(crowded, 0.75))
    return Range(low=min(low, expected), expected=expected, high=max(high, expected))


def forecast_peak(measured: Measured) -> Range | None:
    """Return the peak of a run's memory: what the probe saw, what a long run adds, and a margin."""
    peaks = [answer["peak_memory_bytes"] for answer in measured.answers if answer.get("peak_memory_bytes")]
    if not peaks:
        return None
    expected = max(peaks) + measured.answers[0].get("growth_bytes", 0)
    return Range(low=float(min(peaks)), expected=float(expected), high=expected * (1 + MEMORY_MARGIN))


def count_other_seconds(task: Task, measured: Measured, study: Study, images: int, left: int) -> float:
    """Return what a run takes beside its iterations and its start: validations, checkpoints, evaluations."""
    monitoring, setting = study.monitoring, task.runs[0].setting
    some = images if monitoring.validation_images is None else min(images, monitoring.validation_images)
    validations = checkpoints = 0.0
    if left:
        between = (left - 1) // monitoring.validate_every if monitoring.validate_every else 0
        validations = measured.average("first_validation_seconds")
        validations += (between + 1) * some * measured.average("validation_seconds")
        checkpoints = (left - 1) // monitoring.checkpoint_every * measured.average("checkpoint_seconds")
    # The last validation's predictions are those of the first evaluation, where it saw every image.
    again = len(task.runs) - (left > 0 and some == images and setting.get("checkpoint_rule", "last") == "last")
    predictions = again * images * measured.average("prediction_seconds")
    evaluations = measured.average("evaluation_seconds")
    evaluations += len(task.runs) * images * measured.average("evaluation_image_seconds")
    return validations + checkpoints + predictions + evaluations
