"""What killed a worker, by what is on record: the kernel, the container, its last sampled memory, its own log."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger.causes import Cause, Memory, Reason
from detstudy.study.setting import Outcome

NEAR = 0.95
"""Share of the memory in use from which a machine or container counts as full; kills happen just below the limit."""

_KILL = "ut of memory: Kill"

NOTABLE = 0.05
"""Share of a full memory that a process must hold to be taken for the one that was killed for it."""

# How a process that can't go on says in its last lines that memory was what it lacked: Python, numpy, C++, the system's
# own error, torch's allocators on the CPU and on a GPU.
_LAST_LINES = 3
_GIVEN_UP = re.compile(
    r"^(?:[\w.]*MemoryError\b"
    r"|terminate called after throwing an instance of 'std::bad_alloc'|\s*what\(\):\s+std::bad_alloc"
    r"|.*\[Errno 12\] Cannot allocate memory"
    r"|.*can't allocate memory: you tried to allocate"
    r"|[\w.]*OutOfMemoryError\b|[\w.]*Error: CUDA (?:error: )?out of memory)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where a system notes kills; tests give their own."""

    count_kills: Callable[[], int | None]
    read_log: Callable[[], Sequence[str]]


def classify_death(
    status: int,
    pid: int,
    *,
    kills_before: int | None,
    messages_before: Collection[str],
    sample: Memory | None,
    log: str,
    records: Records,
) -> tuple[Outcome, Reason]:
    """Return the outcome and reason of a worker that ended with a status (negative: a signal) and no result.

    Out of memory is said only where the kernel's log names the process in what is not among `messages_before` (numbers
    of processes are used again), the kills of its container (or kernel) rose since `kills_before`, its last sample
    was at the limit with a good part of it its own, or the last lines of its own log are an allocator's; SIGKILL
    alone is a crash.
    """
    if status == -signal.SIGKILL:
        cause = _explain_kill(pid, kills_before, messages_before, sample, records)
        return "crashed" if cause is Cause.KILLED else "out_of_memory", Reason(cause=cause, memory=sample)
    last = [line for line in log.splitlines() if line.strip()][-_LAST_LINES:]
    said = next((line.strip() for line in last if _GIVEN_UP.match(line)), None)
    if said is not None:
        return "out_of_memory", Reason(cause=Cause.LAST_WORDS, text=said, memory=sample)
    return "crashed", Reason(cause=Cause.SIGNAL if status < 0 else Cause.STATUS, number=abs(status))


def _explain_kill(
    pid: int,
    kills_before: int | None,
    messages_before: Collection[str],
    sample: Memory | None,
    records: Records,
) -> Cause:
    """Return by which record a worker was killed for memory, or that none says so."""
    killed = re.compile(rf"{_KILL}(?:ed)? process {pid}\b")
    if any(killed.search(line) for line in records.read_log() if line not in messages_before):
        return Cause.KERNEL_LOG
    kills = records.count_kills()
    if kills is not None and kills_before is not None and kills > kills_before:
        return Cause.KILL_COUNT
    if sample and sample.used >= NEAR * sample.limit and sample.worker >= NOTABLE * sample.limit:
        return Cause.FULL_MEMORY
    return Cause.KILLED


def read_records() -> Records:
    """Return this system's records."""
    return Records(count_kills=count_kills, read_log=read_kernel_log)


def count_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes were killed for memory so far: in this process's cgroup, else by the kernel.

    Reads cgroup v2's memory.events, v1's memory.oom_control or /proc/vmstat. None where there is no such record.
    """
    for folder in _list_groups(root):
        for name in ("memory.events", "memory.oom_control"):
            found = _read_figures(folder / name).get("oom_kill")
            if found is not None:
                return found
    return _read_figures(root / "proc/vmstat").get("oom_kill")


def read_kernel_log(path: Path = Path("/dev/kmsg")) -> list[str]:
    """Return the kernel's messages of killed processes; [] where they may not be read, as in most containers."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    lines = []
    try:
        while True:
            lines.append(os.read(handle, 8192).decode(errors="replace"))  # one message
            if not lines[-1]:
                break
    except OSError:  # nothing more to read for now, or messages were lost meanwhile
        pass
    finally:
        os.close(handle)
    return [line for line in lines if _KILL in line]


def sample_memory(pid: int, root: Path = Path("/")) -> Memory | None:
    """Return what a process holds and how full the machine is, or its container where that is fuller.

    None where the process is gone.
    """
    import psutil

    try:
        worker = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
    machine = psutil.virtual_memory()
    filled = [(machine.total - machine.available, machine.total), *_read_group(root)]
    used, limit = max(filled, key=lambda pair: pair[0] / pair[1])
    return Memory(worker=worker, used=used, limit=limit)


def _read_group(root: Path) -> list[tuple[int, int]]:
    """Return the bytes in use (without cached files) and the limit of this process's cgroup; [] without a limit."""
    for folder in _list_groups(root):
        for usage, limit, cached in (
            ("memory.current", "memory.max", "inactive_file"),
            ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
        ):
            numbers = [_read_number(folder / name) for name in (usage, limit)]
            if numbers[0] is not None and numbers[1] is not None:
                return [(max(0, numbers[0] - _read_figures(folder / "memory.stat").get(cached, 0)), numbers[1])]
    return []


def _list_groups(root: Path) -> list[Path]:
    """Return the folders in which this process's cgroup may be seen; a container's own is at the mount's top."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            mount = root / "sys/fs/cgroup" / controllers
            folders += [mount / path.lstrip("/"), mount]
    return folders


def _read_figures(path: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _read_number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
