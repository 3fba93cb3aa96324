"""What a study will cost, before anything is spent: a few iterations of each distinct cost, side by side as in the run.

A probe is a process of its own, since a peak of memory is a process's. As many probes run at once as there will be
workers, so that they slow each other as the runs will.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from detstudy.data import build_ground_truth, read_dataset
from detstudy.execution.death import LOG_HINT, classify_death, name_signal, read_records
from detstudy.execution.interruption import end_group, raise_signals
from detstudy.execution.order import make_command, make_environment, make_order
from detstudy.execution.pace import schedule_tasks
from detstudy.execution.pool import list_tasks
from detstudy.execution.prepare import describe_data
from detstudy.execution.work import Task, is_task_due
from detstudy.ledger import Ledger, find_secrets, read_curve, redact
from detstudy.ledger.redaction import redact_texts
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
    trainings: tuple[str, ...] = ()  # the setting of each training of the plan, in order, the ended ones too
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
    """The answers of a cost's probes, and the seconds from start to end of their processes.

    Where memory ran out in any of them only those are kept.
    """

    answers: tuple[dict[str, Any], ...]
    walls: tuple[float, ...]

    @property
    def shortage(self) -> str | None:
        """Why it does not fit into memory; None where it does."""
        reason: str | None = self.answers[0].get("shortage")
        return reason

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
    before = Ledger(folder, study)
    with raise_signals(), tempfile.TemporaryDirectory(prefix="detstudy-forecast-") as temporary:
        ledger = Ledger(Path(temporary))
        description = describe_data(study.data)
        ledger.store_study(study, description)
        ledger.store_ground_truth("validation", build_ground_truth(read_dataset(study.data), "validation"))
        tasks = planned = list_tasks(plan, description["fingerprint"])
        left = {task: task.runs[0].setting.training.iterations for task in tasks}
        if (folder / "data.json").exists() and before.fingerprint == description["fingerprint"]:
            tasks = [task for task in tasks if is_task_due(before, task)]
            left = {task: count_left(task, before) for task in tasks}
        limit = min((each for each in (study.limits.memory, memory) if each is not None), default=None)
        measured = probe_costs(tasks, ledger, trainer=trainer, devices=devices, limit=limit, study=study)
    images = description["splits"]["validation"]["images"]
    places = {task: number for number, task in enumerate(planned, start=1)}
    runs = tuple(
        replace(
            forecast_run(task, measured[identify_cost(task.runs[0].setting)], study, images, left[task]),
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
    if len(devices) > 1 and runs:
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
        trainings=tuple(task.runs[0].setting_id for task in planned),
        ended=len(planned) - len(tasks),
        notes=tuple(notes),
    )


def find_shortage(answer: dict[str, Any], limit: int | None) -> str | None:
    """Return why a probe's setting does not fit into memory: it ran out, or a whole run would; None where it fits."""
    reason: str | None = answer.get("shortage")
    peak = answer.get("peak_memory_bytes")
    if reason or limit is None or not peak:
        return reason
    need = peak + answer.get("growth_bytes", 0)
    return f"needs about {format_size(need)}, the limit is {format_size(limit)}" if need > limit else None


def count_left(task: Task, ledger: Ledger) -> int:
    """Return the iterations that a training has before it, from its last checkpoint on; 0 where it has ended."""
    run = task.runs[0]
    iterations = run.setting.training.iterations
    if not ledger.is_training_due(run):
        return 0
    if ledger.find_largest_micro_batch(run) is not None:
        return iterations  # in smaller parts, from the beginning
    done = max((point["iteration"] for point in read_curve(ledger.run_folder(run) / "curves.jsonl")), default=0)
    every = ledger.load_study().monitoring.checkpoint_every
    return iterations - min(done, iterations - 1) // every * every


