"""Measures every distinct cost of a study by a few iterations, each in a process of its own (`forecast.probe`).

A peak of memory is a process's. As many work side by side as there will be workers, so that they slow each other as the
runs will.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import queue
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from detstudy.execution.executors.assignment import make_assignment
from detstudy.execution.executors.process import WorkerProcess
from detstudy.execution.tasks import Task
from detstudy.forecast.facts import OverLimit, Shortage
from detstudy.ledger import Ledger, find_secrets, redact_texts
from detstudy.ledger.causes import name_signal
from detstudy.plan import identify_cost
from detstudy.study.setting import Setting
from detstudy.study.study import Study
from detstudy.trainers.contract import RefusedError, choose_micro_batch, describe_accumulation

PROBE = "detstudy.forecast.probe"
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answers of a cost's probes, and the seconds from start to end of their processes.

    Where memory ran out in any of them only those are kept.
    """

    answers: tuple[dict[str, Any], ...]
    walls: tuple[float, ...]

    @property
    def shortage(self) -> Shortage | None:
        """Why it does not fit into memory, in the probe's own words where it ran out; None where it does."""
        reason: Shortage | None = self.answers[0].get("shortage")
        return reason

    def average(self, name: str) -> float:
        """Return the mean of a number; 0 where probes have none."""
        return statistics.fmean(answer.get(name, 0.0) for answer in self.answers)

    def gather(self, name: str) -> list[float]:
        """Return the numbers of all probes."""
        return [value for answer in self.answers for value in answer.get(name, ())]


def find_shortage(answer: dict[str, Any], limit: int | None) -> Shortage | None:
    """Return why a probe's setting does not fit into memory: it ran out, or a whole run would; None where it fits."""
    reason: Shortage | None = answer.get("shortage")
    peak = answer.get("peak_memory_bytes")
    if reason or limit is None or not peak:
        return reason
    need = peak + answer.get("growth_bytes", 0)
    return OverLimit(need, limit) if need > limit else None


class Probes:
    """Runs the processes that measure, from any thread; none of them outlives `stop`, nor this process."""

    def __init__(self, ledger: Ledger, minutes: float | None) -> None:
        self._ledger = ledger
        self._minutes = minutes  # after which one is taken to hang
        self._living: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End those at work; `run` starts none from now on."""
        with self._lock:
            self._stopped = True
            for process in self._living:
                process.end()

    def run(self, details: dict[str, Any], device: str) -> tuple[dict[str, Any], float]:
        """Return a probe's answer and the seconds that its process lived; its memory that ran out is a "shortage".

        Raises RefusedError where it ended otherwise without an answer.
        """
        start = time.monotonic()
        lines: list[bytes] = []
        process = self._start(details, device, lines)
        hangs_at = math.inf if self._minutes is None else start + 60 * self._minutes
        while (status := process.wait(LOOK_SECONDS)) is None:
            process.look()
            if time.monotonic() > hangs_at:
                process.end()
        seconds = time.monotonic() - start
        process.close()
        with self._lock:
            self._living.discard(process)
        if start + seconds > hangs_at:
            raise RefusedError(
                f"setting {details['setting_id']}: the probe gave no answer for {self._minutes:g} minutes "
                "(limits.no_progress_minutes)"
            )
        if status:
            outcome, reason = process.explain_death()
            if outcome == "out_of_memory":
                return {"shortage": reason}, seconds
        if status or not lines:
            how = name_signal(-status) if status < 0 else f"status {status}"
            last = (process.tail.strip().splitlines() or ["it said nothing"])[-1]
            raise RefusedError(f"setting {details['setting_id']}: the probe ended with {how}: {last}")
        answer: dict[str, Any] = redact_texts(json.loads(lines[-1]), find_secrets(os.environ))
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer, seconds

    def _start(self, details: dict[str, Any], device: str, lines: list[bytes]) -> WorkerProcess:
        with self._lock:
            if self._stopped:
                raise RefusedError("the forecast was stopped")
            assignment = make_assignment(self._ledger, device, **details)
            process = WorkerProcess(PROBE, assignment, device, hear=lines.append, log=io.BytesIO())
            self._living.add(process)
            return process


def probe_costs(
    tasks: Sequence[Task], ledger: Ledger, *, devices: Sequence[str], limit: int | None, study: Study
) -> dict[Setting, Measured]:
    """Measure every distinct cost among the tasks, as many at a time as there are devices.

    The last round is filled with the costs that most tasks have, so that no probe has the machine to itself.
    """
    counts: Counter[Setting] = Counter()
    settings: dict[Setting, str] = {}
    for task in tasks:
        cost = identify_cost(task.runs[0].setting)
        counts[cost] += 1
        settings.setdefault(cost, task.runs[0].setting_id)
    common = [cost for cost, _ in counts.most_common()]
    rounds = math.ceil(len(common) / len(devices))
    wanted = list(itertools.islice(itertools.cycle(common), rounds * len(devices)))
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    probes = Probes(ledger, study.limits.no_progress_minutes)

    def probe(cost: Setting) -> tuple[dict[str, Any], float]:
        device = free.get()
        try:
            details = {"setting_id": settings[cost], "memory_limit": limit}
            return probe_setting(details, cost, study.on_out_of_memory == "accumulate", probes, device)
        finally:
            free.put(device)

    with ThreadPoolExecutor(len(devices)) as pool:
        try:
            found = list(pool.map(probe, wanted))
        except BaseException:
            probes.stop()
            pool.shutdown(cancel_futures=True)
            raise
    pairs = list(zip(wanted, found, strict=True))
    return {cost: summarise_probes([pair for each, pair in pairs if each == cost]) for cost in common}


def summarise_probes(found: Sequence[tuple[dict[str, Any], float]]) -> Measured:
    """Return the answers of one cost's probes, each with the seconds that its process lived, as one record."""
    kept = [pair for pair in found if pair[0].get("shortage")] or found
    return Measured(answers=tuple(pair[0] for pair in kept), walls=tuple(pair[1] for pair in kept))


def probe_setting(
    details: dict[str, Any], setting: Setting, accumulate: bool, probes: Probes, device: str
) -> tuple[dict[str, Any], float]:
    """Return what `Probes.run` does; where memory runs out and the study accumulates, with smaller micro-batches."""
    limit = details["memory_limit"]
    answer, seconds = probes.run(details, device)
    size = choose_micro_batch(setting, None)
    failed = 0.0
    while accumulate and find_shortage(answer, limit) and size > 1:
        failed += seconds
        size = (size + 1) // 2  # as a run would, after each failure
        answer, seconds = probes.run({**details, "largest_micro_batch": size}, device)
    answer["shortage"] = find_shortage(answer, limit)
    if not answer["shortage"]:
        batch = setting.get("batch_size", 1)
        split = describe_accumulation(batch, size) if size < batch else None
        answer |= {"accumulation": split, "failed_seconds": failed}
    return answer, seconds
