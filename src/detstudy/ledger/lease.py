"""The claim on a run: a file made exclusively in its folder, kept alive by its worker, taken over when that died."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 120.0


class LeaseHeldError(RuntimeError):
    """Another live worker has the run."""


class Lease:
    """Holds `lease.json` in a folder while in its `with` block.

    Raises LeaseHeldError where a live worker holds it: one on this host whose process runs, or one on another host
    whose heartbeat is younger than STALE_SECONDS by this host's file times.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lease.json"
        self._content = json.dumps(describe_process()).encode()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Lease:
        for _ in range(3):
            try:
                with self.path.open("xb") as file:
                    file.write(self._content)
                self._thread.start()
                return self
            except FileExistsError:
                if is_lease_live(self.path.parent):
                    break
                self._remove_stale()
        raise LeaseHeldError(f"{self.path.parent.name} is held by {self.path.read_text()}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        try:
            if self.path.read_bytes() == self._content:
                self.path.unlink()
        except FileNotFoundError:
            pass

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except FileNotFoundError:
                return

    def _remove_stale(self) -> None:
        # A rename happens once: of two that judged the lease stale, one moves it and the other finds nothing.
        aside = self.path.with_name(f".lease.{uuid.uuid4().hex}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        aside.unlink()


def is_lease_live(folder: Path) -> bool:
    """Whether a live worker holds the folder's lease."""
    path = folder / "lease.json"
    try:
        age = time.time() - path.stat().st_mtime
        holder = json.loads(path.read_text())
    except FileNotFoundError:
        return False
    except (json.JSONDecodeError, UnicodeDecodeError):
        return age < HEARTBEAT_SECONDS  # being written, or cut off by a crash
    if not isinstance(holder, dict) or holder.get("host") != socket.gethostname():
        return age < STALE_SECONDS
    return _start_time(holder.get("pid")) == holder.get("started")


def describe_process() -> dict[str, Any]:
    """Return this process's host, pid and start time; a pid alone may be given to another process."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _start_time(os.getpid())}


def _start_time(pid: Any) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except (psutil.Error, TypeError, ValueError):
        return None
