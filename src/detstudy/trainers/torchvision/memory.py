"""How much memory a run takes, a limit for it, and how to recognise that it ran out."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from detstudy.numbers import format_size
from detstudy.study.size import GIB, MIB

# How allocators other than Python's and CUDA's own say it: torch's on the CPU, C++'s, OpenCV's, cuDNN's and cuBLAS's.
_PHRASES = (
    "defaultcpuallocator",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "insufficient memory",
    "failed to allocate",
    "alloc_failed",
    "failed to map segment",
)
_ASKED = re.compile(r"tried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB)", re.IGNORECASE)
_UNITS = {"bytes": 1, "kib": 2**10, "mib": MIB, "gib": GIB}


def reset_peak(device: torch.device) -> None:
    """Let the peak be counted from now on, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):  # the peak is then the process's since its start
        Path("/proc/self/clear_refs").write_text("5")


def measure_peak(device: torch.device) -> int:
    """Return the most bytes in use so far: tensors on CUDA, the whole process's resident memory on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = _read_status()
    if "VmHWM" in status:
        return status["VmHWM"]
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def limit_memory(device: torch.device, limit: int | None) -> None:
    """Make allocations fail beyond the limit in bytes, until it is lifted; None changes nothing.

    On CUDA it holds for torch's allocator. On a CPU under Linux it holds for the process's resident memory, nearly: the
    kernel limits data, so what is resident of files now is taken off and what is merely reserved is added. Other
    systems have no such limit, and none is set there.
    """
    if limit is None:
        return
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), device)
        return
    status = _read_status()
    if "VmData" not in status:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    reserved = max(0, status["VmData"] - status.get("RssAnon", status.get("VmRSS", 0)))
    soft = max(0, limit - status.get("RssFile", 0)) + reserved
    resource.setrlimit(resource.RLIMIT_DATA, (soft if hard < 0 else min(soft, hard), hard))


def lift_limit(device: torch.device) -> None:
    """Take the limit away, so that a run that met it can be told of and stored."""
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    elif sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


@contextlib.contextmanager
def limited_memory(device: torch.device, limit: int | None) -> Iterator[None]:
    """Hold the limit within the block."""
    limit_memory(device, limit)
    try:
        yield
    finally:
        if limit is not None:
            lift_limit(device)


@contextlib.contextmanager
def lifted_limit(device: torch.device, limit: int | None) -> Iterator[None]:
    """Lift the limit within a block in which others work: libraries that start up under it may wait for ever."""
    if limit is not None:
        lift_limit(device)
    try:
        yield
    finally:
        limit_memory(device, limit)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # OpenCV's error is an Exception of its own; importing OpenCV to name it would cost memory now.
    if isinstance(error, RuntimeError | ImportError) or type(error).__module__.split(".")[0] == "cv2":
        text = str(error).lower()
        if any(phrase in text for phrase in _PHRASES):
            return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def measure_need(device: torch.device, error: BaseException) -> int:
    """Return the bytes that would have been in use, had the allocation not failed; at least the peak.

    On CUDA with what is lost in gaps between tensors: the allocator has given all else back before it fails.
    """
    found = _ASKED.search(str(error))
    asked = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if device.type == "cuda":
        return max(measure_peak(device), int(torch.cuda.memory_reserved(device)) + asked)
    return max(measure_peak(device), _read_status().get("VmRSS", 0) + asked)


def describe_room(device: torch.device, limit: int | None) -> str:
    """Return what memory there was in words: the limit in bytes, what the GPU has, else the process or the machine."""
    parts = [] if limit is None else [f"limit {format_size(limit)}"]
    if device.type == "cuda":
        parts.append(f"the GPU has {format_size(torch.cuda.get_device_properties(device).total_memory)}")
        return ", ".join(parts)
    space = _read_address_space()
    if space is not None:
        parts.append(f"its address space is limited to {format_size(space)}")
    elif limit is None:
        parts.append(f"the machine has {format_size(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))}")
    return ", ".join(parts)


def _read_address_space() -> int | None:
    """Return the bytes that the process may address (`ulimit -v`), None where it may all."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _read_status() -> dict[str, int]:
    """Return the process's memory figures in bytes by the kernel's names; empty where there is no /proc."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    return {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in lines)
        if rest.endswith(" kB")
    }
