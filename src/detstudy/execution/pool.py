"""Runs what is missing of a study: one process a run, side by side, and nothing lost when any of them dies."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any, Protocol

from detstudy.execution.work import EXIT_HELD, EXIT_REFUSED, Task, is_task_due
from detstudy.ledger import Ledger, is_lease_live
from detstudy.plan import Plan, PlannedRun, identify_training
from detstudy.setting import SplitName
from detstudy.study import Study
from detstudy.trainer import RefusedError

GRACE_SECONDS = 15.0
POLL_SECONDS = 0.2


class InterruptedStudyError(Exception):
    """The study was told to stop; everything that ended is kept. `signal` tells by what."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.signal = number


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
    log: IO[bytes] | None  # None is the driver's own standard error
    refused: str | None = None


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

    A worker that dies leaves a crashed run, which is tried again from its checkpoint (MAX_ATTEMPTS in all). A run that
    another driver holds is left to it and waited for. Once `is_over` says so the workers are stopped, their checkpoints
    kept. Raises InterruptedStudyError on SIGINT, SIGTERM and SIGHUP, after the workers stopped; RefusedError where a
    setting can't be trained here.
    """
    due = [task for task in tasks if is_task_due(ledger, task)]
    watcher.begin(due)
    free = list(devices)
    workers: list[_Worker] = []
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    with _raise_signals():
        try:
            while (due or workers) and not is_over():
                for task in [task for task in due if not _is_held(ledger, task)]:
                    if not free:
                        break
                    due.remove(task)
                    if is_task_due(ledger, task):
                        worker = _start_worker(task, ledger, trainer, free.pop(0), len(devices), events)
                        workers.append(worker)
                        watcher.note(task, {"kind": "started"})
                    else:
                        watcher.note(task, {"kind": "ended"})
                _pass_events(events, watcher)
                for worker in [worker for worker in workers if worker.process.poll() is not None]:
                    workers.remove(worker)
                    free.append(worker.device)
                    if _settle(worker, ledger, events, watcher):
                        due.append(worker.task)
        finally:
            _stop_workers(workers)


def prepare_trainer(study: Study, ledger: Ledger, trainer: str) -> None:
    """Let the trainer check every setting before any run starts. Raises RefusedError."""
    if study.baseline.model.weights == "none" and not any(factor.name == "weights" for factor in study.factors):
        return  # nothing to fetch: spare the start of a process
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    worker = _launch({"kind": "prepare"}, Task(runs=()), ledger, trainer, "cpu", 1, None, events)
    worker.process.wait()
    _close(worker)
    time.sleep(POLL_SECONDS)
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
    workers: int,
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]],
) -> _Worker:
    folder = ledger.run_folder(task.runs[0])
    folder.mkdir(parents=True, exist_ok=True)
    order = {"kind": "work", "runs": [[run.setting_id, run.seed] for run in task.runs], "splits": list(task.splits)}
    log = (folder / "log.txt").open("ab")
    return _launch(order, task, ledger, trainer, device, workers, log, events)


def _launch(
    order: dict[str, Any],
    task: Task,
    ledger: Ledger,
    trainer: str,
    device: str,
    workers: int,
    log: IO[bytes] | None,
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]],
) -> _Worker:
    environment = dict(os.environ)
    if device == "cpu":
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    else:
        environment["CUDA_VISIBLE_DEVICES"] = device
    process = subprocess.Popen(
        [sys.executable, "-m", "detstudy.execution.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,  # a terminal's Ctrl-C reaches the driver alone, which stops its workers in order
    )
    order |= {
        "folder": str(ledger.folder.absolute()),
        "trainer": trainer,
        "device": "cpu" if device == "cpu" else "cuda:0",
        "threads": 1,
        "workers": workers,
    }
    worker = _Worker(task=task, process=process, device=device, log=log)
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    threading.Thread(target=_read_events, args=(worker, events), daemon=True).start()
    return worker


def _read_events(worker: _Worker, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
    assert worker.process.stdout is not None
    for line in worker.process.stdout:
        try:
            events.put((worker, json.loads(line)))
        except json.JSONDecodeError:
            continue


def _pass_events(events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]], watcher: Watcher) -> None:
    try:
        worker, event = events.get(timeout=POLL_SECONDS)
    except queue.Empty:
        return
    while True:
        if event["kind"] == "refused":
            worker.refused = event["message"]
        watcher.note(worker.task, event)
        try:
            worker, event = events.get_nowait()
        except queue.Empty:
            return


def _settle(
    worker: _Worker, ledger: Ledger, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]], watcher: Watcher
) -> bool:
    """Close a worker that ended; return whether its task must be tried again."""
    _close(worker)
    _pass_events(events, watcher)
    status = worker.process.returncode
    if status == EXIT_REFUSED:
        raise RefusedError(worker.refused or "the trainer refused the setting; see the run's log.txt")
    if status not in (0, EXIT_HELD):
        _note_death(worker.task, ledger, status)
    again = is_task_due(ledger, worker.task)
    kind = "held" if status == EXIT_HELD else "again"
    watcher.note(worker.task, {"kind": kind if again else "ended"})
    return again


def _note_death(task: Task, ledger: Ledger, status: int) -> None:
    """Write a crash for a worker that could not write its own result."""
    how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    reason = f"the worker was {how} (see log.txt)" if status < 0 else f"the worker {how} (see log.txt)"
    if ledger.is_training_due(task.runs[0]):
        ledger.end_run(task.runs[0], "crashed", reason)
        return
    for run in task.runs:
        for split in task.splits:
            if ledger.is_evaluation_due(run, split):
                ledger.end_evaluation(run, split, "crashed", reason)
                return


def _is_held(ledger: Ledger, task: Task) -> bool:
    return is_lease_live(ledger.run_folder(task.runs[0]))


def _close(worker: _Worker) -> None:
    for stream in (worker.process.stdin, worker.log):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue


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
        _close(worker)


@contextmanager
def _raise_signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into InterruptedStudyError while in the block."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not break the orderly stop
        raise InterruptedStudyError(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
