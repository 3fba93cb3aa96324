"""Who ends with a process: all that it has started, in whatever session, and nobody else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from detstudy.execution.executors.tree import ProcessTree

# A torchrun in small: it starts helpers in sessions of their own, one of which has a child in another one again.
PARENT = """
import subprocess, sys, time
from pathlib import Path
again = "import subprocess, sys; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True);"
again += "import time; time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", again], start_new_session=True, stdout=subprocess.PIPE, text=True)
grandchild = child.stdout.readline().strip()
plain = subprocess.Popen(["sleep", "60"])
Path(sys.argv[1]).write_text(f"{child.pid} {grandchild} {plain.pid} ")
time.sleep(60)
"""


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else, in a session of its own."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that leads a group, and the numbers of what it has started."""
    note = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(note)], start_new_session=True) as process:
        while not note.exists() or not note.read_text().endswith(" "):
            time.sleep(0.02)
        yield process, [int(pid) for pid in note.read_text().split()]
        process.kill()


def list_living(pids: list[int]) -> list[int]:
    """Return which of the processes live, once those that were killed had time to go."""
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=3)
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_the_whole_tree_ends_in_whatever_session(
    parent: tuple[subprocess.Popen[bytes], list[int]], bystander: subprocess.Popen[bytes]
) -> None:
    process, pids = parent
    ProcessTree(process.pid).end()
    assert list_living(pids) == []
    assert process.wait(5) == -9
    assert bystander.poll() is None


def test_what_was_seen_ends_though_its_parents_have_died_before(
    parent: tuple[subprocess.Popen[bytes], list[int]], bystander: subprocess.Popen[bytes]
) -> None:
    process, pids = parent
    tree = ProcessTree(process.pid)
    tree.record()
    process.kill()
    psutil.Process(pids[0]).kill()
    assert set(pids[1:]) == set(list_living(pids))
    tree.end()
    assert list_living(pids) == []
    assert bystander.poll() is None


def test_a_number_that_another_process_has_now_is_not_hit(
    parent: tuple[subprocess.Popen[bytes], list[int]], bystander: subprocess.Popen[bytes]
) -> None:
    process, _ = parent
    tree = ProcessTree(process.pid)
    tree.record()
    tree._seen[bystander.pid] = 1.0  # it was another process's, which started then
    tree.end()
    time.sleep(0.1)
    assert bystander.poll() is None


def test_the_root_itself_may_go_on(parent: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    process, pids = parent
    ProcessTree(process.pid).end(group=False)
    assert list_living(pids) == []
    assert process.poll() is None