class Probes:
    """Runs the processes that measure, from any thread; none of them outlives `stop`, nor this process."""

    def __init__(self, ledger: Ledger, trainer: str, minutes: float | None) -> None:
        self._ledger = ledger
        self._trainer = trainer
        self._minutes = minutes  # after which one is taken to hang
        self._living: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End those at work; `run` starts none from now on."""
        with self._lock:
            self._stopped = True
            for process in self._living:
                end_group(process.pid)

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
            hung = threading.Event()
            with self._watch(process, hung):
                told = process.stdout.read()
                status = process.wait()
            with self._lock:
                self._living.discard(process)
            said.seek(0)
            log = said.read()
        seconds = time.monotonic() - start
        secrets = find_secrets(os.environ)
        lines, log_text = told.decode(errors="replace"), redact(log.decode(errors="replace"), secrets)
        if hung.is_set():
            raise RefusedError(
                f"setting {order['setting_id']}: the probe gave no answer for {self._minutes:g} minutes "
                "(limits.no_progress_minutes)"
            )
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
            how = name_signal(-status) if status < 0 else f"status {status}"
            last = (log_text.strip().splitlines() or ["it said nothing"])[-1]
            raise RefusedError(f"setting {order['setting_id']}: the probe ended with {how}: {last}")
        answer: dict[str, Any] = redact_texts(json.loads(lines.splitlines()[-1]), secrets)
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer, seconds

    @contextlib.contextmanager
    def _watch(self, process: subprocess.Popen[bytes], hung: threading.Event) -> Iterator[None]:
        """End a process that takes too long meanwhile, and say so."""

        def give_up() -> None:
            hung.set()
            end_group(process.pid)

        watchdog = threading.Timer(60 * self._minutes, give_up) if self._minutes is not None else None
        if watchdog is not None:
            watchdog.daemon = True
            watchdog.start()
        try:
            yield
        finally:
            if watchdog is not None:
                watchdog.cancel()

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

    probes = Probes(ledger, trainer, study.limits.no_progress_minutes)

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
    kept = [pair for pair in found if pair[0].get("shortage")] or found
    return Measured(answers=tuple(pair[0] for pair in kept), walls=tuple(pair[1] for pair in kept))


def probe_setting(
    order: dict[str, Any], training: TrainingSetting, accumulate: bool, probes: Probes, device: str
) -> tuple[dict[str, Any], float]:
    """Return what `Probes.run` does; where memory runs out and the study accumulates, with smaller micro-batches."""
    limit = order["memory_limit"]
    answer, seconds = probes.run(order, device)
    size = choose_micro_batch(training, None)
    failed = 0.0
    while accumulate and find_shortage(answer, limit) and size > 1:
        failed += seconds
        size = (size + 1) // 2  # as a run would, after each failure
        answer, seconds = probes.run({**order, "largest_micro_batch": size}, device)
    answer["shortage"] = find_shortage(answer, limit)
    if not answer.get("shortage"):
        split = describe_accumulation(training.batch_size, size) if size < training.batch_size else None
        answer |= {"accumulation": split, "failed_seconds": failed}
    return answer, seconds


def forecast_run(task: Task, measured: Measured, study: Study, images: int, left: int) -> RunForecast:
    """Add up what is left of a training with its evaluations, from its cost's probes.

    `images` are those to validate on, `left` the iterations; where none are left only evaluations are.
    """
    first = measured.answers[0]
    peak = forecast_peak(measured)
    shortage = measured.shortage
    if shortage:
        seconds = _spread(statistics.fmean(measured.walls), 0.5)
        none = Range(low=0.0, expected=0.0, high=0.0)
        return RunForecast(
            runs=task.runs, training_seconds=none, seconds=seconds, peak_memory_bytes=peak, fits=False, reason=shortage
        )
    start = statistics.fmean(measured.walls) - measured.average("timed_seconds")
    each = forecast_iteration(measured)
    warmup = measured.average("warmup_seconds") if left else 0.0
    training = Range(**{name: warmup + left * getattr(each, name) for name in ("low", "expected", "high")})
    other = start + count_other_seconds(task, measured, study, images, left)
    other += measured.average("failed_seconds") if left else 0.0
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


def count_other_seconds(task: Task, measured: Measured, study: Study, images: int, left: int) -> float:
    """Return what a run takes beside its iterations and its start: validations, checkpoints, evaluations."""
    monitoring, training = study.monitoring, task.runs[0].setting.training
    some = images if monitoring.validation_images is None else min(images, monitoring.validation_images)
    validations = checkpoints = 0.0
    if left:
        between = (left - 1) // monitoring.validate_every if monitoring.validate_every else 0
        validations = measured.average("first_validation_seconds")
        validations += (between + 1) * some * measured.average("validation_seconds")
        checkpoints = (left - 1) // monitoring.checkpoint_every * measured.average("checkpoint_seconds")
    # The last validation's predictions are those of the first evaluation, where it saw every image.
    again = len(task.runs) - (left > 0 and some == images and training.checkpoint_rule == "last")
    predictions = again * images * measured.average("prediction_seconds")
    evaluations = measured.average("evaluation_seconds")
    evaluations += len(task.runs) * images * measured.average("evaluation_image_seconds")
    return validations + checkpoints + predictions + evaluations


def _spread(expected: float, share: float) -> Range:
    return Range(low=expected * (1 - share), expected=expected, high=expected * (1 + share))
