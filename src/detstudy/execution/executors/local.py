"""The executor that works on this machine: a process for each piece of work, one a device at a time."""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from detstudy.execution.events import (
    AtWork,
    Died,
    Ended,
    Ending,
    Event,
    Heartbeat,
    Held,
    Refused,
    decode_event,
)
from detstudy.execution.executors.assignment import CPU, Assignment, make_assignment
from detstudy.execution.executors.process import WorkerProcess
from detstudy.execution.tasks import Task, Work
from detstudy.execution.work import EXIT_HELD, EXIT_REFUSED, STACKS_SIGNAL
from detstudy.ledger import Ledger
from detstudy.ledger.causes import Cause, Reason

WORKER = "detstudy.execution.worker"
GRACE_SECONDS = 15.0
POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0
STACKS_SECONDS = 0.5  # for a worker that hangs to write where it is


@dataclass(slots=True, eq=False)
class _Worker:
    """A piece of work, and the process that does it."""

    work: Work
    device: str
    process: WorkerProcess = field(init=False)
    refused: str | None = None
    at_work: str | None = None  # the densest batch so far
    silent: float = 0.0  # seconds without an event, of the driver's own time
    stalled: bool = False  # killed for it


class LocalExecutor:
    """An `Executor` for "cpu" and GPUs, as CUDA_VISIBLE_DEVICES names them: one piece of work at a time for each.

    A worker that says nothing for longer than the study's limit is killed. One that dies is explained by what the
    system has on record. Whatever its trainer has started ends with it.
    """

    def __init__(self, ledger: Ledger, devices: Sequence[str]) -> None:
        self._ledger = ledger
        self._free = list(devices)
        self._side_by_side = len(devices)
        self._minutes = ledger.load_study().limits.no_progress_minutes
        self._workers: list[_Worker] = []
        self._heard: queue.SimpleQueue[tuple[_Worker, Event]] = queue.SimpleQueue()
        self._looked = time.monotonic()

    def has_room(self) -> bool:
        """Whether a device is free."""
        return bool(self._free)

    def start(self, work: Work) -> None:
        """Start a process on the next free device; what it says goes into its run's log.txt."""
        assignment, log = self._describe(work, self._free[0])
        worker = _Worker(work=work, device=self._free.pop(0))

        def hear(line: bytes) -> None:
            worker.silent = 0.0
            event = decode_event(line)
            if event is not None:
                self._heard.put((worker, event))

        worker.process = WorkerProcess(WORKER, assignment, worker.device, hear=hear, log=log)
        self._workers.append(worker)

    def wait(self) -> list[tuple[Work, Event]]:
        """Return what the workers said and how those that ended did; kill those that hang."""
        said = self._collect(POLL_SECONDS)
        for worker in list(self._workers):
            status = worker.process.poll()
            if status is not None:
                worker.process.close()
                said += self._collect(0)
                self._release(worker)
                said.append((worker.work, self._judge(worker, status)))
        self._look_after()
        return said

    def stop(self) -> None:
        """Let the workers end in order, kill those that take too long."""
        for worker in self._workers:
            worker.process.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in list(self._workers):
            if worker.process.wait(max(0.0, deadline - time.monotonic())) is None:
                worker.process.end()
                worker.process.wait(GRACE_SECONDS)
            worker.process.close()
            self._release(worker)
        self._collect(0)

    def _describe(self, work: Work, device: str) -> tuple[Assignment, IO[bytes] | None]:
        """Return what a worker is to do, and its log; without one what it says is said by this process."""
        if not isinstance(work, Task):
            return make_assignment(self._ledger, CPU), None
        folder = self._ledger.make_run_folder(work.runs[0])
        assignment = make_assignment(
            self._ledger,
            device,
            self._side_by_side,
            training=folder.name,
            runs=[(run.setting_id, run.seed) for run in work.runs],
            splits=work.splits,
        )
        return assignment, (folder / "log.txt").open("ab", buffering=0)

    def _collect(self, seconds: float) -> list[tuple[Work, Event]]:
        """Return what was said, waiting so long for the first of it; what is of the executor alone is noted here."""
        said: list[tuple[Work, Event]] = []
        with contextlib.suppress(queue.Empty):
            worker, event = self._heard.get(timeout=seconds) if seconds else self._heard.get_nowait()
            while True:
                if isinstance(event, Refused):
                    worker.refused = event.message
                elif isinstance(event, AtWork):
                    worker.at_work = event.what
                elif not isinstance(event, Heartbeat):
                    said.append((worker.work, event))
                worker, event = self._heard.get_nowait()
        return said

    def _judge(self, worker: _Worker, status: int) -> Ending:
        """Return how a worker ended."""
        if status == EXIT_REFUSED:
            return Refused(worker.refused or "the trainer refused the setting; see the run's log.txt")
        if status in (0, EXIT_HELD):
            return Held() if status else Ended()
        sample = worker.process.sample
        outcome, reason = worker.process.explain_death()
        if worker.stalled and self._minutes is not None:
            outcome, reason = "timed_out", Reason(cause=Cause.NO_PROGRESS, number=self._minutes)
        if outcome == "out_of_memory":
            reason = replace(reason, densest_batch=worker.at_work)
        if outcome == "out_of_memory" and status == -signal.SIGKILL:
            for other in self._workers:
                other.process.forget_kill()
        return Died(
            outcome=outcome,
            reason=reason,
            signal=-status if status < 0 else None,
            memory_bytes=sample.worker if sample is not None and worker.device == CPU else None,
        )

    def _look_after(self) -> None:
        """Look at the workers once a while, and kill those that hang."""
        now = time.monotonic()
        passed = now - self._looked
        if passed < LOOK_SECONDS:
            return
        self._looked = now
        for worker in self._workers:
            worker.process.look()
            # A driver that was stopped for a while has not listened: that is no silence of its workers.
            worker.silent += min(passed, 2 * LOOK_SECONDS)
            hangs = self._minutes is not None and worker.silent > 60 * self._minutes and isinstance(worker.work, Task)
            if hangs and not worker.stalled:
                worker.stalled = True
                worker.process.send(STACKS_SIGNAL)
                time.sleep(STACKS_SECONDS)
                worker.process.end()

    def _release(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._free.append(worker.device)
