"""What a study may spend: the hours that its drivers have worked on it, over every restart."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from detstudy.execution.tasks import Task, is_task_due
from detstudy.ledger import Ledger, read_seconds_spent, write_session
from detstudy.study.study import Budget

WRITE_SECONDS = 30.0
"""How often a driver notes its time; what a kill -9 can hide from the budget."""


class SpentTime:
    """Counts a driver's time into the study's folder while in its `with` block, by a clock that is never set back.

    `total` are the seconds of all drivers, earlier ones and those at work beside this one included.
    """

    def __init__(self, folder: Path, hours: float | None) -> None:
        self.folder = folder
        self.limit = None if hours is None else hours * 3600
        self._name = uuid.uuid4().hex
        self._others = 0.0
        self._began = self._written = time.monotonic()

    def __enter__(self) -> SpentTime:
        self._began = time.monotonic()
        self._note()
        return self

    def __exit__(self, *_error: object) -> None:
        self._note()

    @property
    def total(self) -> float:
        """Seconds of all drivers, as far as they are known here."""
        return self._others + time.monotonic() - self._began

    def is_up(self) -> bool:
        """Whether the hours are used up; notes the time now and then."""
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self._note()
        return self.limit is not None and self.total >= self.limit

    def _note(self) -> None:
        self._written = time.monotonic()
        write_session(self.folder, self._name, self._written - self._began)
        self._others = read_seconds_spent(self.folder, but=self._name)


def describe_stop(tasks: Sequence[Task], ledger: Ledger, budget: Budget, spent: float) -> str | None:
    """Return how a budget stopped the study and how to go on; None where there is none or nothing is left to do."""
    if budget.hours is None and budget.runs is None:
        return None
    left = [task for task in tasks if is_task_due(ledger, task)]
    if left and budget.hours is not None and spent >= budget.hours * 3600:
        limit, more = f"{budget.hours:g} hours", f"hours={budget.hours * 2:g}"
    elif left and budget.runs is not None and not any(task in left for task in tasks[: budget.runs]):
        limit, more = f"{budget.runs} runs", f"runs={len(tasks)}"
    else:
        return None
    return (
        f"the budget of {limit} is used up ({len(tasks) - len(left)} of {len(tasks)} trainings are done, all is kept); "
        f"`--set budget.{more}` and the same command go on from here"
    )
