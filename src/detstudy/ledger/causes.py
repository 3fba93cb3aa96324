"""Why a run is as it is, as facts; `detstudy.wording` has their words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

import msgspec


class Cause(StrEnum):
    """What ended a run that has no result of its own, by what is on record; of some that have one, what it is like."""

    KERNEL_LOG = "kernel_log"  # out of memory: the kernel's log says that it killed the worker
    KILL_COUNT = "kill_count"  # out of memory: the system's count of processes killed for it rose
    FULL_MEMORY = "full_memory"  # out of memory: killed while it was full, a good part of it the worker's own
    LAST_WORDS = "last_words"  # out of memory: the log ends with an allocator's error, which is the `text`
    KILLED = "killed"  # SIGKILL, and no record says that it was for memory
    SIGNAL = "signal"  # `number` is which
    STATUS = "status"  # `number` is the exit status
    NO_PROGRESS = "no_progress"  # for `number` minutes, which limits.no_progress_minutes allows
    HOURS = "hours"  # trained for more than `number` hours, which limits.hours allows, at an `iteration`
    MEMORY_ERROR = "memory_error"  # out of memory: the error `text` of Python
    ERROR = "error"  # the trainer raised the error `text`
    TRAINER = "trainer"  # as the trainer says in `text`
    SECOND_TRY = "second_try"  # it ended well with its batch in parts, which are the `text`, since the `first` did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that a worker held at most, and that the machine or container had in use last of those it has."""

    worker: int
    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A cause with what belongs to it."""

    cause: Cause
    number: float = 0
    iteration: int | None = None
    text: str | None = None  # somebody's own words: nobody takes them apart
    memory: Memory | None = None
    densest_batch: str | None = None  # so far, in the trainer's words
    evaluating: bool = False  # the run's weights, not training
    first: Reason | str | None = None


class Unfinished(Enum):
    """Which file of a run is missing or damaged, so that `detstudy run` goes on with it."""

    EVALUATION_MISSING = "evaluation_missing"  # the training's result is there
    EVALUATION_DAMAGED = "evaluation_damaged"  # and the evaluation's is no result
    RESULT_DAMAGED = "result_damaged"  # the training's


@dataclass(frozen=True, slots=True)
class Stopped:
    """A training ended without a result at the iteration of its last point; None: before the first."""

    iteration: int | None


@dataclass(frozen=True, slots=True)
class CurveDamaged:
    """Lines of a finished run's curve that can't be read; 0: all can, but it is not as it was written."""

    lines: int


Why = Reason | Unfinished | Stopped | CurveDamaged | str
"""Why a run is as it is. A text is the trainer's own, or one of version 0.1."""


def read_reason(value: Any) -> Reason | str | None:
    """Return a reason as a file has it. Raises ValueError where it is none."""
    reason: Reason | str | None = msgspec.convert(value, Reason | str | None)
    return reason


def name_signal(number: int) -> str:
    """Return a signal's name, or its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
