"""The contract between who decides and who does: an executor is given work, says how it goes and ends, and stops it.

It decides nothing: what is due, in which order and what is tried again is the scheduler's. `local` starts processes on
this machine; another one is a class with these methods that passes `detstudy.testing.ExecutorContract`.
"""

from __future__ import annotations

from typing import Protocol

from detstudy.execution.events import Event
from detstudy.execution.tasks import Work


class Executor(Protocol):
    """Does work somewhere, several pieces side by side. After `stop` it may be given more."""

    def has_room(self) -> bool:
        """Whether a further piece of work can begin now."""

    def start(self, work: Work) -> None:
        """Begin a piece of work, where there is room; return without waiting for it."""

    def wait(self) -> list[tuple[Work, Event]]:
        """Wait a moment, at most a second or so, and return what was said since, in order.

        The last event of each piece of work is its one `Ending`: `Ended` where the worker came to its end, whatever it
        wrote into the ledger; `Held`; `Refused`; `Died` where it could not write how it ended. Its room is free then.
        """

    def stop(self) -> None:
        """End all that is at work, in order where that is possible: what was trained so far is kept, nothing lives on.

        Nothing more is said of it.
        """
