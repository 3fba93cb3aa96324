"""How fast runs go, learned from those that go: what corrects the time left of a study while it runs."""

from __future__ import annotations

import datetime
import heapq
import statistics
from collections.abc import Sequence

from detstudy.ledger import RunRecord, read_curve
from detstudy.plan import identify_cost
from detstudy.study.setting import Setting


class Pace:
    """Seconds an iteration of each distinct cost, and what a run takes beside its iterations.

    Of a cost that nobody has measured it takes the seconds an image of those that are measured, so that the first
    points of the first run give an estimate, and each further one corrects it.
    """

    def __init__(self) -> None:
        self._seconds: dict[Setting, float] = {}
        self._iterations: dict[Setting, int] = {}
        self._other: list[float] = []

    def note_iterations(self, setting: Setting, iterations: int, seconds: float) -> None:
        """Count so many iterations of a run of the setting, which took so long."""
        if iterations > 0:
            cost = identify_cost(setting)
            self._seconds[cost] = self._seconds.get(cost, 0.0) + seconds
            self._iterations[cost] = self._iterations.get(cost, 0) + iterations

    def note_other(self, seconds: float) -> None:
        """Count what a whole run took beside its iterations: start, validations, evaluation."""
        self._other.append(max(0.0, seconds))

    def estimate_iteration(self, setting: Setting) -> float | None:
        """Return the seconds of an iteration; None while nothing is measured."""
        cost = identify_cost(setting)
        if cost in self._seconds:
            return self._seconds[cost] / self._iterations[cost]
        images = sum(count * each.get("batch_size", 1) for each, count in self._iterations.items())
        return sum(self._seconds.values()) / images * setting.get("batch_size", 1) if images else None

    def estimate_run(self, setting: Setting, done: int = 0) -> float | None:
        """Return the seconds that a run still takes after `done` iterations; None while nothing is measured."""
        each = self.estimate_iteration(setting)
        other = statistics.fmean(self._other) if self._other else 0.0
        iterations = setting.get("iterations")
        return None if each is None or iterations is None else max(0, iterations - done) * each + other

    def estimate_study(self, left: Sequence[tuple[Setting, int]], workers: int) -> float | None:
        """Return the seconds of the runs that are left, with the iterations that each has done; None as `estimate_run`.

        They are begun in this order, as many at a time as there are workers.
        """
        seconds = [self.estimate_run(setting, done) for setting, done in left]
        known = [each for each in seconds if each is not None]
        return schedule_tasks(known, workers) if len(known) == len(seconds) else None


def schedule_tasks(seconds: Sequence[float], workers: int) -> float:
    """Return when the last of the tasks ends, each begun in order as soon as a worker is free."""
    ends = [0.0] * max(1, workers)
    for each in seconds:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def estimate_seconds_left(records: Sequence[RunRecord]) -> float | None:
    """Return the seconds until a study's planned and running runs are done, as many at a time as run now.

    By what was measured of runs that cost the same, ended or at work, else of any. 0 where nothing is left, None where
    no run has come to its first point.
    """
    pace = Pace()
    left: list[tuple[RunRecord, int]] = []
    running = 0
    folders = set()
    for record in records:
        if record.folder in folders:
            continue  # the same setting, evaluated otherwise
        folders.add(record.folder)
        points = [point for point in read_curve(record.folder / "curves.jsonl") if point.kind == "train"]
        if points:
            pace.note_iterations(record.setting, points[-1].iteration, points[-1].seconds)
        if record.state == "ended" and not record.again:
            other = _measure_other(record)
            if other is not None:
                pace.note_other(other)
            continue
        running += record.state == "running"
        left.append((record, points[-1].iteration if points else 0))
    left.sort(key=lambda pair: pair[0].state != "running")
    return pace.estimate_study([(record.setting, done) for record, done in left], running)


def _measure_other(record: RunRecord) -> float | None:
    """Return what a finished run took beside its setting, by its files' times; None where they can't tell.

    A run that was resumed has no single beginning, and a copied folder has the times of the copy.
    """
    trained, started = record.measures.get("train/seconds"), record.provenance.started
    if record.outcome != "finished" or record.effective.resumes or not trained or not trained.value or not started:
        return None
    try:
        ended = (record.evaluation_folder / "result.json").stat().st_mtime
        seconds = ended - datetime.datetime.fromisoformat(started).timestamp() - trained.value
    except (OSError, ValueError, TypeError):
        return None
    return seconds if 0 <= seconds <= trained.value else None
