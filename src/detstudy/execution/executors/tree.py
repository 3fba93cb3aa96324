"""The processes that one has started, and those that they started, as they were seen while they lived."""

from __future__ import annotations

import contextlib
import os
import signal

from detstudy.ledger.lease import read_start

PASSES = 3  # what is started while the others are ended is found by the next one


class ProcessTree:
    """All that a process started, also in groups and sessions of their own, which `os.killpg` does not reach.

    `root` leads a group of its own and was not waited for yet, so that its number is no other's. The others are known
    by number and start, since a number is used again: nothing else is ever hit.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._seen: dict[int, float] = {}

    def record(self) -> None:
        """Note what lives of the tree now; of a helper whose parent has ended it is known what it starts later."""
        import psutil

        found: set[int] = set()
        for pid in (self._root, *self._list_living()):
            if pid in found:
                continue
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(pid).children(recursive=True):
                    start = read_start(child.pid)
                    if start is not None:
                        self._seen[child.pid] = start
                    found.add(child.pid)

    def end(self, *, group: bool = True) -> None:
        """Kill what lives of the tree, and all of the root's group; without that not the root itself."""
        for _ in range(PASSES):
            self.record()
            if group:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._root, signal.SIGKILL)
            living = self._list_living()
            for pid in living:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not living:
                return

    def _list_living(self) -> list[int]:
        return [pid for pid, start in self._seen.items() if read_start(pid) == start]
