"""Signals that stop a driver become an exception, so that it ends what it started in order."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class InterruptedStudyError(Exception):
    """A signal stopped the study; everything that ended is kept. `signal` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.signal = number


@contextmanager
def raise_signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into InterruptedStudyError while in the block; but no SIGHUP under nohup."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not break the orderly stop
        if number == signal.SIGHUP:
            _leave_terminal()
        raise InterruptedStudyError(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Let what would be printed on a terminal go nowhere: it was closed, and printing there fails."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream)
                os.close(null)
