"""Runs what is missing of a study: one process a run, side by side, and nothing lost when any of them dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import RawIOBase
from pathlib import Path
from typing import Any, Protocol

from detstudy.execution.death import MemorySample, Records, classify_death, read_records, sample_memory
from detstudy.execution.interruption import end_group, raise_signals
from detstudy.execution.order import CPU, give_order, make_command, make_environment, make_order
from detstudy.execution.work import EXIT_HELD, EXIT_REFUSED, STACKS_SIGNAL, Task, is_task_due
from detstudy.ledger import MAX_ATTEMPTS, LeaseHeldError, Ledger, drop_stale_lease, find_secrets, is_lease_live, redact
from detstudy.plan import Plan, PlannedRun, identify_training
from detstudy.study.setting import Measure, Outcome, SplitName
from detstudy.study.study import Limits
from detstudy.trainers.contract import RefusedError, choose_micro_batch

GRACE_SECONDS = 15.0
READ_SECONDS = 5.0
POLL_SECONDS = 0.2
SAMPLE_SECONDS = 1.0
KILLS_KEPT = 10  # samples; a process that was killed takes a while to be gone
STACKS_SECONDS = 0.5  # for a worker that hangs to write where it stands
LOG_END = 2000  # bytes, in which a worker may have said why it died


class Watcher(Protocol):
    """Sees what happens in a study; the terminal's progress is one."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """These tasks are left to do."""

    def note(self, task: Task, event: dict[str, Any]) -> None:
        """A worker told an event: a curve's point, "evaluating", or it "started", "ended", left a run to another."""


@dataclass(slots=True)
class _Worker:
    """A live worker process."""

    task: Task
    process: subprocess.Popen[bytes]
    device: str
    readers: list[threading.Thread] = field(default_factory=list)  # of its events and of its log
    log_start: int = 0  # bytes of the log before this worker's
    refused: str | None = None
    silent: float = 0.0  # seconds without an event, of the driver's own time
    stalled: bool = False  # killed for it
    sample: MemorySample | None = None  # the last one, with the most that the worker held in any
    at_work: str | None = None  # what takes the most memory so far, in the trainer's words
    kills: deque[int | None] = field(default_factory=lambda: deque(maxlen=KILLS_KEPT))  # the system's, at each sample
    messages: Sequence[str] = ()  # the kernel's of killed processes, before this one was started


def list_tasks(plan: Plan, fingerprint: str, splits: tuple[SplitName, ...] = ("validation",)) -> list[Task]:
    """Group a plan's runs by training, in the plan's order."""
    groups: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        groups.setdefault(identify_training(run, fingerprint), []).append(run)
    return [Task(runs=tuple(runs), splits=splits) for runs in groups.values()]


