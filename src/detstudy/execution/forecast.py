"""What a study will cost, before anything is spent: a few iterations of each distinct cost, side by side as in the run.

A probe is a process of its own, since a peak of memory is a process's. As many probes run at once as there will be
workers, so that they slow each other as the runs will.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from detstudy.data import build_ground_truth, read_dataset
from detstudy.execution.death import LOG_HINT, classify_death, read_records
from detstudy.execution.interruption import raise_signals
from detstudy.execution.order import make_command, make_environment, make_order
from detstudy.execution.pace import schedule_tasks
from detstudy.execution.pool import list_tasks
from detstudy.execution.prepare import describe_data
from detstudy.execution.work import Task, is_task_due
from detstudy.ledger import Ledger, find_secrets, redact
from detstudy.plan import Plan, PlannedRun, identify_cost
from detstudy.setting import Setting, TrainingSetting
from detstudy.size import format_size
from detstudy.study import Study
from detstudy.trainer import RefusedError, choose_micro_batch, describe_accumulation

MEMORY_MARGIN = 0.1
"""Of the expected peak: how far a long run may go above it, by gaps that its allocator leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A forecast number, and between what it lies."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForecast:
    """What one training with its evaluations will take. `seconds` are those of its worker, everything included."""

    runs: tuple[PlannedRun, ...]
    training_seconds: Range  # of the iterations alone
    seconds: Range
    peak_memory_bytes: Range | None  # None where it ran out before it could be told
    fits: bool
    reason: str | None = None  # why it doesn't fit
    position: int = 0  # among the trainings of the plan, from 1
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
    ended: int = 0  # trainings that are done
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether every run fits into memory."""
        return all(run.fits for run in self.runs)

    @property
    def peak_memory_bytes(self) -> Range | None:
        """The largest of the runs' peaks that are known and fit."""
        peaks = [run.peak_memory_bytes for run in self.runs if run.peak_memory_bytes and run.fits]
        return max(peaks, key=lambda peak: peak.expected, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answers of a cost's probes, and the seconds from start to end of their processes."""

    answers: tuple[dict[str, Any], ...]
    walls: tuple[float, ...]

    def average(self, name: str) -> float:
        """Return the mean of a number; 0 where probes have none."""
        return statistics.fmean(answer.get(name, 0.0) for answer in self.answers)

    def gather(self, name: str) -> list[float]:
        """Return the numbers of all probes."""
        return [value for answer in self.answers for value in answer.get(name, ())]


def forecast_study(
    study: Study, plan: Plan, folder: Path, *, trainer: str, devices: Sequence[str], memory: int | None = None
) -> Forecast:
    """Measure and add up what is left of a study in its folder, which is left as it is.

    `memory` in bytes is what a run may take, where that is less than the study's own limit. Raises DataError for
    faults of the data, RefusedError where a setting can't be trained here.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="detstudy-forecast-") as temporary:
        ledger = Ledger(Path(temporary))
        description = describe_data(study.data)
        ledger.store_study(study, description)
        ledger.store_ground_truth("validation", build_ground_truth(read_dataset(study.data), "validation"))
        tasks = planned = list_tasks(plan, description["fingerprint"])
        if (folder / "data.json").exists() and Ledger(folder).fingerprint == description["fingerprint"]:
            tasks = [task for task in tasks if is_task_due(Ledger(folder), task)]
        limit = min((each for each in (study.limits.memory, memory) if each is not None), default=None)
        with raise_signals():
            measured = probe_costs(tasks, ledger, trainer=trainer, devices=devices, limit=limit, study=study)
    images = description["splits"]["validation"]["images"]
    places = {task: number for number, task in enumerate(planned, start=1)}
    runs = tuple(
        replace(
            forecast_run(task, measured[identify_cost(task.runs[0].setting)], study, images, limit),
            position=places[task],
        )
        for task in tasks
    )
    total = Range(
        **{
            name: schedule_tasks([getattr(run.seconds, name) for run in runs], len(devices))
            for name in ("low", "expected", "high")
        }
    )
    notes = []
    if len(devices) > 1:
        notes.append(f"measured with {len(devices)} probes side by side, as the runs will share the machine")
    if memory is not None and devices[0] == "cpu":
        notes.append("memory is the process's on this CPU; on a GPU it will be another: forecast there")
    return Forecast(
        runs=runs,
        workers=len(devices),
        total_seconds=total,
        probe_seconds=time.monotonic() - began,
        memory_limit=limit,
        validation_images=images,
        validation_sequences=description["splits"]["validation"]["sequences"],
        ended=len(planned) - len(tasks),
        notes=tuple(notes),
    )


class Probes:
    """Runs the processes that measure, from any thread; none of them outlives `stop`, nor this process."""

    def __init__(self, ledger: Ledger, trainer: str) -> None:
        self._ledger = ledger
        self._trainer = trainer
        self._living: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End those at work; `run` starts none from now on."""
        with self._lock:
            self._stopped = True
            for process in self._living:
                process.kill()

    def run(self, order: dict[str, Any], device: str) -> tuple[dict[str, Any], float]:
        """Return a probe's answer and the seconds that its process lived; its memory that ran out is a "shortage".

        Raises RefusedError where it ended otherwise without an answer.
        """
        records = read_records()
        kills, messages = records.count_kills(), records.read_log()
        start = time.monotonic()
        with tempfile.TemporaryFile() as said, self._start(device, said) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            line = json.dumps(make_order(self._ledger, self._trainer, device, **order)) + "\n"
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line.encode())
                process.stdin.flush()  # and left open: the probe ends when it closes, as it does when this process dies
            told = process.stdout.read()
            status = process.wait()
            with self._lock:
                self._living.discard(process)
            said.seek(0)
            log = said.read()
        seconds = time.monotonic() - start
        secrets = find_secrets(os.environ)
        lines, log_text = (redact(part.decode(errors="replace"), secrets) for part in (told, log))
        if status:
            outcome, reason = classify_death(
                status,
                process.pid,
                kills_before=kills,
                messages_before=messages,
                sample=None,
                log=log_text,
                records=records,
            )
            if outcome == "out_of_memory":
                return {"shortage": reason.removesuffix(LOG_HINT)}, seconds
        if status or not lines.strip():
            how = signal.Signals(-status).name if status < 0 else f"status {status}"
            last = (log_text.strip().splitlines() or ["it said nothing"])[-1]
            raise RefusedError(f"setting {order['setting_id']}: the probe ended with {how}: {last}")
        answer: dict[str, Any] = json.loads(lines.splitlines()[-1])
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer, seconds

    def _start(self, device: str, said: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise RefusedError("the forecast was stopped")
            process = subprocess.Popen(
                make_command("detstudy.execution.probe"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=make_environment(device),
                start_new_session=True,  # a terminal's Ctrl-C reaches this process alone
            )
            self._living.add(process)
            return process


def probe_costs(
    tasks: Sequence[Task], ledger: Ledger, *, trainer: str, devices: Sequence[str], limit: int | None, study: Study
) -> dict[Setting, Measured]:
    """Measure every distinct cost among the tasks, as many at a time as there are devices.

    The last round is filled with the costs that most tasks have, so that no probe has the machine to itself.
    """
    counts: dict[Setting, int] = {}
    settings: dict[Setting, str] = {}
    for task in tasks:
        cost = identify_cost(task.runs[0].setting)
        counts[cost] = counts.get(cost, 0) + 1
        settings.setdefault(cost, task.runs[0].setting_id)
    if not counts:
        return {}
    common = sorted(counts, key=lambda cost: -counts[cost])
    missing = -len(common) % len(devices)
    wanted = [*common, *(common[number % len(common)] for number in range(missing))]
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    probes = Probes(ledger, trainer)

    def probe(number: int) -> tuple[dict[str, Any], float]:
        device = free.get()
        try:
            cost = wanted[number]
            order = {"setting_id": settings[cost], "memory_limit": limit}
            accumulate = study.on_out_of_memory == "accumulate"
            return probe_setting(order, cost.training, accumulate, probes, device)
        finally:
            free.put(device)

    with ThreadPoolExecutor(len(devices)) as pool:
        try:
            found = list(pool.map(probe, range(len(wanted))))
        except BaseException:
            probes.stop()
            pool.shutdown(cancel_futures=True)
            raise
    measured = {}
    for cost in common:
        measured[cost] = summarise_probes([pair for each, pair in zip(wanted, found, strict=True) if each == cost])
    return measured


def summarise_probes(found: Sequence[tuple[dict[str, Any], float]]) -> Measured:
    """Return the answers of one cost's probes, each with the seconds that its process lived, as one record."""
    return Measured(answers=tuple(pair[0] for pair in found), walls=tuple(pair[1] for pair in found))


def probe_setting(
    order: dict[str, Any], training: TrainingSetting, accumulate: bool, probes: Probes, device: str
) -> tuple[dict[str, Any], float]:
    """Return what `Probes.run` does; where memory runs out and the study accumulates, with smaller micro-batches."""
    answer, seconds = probes.run(order, device)
    size = choose_micro_batch(training, None)
    failed = 0.0
    while accumulate and answer.get("shortage") and size > 1:
        failed += seconds
        size = (size + 1) // 2  # as a run would, after each failure
        answer, seconds = probes.run({**order, "largest_micro_batch": size}, device)
    if not answer.get("shortage"):
        split = describe_accumulation(training.batch_size, size) if size < training.batch_size else None
        answer |= {"accumulation": split, "failed_seconds": failed}
    return answer, seconds


def forecast_run(task: Task, measured: Measured, study: Study, images: int, limit: int | None) -> RunForecast:
    """Add up what a training with its evaluations takes, from its cost's probes. `images` are those to validate on."""
    first = measured.answers[0]
    peak = forecast_peak(measured)
    shortage = first.get("shortage")
    if shortage is None and peak and limit is not None and peak.expected > limit:
        shortage = f"needs about {format_size(peak.expected)}, the limit is {format_size(limit)}"
    if shortage:
        seconds = _spread(statistics.fmean(measured.walls), 0.5)
        none = Range(low=0.0, expected=0.0, high=0.0)
        return RunForecast(
            runs=task.runs, training_seconds=none, seconds=seconds, peak_memory_bytes=peak, fits=False, reason=shortage
        )
    start = statistics.fmean(measured.walls) - measured.average("timed_seconds")
    iterations = task.runs[0].setting.training.iterations
    each = forecast_iteration(measured)
    warmup = measured.average("warmup_seconds")
    training = Range(
        **{name: warmup + iterations * getattr(each, name) for name in ("low", "expected", "high")},
    )
    other = start + measured.average("failed_seconds") + count_other_seconds(task, measured, study, images)
    whole = Range(low=training.low + other * 0.8, expected=training.expected + other, high=training.high + other * 1.25)
    return RunForecast(
        runs=task.runs,
        training_seconds=training,
        seconds=whole,
        peak_memory_bytes=peak,
        fits=True,
        accumulation=first.get("accumulation"),
    )


def forecast_iteration(measured: Measured) -> Range:
    """Return the seconds of an iteration: crowded batches tell what is expected, typical ones the least.

    Between the quarters of what was measured; the machine's own moods over hours are in no probe.
    """
    typical, crowded = measured.gather("iteration_seconds"), measured.gather("crowded_seconds")
    crowded = crowded or typical
    if not typical:
        return Range(low=0.0, expected=0.0, high=0.0)
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


def count_other_seconds(task: Task, measured: Measured, study: Study, images: int) -> float:
    """Return what a run takes beside its iterations and its start: validations, checkpoints, evaluations."""
    monitoring, training = study.monitoring, task.runs[0].setting.training
    some = images if monitoring.validation_images is None else min(images, monitoring.validation_images)
    between = (training.iterations - 1) // monitoring.validate_every if monitoring.validate_every else 0
    validations = measured.average("first_validation_seconds")
    validations += (between + 1) * some * measured.average("validation_seconds")
    checkpoints = (training.iterations - 1) // monitoring.checkpoint_every * measured.average("checkpoint_seconds")
    # The last validation's predictions are those of the first evaluation, where it saw every image.
    again = len(task.runs) - (some == images and training.checkpoint_rule == "last")
    predictions = again * images * measured.average("prediction_seconds")
    evaluations = measured.average("evaluation_seconds")
    evaluations += len(task.runs) * images * measured.average("evaluation_image_seconds")
    return validations + checkpoints + predictions + evaluations


def _spread(expected: float, share: float) -> Range:
    return Range(low=expected * (1 - share), expected=expected, high=expected * (1 + share))
