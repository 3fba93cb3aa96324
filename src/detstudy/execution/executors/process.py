"""A process that works for a driver: its assignment in, lines out, its log kept, all that it starts ended with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import IO

from detstudy.execution.executors.assignment import Assignment, make_command, make_environment
from detstudy.execution.executors.death import Records, classify_death, read_records, sample_memory
from detstudy.execution.executors.tree import ProcessTree
from detstudy.ledger import find_secrets, redact
from detstudy.ledger.causes import Memory, Reason
from detstudy.study.setting import Outcome

READ_SECONDS = 5.0
WAIT_SECONDS = 0.02
KILLS_KEPT = 10  # samples; a process that was killed takes a while to be gone
TAIL = 2000  # characters, in which it may have said why it died


class WorkerProcess:
    """Runs a module of detstudy with an assignment on its standard input, which stays open as its lifeline.

    `hear` is given each line of its output, in a thread. What it says on standard error goes into `log` without the
    secrets of the environment, or without a log to this process's own. `look` is to be called once a while: what it
    saw then is how the end of the process is explained, and what is ended with it.
    """

    def __init__(
        self,
        module: str,
        assignment: Assignment,
        device: str,
        *,
        hear: Callable[[bytes], None],
        log: IO[bytes] | None = None,
    ) -> None:
        self.tail = ""
        self.sample: Memory | None = None  # the last one, with the most that it held in any
        self._hear = hear
        self._records: Records = read_records()
        self._messages = self._records.read_log()  # of processes killed before
        self._kills: deque[int | None] = deque([self._records.count_kills()], KILLS_KEPT)  # one at each look
        self._lock = threading.Lock()  # of the moment in which it is waited for
        self._process = subprocess.Popen(
            make_command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if log is None else subprocess.PIPE,
            env=make_environment(device),
            start_new_session=True,  # a terminal's Ctrl-C reaches the driver alone, which stops its workers in order
        )
        self._tree = ProcessTree(self._process.pid)
        self._readers = [threading.Thread(target=self._read_lines, daemon=True)]
        if log is not None:
            self._readers.append(threading.Thread(target=self._keep_log, args=(log,), daemon=True))
        for reader in self._readers:
            reader.start()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died, and is found so
            self._process.stdin.write(assignment.encode())
            self._process.stdin.flush()

    def look(self) -> None:
        """Sample its memory, the system's count of kills, and what it has started."""
        sample = sample_memory(self._process.pid)
        if sample is not None:
            self.sample = replace(sample, worker=max(sample.worker, self.sample.worker if self.sample else 0))
        self._kills.append(self._records.count_kills())
        with self._lock:
            if self._process.returncode is None:
                self._tree.record()

    def poll(self) -> int | None:
        """Return its exit status, once it ended and all that it had started was ended too; None while it lives."""
        with self._lock:
            if self._process.returncode is None and _has_ended(self._process.pid):
                self._tree.end()  # while its number is its own, and its group's
                self._process.wait()
            return self._process.returncode

    def wait(self, seconds: float) -> int | None:
        """Return what `poll` does, after so long at most."""
        deadline = time.monotonic() + seconds
        while (status := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(WAIT_SECONDS)
        return status

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, where it lives, after a look at what it has started: it may end by it."""
        with self._lock:
            if self._process.returncode is None:
                self._tree.record()
                self._process.send_signal(number)

    def end(self) -> None:
        """Kill it with all that it has started."""
        with self._lock:
            if self._process.returncode is None:
                self._tree.end()

    def close(self) -> None:
        """Close the lifeline after its end, and wait for what it said last."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        for reader in self._readers:
            reader.join(READ_SECONDS)

    def explain_death(self) -> tuple[Outcome, Reason]:
        """Return the outcome and the reason of an end without a result."""
        return classify_death(
            self._process.returncode,
            self._process.pid,
            kills_before=self._kills[0],
            messages_before=self._messages,
            sample=self.sample,
            log=self.tail,
            records=self._records,
        )

    def forget_kill(self) -> None:
        """Take one kill of the system out of what may have hit this process: it hit another."""
        now = self._records.count_kills()
        if now is not None:
            self._kills = deque((each if each is None else min(each + 1, now) for each in self._kills), KILLS_KEPT)

    def _read_lines(self) -> None:
        lines = self._process.stdout
        assert lines is not None
        with lines:
            for line in lines:
                self._hear(line)

    def _keep_log(self, log: IO[bytes]) -> None:
        said = self._process.stderr
        assert said is not None
        secrets = find_secrets(os.environ)
        with log, said:
            for line in said:
                text = redact(line.decode(errors="surrogateescape"), secrets)
                self.tail = (self.tail + text)[-TAIL:]
                with contextlib.suppress(OSError):  # a full disk: it must not wait for its log
                    log.write(text.encode(errors="surrogateescape"))


def _has_ended(pid: int) -> bool:
    """Whether a child that was not waited for has ended."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