def run_tasks(
    tasks: Sequence[Task],
    ledger: Ledger,
    *,
    trainer: str,
    devices: Sequence[str],
    watcher: Watcher,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Work on all due tasks, one process each, as many at a time as there are devices ("cpu", or a GPU's name).

    A worker that dies leaves a crashed run, which is tried again from its checkpoint (MAX_ATTEMPTS in all), or one that
    is out of memory, where the system has that on record. One that tells of no progress for longer than the study's
    limit is killed, and its run tried again alike. A run that another driver holds is left to it and waited for. Once
    `is_over` says so the workers are stopped, their checkpoints kept. Raises InterruptedStudyError on SIGINT, SIGTERM
    and SIGHUP, after the workers stopped; RefusedError where a setting can't be trained here.
    """
    due = []
    for task in tasks:
        if is_task_due(ledger, task):
            due.append(task)
        else:
            drop_stale_lease(ledger.run_folder(task.runs[0]))
    limits = ledger.load_study().limits
    records = read_records()
    watcher.begin(due)
    free = list(devices)
    workers: list[_Worker] = []
    looked = time.monotonic()
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    with raise_signals():
        try:
            while (due or workers) and not is_over():
                for task in [task for task in due if not _is_held(ledger, task)]:
                    if not free:
                        break
                    due.remove(task)
                    if is_task_due(ledger, task):
                        messages = records.read_log()
                        worker = _start_worker(task, ledger, trainer, free.pop(0), len(devices), events, workers)
                        worker.messages = messages
                        watcher.note(task, {"kind": "started"})
                    else:
                        watcher.note(task, {"kind": "ended"})
                _pass_events(events, watcher)
                for worker in [worker for worker in workers if worker.process.poll() is not None]:
                    workers.remove(worker)
                    free.append(worker.device)
                    if _settle(worker, workers, ledger, events, watcher, limits, records):
                        due = [task for task in tasks if task in (*due, worker.task)]  # in the order of their use
                looked = _look_after(workers, looked, limits, records)
        finally:
            _stop_workers(workers)


def prepare_trainer(ledger: Ledger, trainer: str) -> None:
    """Let the trainer check every setting before any run starts, again where a signal ended it. Raises RefusedError."""
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    for _ in range(MAX_ATTEMPTS):
        worker = _launch(make_order(ledger, trainer, CPU, kind="prepare"), Task(runs=()), CPU, None, events, [])
        worker.process.wait()
        _close(worker)
        if worker.process.returncode >= 0:
            break
    while not events.empty():
        event = events.get()[1]
        if event["kind"] == "refused":
            raise RefusedError(event["message"])
    if worker.process.returncode:
        raise RefusedError(f"the trainer {trainer} can't prepare the study's settings; its error stands above")


def _start_worker(
    task: Task,
    ledger: Ledger,
    trainer: str,
    device: str,
    side_by_side: int,
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]],
    workers: list[_Worker],
) -> _Worker:
    folder = ledger.make_run_folder(task.runs[0])
    order = make_order(
        ledger,
        trainer,
        device,
        kind="work",
        training=folder.name,
        runs=[[run.setting_id, run.seed] for run in task.runs],
        splits=list(task.splits),
        workers=side_by_side,
    )
    log = (folder / "log.txt").open("ab", buffering=0)
    start = log.tell()
    worker = _launch(order, task, device, log, events, workers)
    worker.log_start = start
    return worker


def _launch(
    order: dict[str, Any],
    task: Task,
    device: str,
    log: RawIOBase | None,
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]],
    workers: list[_Worker],
) -> _Worker:
    """Start a worker process with its order and add it to `workers`, so that it is stopped whatever happens next.

    Without a log what it says goes to this process's standard error.
    """
    process = subprocess.Popen(
        make_command("detstudy.execution.worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if log is None else subprocess.PIPE,
        env=make_environment(device),
        start_new_session=True,  # a terminal's Ctrl-C reaches the driver alone, which stops its workers in order
    )
    worker = _Worker(task=task, process=process, device=device)
    workers.append(worker)
    give_order(process, order)
    worker.readers.append(threading.Thread(target=_read_events, args=(worker, events), daemon=True))
    if log is not None:
        worker.readers.append(threading.Thread(target=_keep_log, args=(process, log), daemon=True))
    for reader in worker.readers:
        reader.start()
    return worker


def _read_events(worker: _Worker, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
    assert worker.process.stdout is not None
    with worker.process.stdout as lines:
        for line in lines:
            worker.silent = 0.0
            with contextlib.suppress(json.JSONDecodeError):
                events.put((worker, json.loads(line)))


def _keep_log(process: subprocess.Popen[bytes], log: RawIOBase) -> None:
    """Write what a worker says into its run's log, without the secrets of the environment."""
    assert process.stderr is not None
    secrets = find_secrets(os.environ)
    with log, process.stderr:
        for line in process.stderr:
            text = redact(line.decode(errors="surrogateescape"), secrets)
            with contextlib.suppress(OSError):  # a full disk: the worker must not wait for its log
                log.write(text.encode(errors="surrogateescape"))


def _pass_events(events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]], watcher: Watcher) -> None:
    try:
        worker, event = events.get(timeout=POLL_SECONDS)
    except queue.Empty:
        return
    while True:
        if event["kind"] == "refused":
            worker.refused = event["message"]
        elif event["kind"] == "at_work":
            worker.at_work = event["what"]
        elif event["kind"] != "beat":
            watcher.note(worker.task, event)
        try:
            worker, event = events.get_nowait()
        except queue.Empty:
            return


