"""Faults inside a process, as its environment orders them. Python imports this module when it starts.

FAULT_DIE=pattern|moment|marker   kills the process in the write of a file: "half" with half of the temporary file
                                  written, "before" the rename, "after" it; once for each marker, a file that is made
FAULT_FULL=path                   while that file exists, no file can be synced: no space left on device
FAULT_HOST=name                   what the host is called
FAULT_CLOCK=seconds,after         by how much the clock is off, from so many seconds of the process's life on
FAULT_BEATS=heartbeat,stale       seconds, of leases
"""

from __future__ import annotations

import errno
import fnmatch
import os
import signal
import socket
import time
from typing import Any


def die_in_writes(pattern: str, moment: str, marker: str) -> None:
    """Kill this process in the write of a file whose name fits the pattern."""
    replace = os.replace

    def replace_or_die(source: Any, target: Any, **more: Any) -> None:
        if not fnmatch.fnmatch(os.path.basename(target), pattern) or not claim(marker):
            replace(source, target, **more)
            return
        if moment == "half":
            os.truncate(source, os.path.getsize(source) // 2)
        if moment == "after":
            replace(source, target, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_or_die  # type: ignore[assignment]


def claim(marker: str) -> bool:
    """Whether this is the first process to come by."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def fill_disk(path: str) -> None:
    """Let no file be synced while that one exists."""
    fsync = os.fsync

    def fsync_or_fail(file: Any) -> None:
        if os.path.exists(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    os.fsync = fsync_or_fail  # type: ignore[assignment]


def shift_clock(seconds: float, after: float) -> None:
    """Move the clock once the process has lived so long."""
    now, began = time.time, time.monotonic()
    time.time = lambda: now() + (seconds if time.monotonic() - began > after else 0.0)


def hasten_leases(heartbeat: float, stale: float) -> None:
    """Let leases beat and grow stale faster."""
    from detstudy.ledger import lease

    lease.HEARTBEAT_SECONDS, lease.STALE_SECONDS = heartbeat, stale


if "FAULT_DIE" in os.environ:
    die_in_writes(*os.environ["FAULT_DIE"].split("|"))
if "FAULT_FULL" in os.environ:
    fill_disk(os.environ["FAULT_FULL"])
if "FAULT_HOST" in os.environ:
    socket.gethostname = lambda: os.environ["FAULT_HOST"]
if "FAULT_CLOCK" in os.environ:
    shift_clock(*map(float, os.environ["FAULT_CLOCK"].split(",")))
if "FAULT_BEATS" in os.environ:
    hasten_leases(*map(float, os.environ["FAULT_BEATS"].split(",")))
