"""The claim on a run: a file made exclusively in its folder, kept alive by its worker, taken over when that died."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger.codec import encode, read_record

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 120.0
WATCHED_BEATS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """`lease.json`: which process holds it. The host, its boot and the container's space of pids say where the pid
    means that process, and its start that it still does.
    """

    host: str
    boot: str | None = None
    pids: str | None = None
    pid: int
    started: float | None = None


class LeaseHeldError(RuntimeError):
    """Another live worker has the run."""


class Lease:
    """Holds `lease.json` in a folder while in its `with` block.

    Raises LeaseHeldError where a live worker holds it: one on this machine whose process runs, or one elsewhere whose
    heartbeat is seen. What looks stale there is watched for WATCHED_BEATS heartbeats before it is taken over, since two
    machines' clocks, or one that was set back, can make a live lease look old.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lease.json"
        self._content = encode(describe_process(), indent=None)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Lease:
        for _ in range(3):
            try:
                self._create()
            except FileExistsError:
                if is_lease_live(self.path.parent) or self._sees_heartbeat():
                    break
                _move_away(self.path)
                continue
            self._thread.start()
            return self
        holder = "a worker that has just left it"
        with contextlib.suppress(FileNotFoundError):
            holder = self.path.read_text(encoding="utf-8", errors="replace")
        raise LeaseHeldError(f"{self.path.parent.name} is held by {holder}")

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()
        with contextlib.suppress(FileNotFoundError):
            if self.path.read_bytes() == self._content:
                self.path.unlink()

    def _create(self) -> None:
        with self.path.open("xb") as file:
            try:
                file.write(self._content)
                file.flush()
            except OSError:
                self.path.unlink(missing_ok=True)  # a full disk: an empty lease would hold the run
                raise

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except FileNotFoundError:
                return
            except OSError:
                continue  # a file system that is away for a moment

    def _sees_heartbeat(self) -> bool:
        """Watch a lease from elsewhere; whether it beats, or is given back, while watched."""
        holder = read_record(self.path, Holder)
        if holder is None or is_of_this_machine(holder):
            return False
        before = _read_time(self.path)
        deadline = time.monotonic() + WATCHED_BEATS * HEARTBEAT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(HEARTBEAT_SECONDS / 10)
            if _read_time(self.path) != before:
                return True
        return False


def is_lease_live(folder: Path) -> bool:
    """Whether a live worker holds the folder's lease, as far as a look at it shows."""
    path = folder / "lease.json"
    changed = _read_time(path)
    if changed is None:
        return False
    age = abs(time.time() - changed)  # a lease from the future is as wrong as one from the past
    holder = read_record(path, Holder)
    if holder is None:
        return age < HEARTBEAT_SECONDS  # being written, or cut off by a crash
    if not is_of_this_machine(holder):
        return age < STALE_SECONDS
    if holder.started is None:  # a worker that did not know: while there is such a process its heartbeat counts
        return age < STALE_SECONDS and read_start(holder.pid) is not None
    return read_start(holder.pid) == holder.started


def drop_stale_lease(folder: Path) -> None:
    """Remove what a worker that died left in the folder of a run that has nothing left to do."""
    if not is_lease_live(folder):
        _move_away(folder / "lease.json")


def describe_process() -> Holder:
    """Return what a lease of this process says."""
    boot = pids = None
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with contextlib.suppress(OSError):
        pids = os.readlink("/proc/self/ns/pid")
    pid = os.getpid()
    return Holder(host=socket.gethostname(), boot=boot, pids=pids, pid=pid, started=read_start(pid))


def is_of_this_machine(holder: Holder) -> bool:
    """Whether a lease's holder is, or was, a process among those of this one."""
    here = describe_process()
    pairs = ((holder.boot, here.boot), (holder.pids, here.pids))
    return holder.host == here.host and all(None in pair or pair[0] == pair[1] for pair in pairs)


def read_start(pid: int) -> float | None:
    """Return when a process started, in ticks since boot on Linux, which no clock set moves; None where it ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        try:
            # The name, in parentheses, may hold anything; the start is the twentieth field after it.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return float(fields[19])
        except OSError:
            return process.create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None


def _move_away(path: Path) -> None:
    # A rename happens once: of two that judged the lease stale, one moves it and the other finds nothing.
    aside = path.with_name(f".lease.{uuid.uuid4().hex}.part")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    aside.unlink()


def _read_time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