def _look_after(workers: Sequence[_Worker], looked: float, limits: Limits, records: Records) -> float:
    """Sample the workers' memory and kill those that hang, once a while; return when that was last done."""
    now = time.monotonic()
    if now - looked < SAMPLE_SECONDS:
        return looked
    kills = records.count_kills()
    for worker in workers:
        sample = sample_memory(worker.process.pid)
        if sample is not None:
            most = max(sample.worker, worker.sample.worker if worker.sample else 0)
            worker.sample = replace(sample, worker=most)
        worker.kills.append(kills)
        # A driver that was stopped for a while has not listened: that is no silence of its workers.
        worker.silent += min(now - looked, 2 * SAMPLE_SECONDS)
        minutes = limits.no_progress_minutes
        if minutes is not None and worker.silent > 60 * minutes and not worker.stalled:
            worker.stalled = True
            _kill_stalled(worker)
    return now


def _kill_stalled(worker: _Worker) -> None:
    """Kill a worker with all its children, after it wrote where it stands."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.process.pid, STACKS_SIGNAL)
        time.sleep(STACKS_SECONDS)
        end_group(worker.process.pid)


def _settle(
    worker: _Worker,
    others: Sequence[_Worker],
    ledger: Ledger,
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]],
    watcher: Watcher,
    limits: Limits,
    records: Records,
) -> bool:
    """Close a worker that ended; return whether its task must be tried again."""
    end_group(worker.process.pid)
    _close(worker)
    _pass_events(events, watcher)
    status = worker.process.returncode
    if status == EXIT_REFUSED:
        raise RefusedError(worker.refused or "the trainer refused the setting; see the run's log.txt")
    if status not in (0, EXIT_HELD):
        with contextlib.suppress(LeaseHeldError), ledger.claim(worker.task.runs[0]):  # else another has it already
            outcome = _note_death(worker, ledger, limits, records)
            if outcome == "out_of_memory" and status == -signal.SIGKILL:
                _count_kill(others, records)
    again = is_task_due(ledger, worker.task)
    kind = "held" if status == EXIT_HELD else "again"
    watcher.note(worker.task, {"kind": kind if again else "ended"})
    return again


def _count_kill(others: Sequence[_Worker], records: Records) -> None:
    """Take one kill of the system out of what may have hit the other workers: it hit another."""
    now = records.count_kills()
    if now is not None:
        for other in others:
            other.kills = deque((k if k is None else min(k + 1, now) for k in other.kills), KILLS_KEPT)


def _note_death(worker: _Worker, ledger: Ledger, limits: Limits, records: Records) -> Outcome:
    """Write how a worker ended that could not write its own result; return the outcome."""
    task = worker.task
    run = task.runs[0]
    outcome: Outcome = "timed_out"
    reason = f"no progress for {limits.no_progress_minutes:g} minutes (limits.no_progress_minutes; see log.txt)"
    if not worker.stalled:
        outcome, reason = classify_death(
            worker.process.returncode,
            worker.process.pid,
            kills_before=worker.kills[0] if worker.kills else None,
            messages_before=worker.messages,
            sample=worker.sample,
            log=_read_log_end(ledger.run_folder(run) / "log.txt", worker.log_start),
            records=records,
        )
    if ledger.is_training_due(run):
        measures: tuple[Measure, ...] = ()
        effective = None
        if outcome == "out_of_memory":
            size = choose_micro_batch(run.setting.training, ledger.find_largest_micro_batch(run))
            effective = {"micro_batch_size": size}
            reason = f"{reason}; its densest batch so far: {worker.at_work}" if worker.at_work else reason
            if worker.sample is not None and worker.device == CPU:
                measures = (Measure(name="train/peak_memory_bytes", value=float(worker.sample.worker), unit="bytes"),)
        ledger.end_run(run, outcome, reason, measures, effective)
        return outcome
    for run in task.runs:
        for split in task.splits:
            if ledger.is_evaluation_due(run, split):
                ledger.end_evaluation(run, split, outcome, f"evaluation: {reason}")
                return outcome
    return outcome


def _read_log_end(path: Path, start: int) -> str:
    """Return the end of what was written to a log from `start` on."""
    try:
        with path.open("rb") as file:
            file.seek(max(start, path.stat().st_size - LOG_END))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _is_held(ledger: Ledger, task: Task) -> bool:
    return is_lease_live(ledger.run_folder(task.runs[0]))


def _close(worker: _Worker) -> None:
    """Close the lifeline of a worker that ended, and wait for what it told last, as why it refused."""
    assert worker.process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        worker.process.stdin.close()
    for reader in worker.readers:
        reader.join(READ_SECONDS)


def _stop_workers(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        end_group(worker.process.pid)
        _close(worker)
