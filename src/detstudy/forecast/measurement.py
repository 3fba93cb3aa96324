"""Measures every distinct cost of a study by a few iterations, each in a process of its own (`execution.probe`).

A peak of memory is a process's. As many work side by side as there will be workers, so that they slow each other as the
runs will.
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
from dataclasses import dataclass
from typing import IO, Any

from detstudy.execution.death import LOG_HINT, classify_death, name_signal, read_records
from detstudy.execution.interruption import end_group
from detstudy.execution.order import give_order, make_command, make_environment, make_order
from detstudy.execution.work import Task
from detstudy.ledger import Ledger, find_secrets, redact, redact_texts
from detstudy.plan import identify_cost
from detstudy.study.setting import Setting, TrainingSetting
from detstudy.study.study import Study
from detstudy.trainers.contract import RefusedError, choose_micro_batch, describe_accumulation
from detstudy.wording.numbers import format_size


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


def find_shortage(answer: dict[str, Any], limit: int | None) -> str | None:
    """Return why a probe's setting does not fit into memory: it ran out, or a whole run would; None where it fits."""
    reason: str | None = answer.get("shortage")
    peak = answer.get("peak_memory_bytes")
    if reason or limit is None or not peak:
        return reason
    need = peak + answer.get("growth_bytes", 0)
    return f"needs about {format_size(need)}, the limit is {format_size(limit)}" if need > limit else None


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
            assert process.stdout is not None
            give_order(process, make_order(self._ledger, self._trainer, device, **order))
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
                make_command("detstudy.forecast.probe"),
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
