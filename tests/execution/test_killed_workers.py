"""Workers that really die: for want of memory, in a cgroup with little of it, and by signals."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detstudy.ledger import Ledger, RunRecord
from detstudy.numbers import format_size
from detstudy.wording import say

ROOM = 2**20 * 900  # so much that the greedy worker is the largest when it is used up
TRAINER = """
import os, signal, sys, time
from detstudy.testing import FakeTrainer

GREED = 2**20 * 1500
WAYS = {0.011: "eat", 0.012: "abort", 0.013: "bad_alloc", 0.014: "segfault"}

class Dying(FakeTrainer):
    def train(self, job):
        way = WAYS.get(job.setting['learning_rate'])
        job.at_work("batch of 4, densest image of the batch has 9 objects (0001/000002.png)")
        if way == "eat":
            while not list(job.folder.parent.glob("*/evaluations/*/result.json")):
                time.sleep(0.1)  # the other worker has ended: of two large ones the kernel may take either
                job.heartbeat()
            held = bytearray(GREED)
            held[::4096] = bytes(len(held[::4096]))
        if way == "bad_alloc":
            time.sleep(2.5)  # long enough for its memory to be looked at
            os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\\n")
        if way in ("abort", "bad_alloc"):
            os.abort()
        if way == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().train(job)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup with ROOM bytes of memory below this process's own, in cgroup v2 or v1."""
    folder = make_group()
    yield folder
    for _ in range(50):  # the kernel takes a while to let go of what was killed
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.1)
    raise AssertionError(f"{folder} is still in use")


def make_group() -> Path:
    """Make the cgroup; skips the test where the system does not allow it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = {line.split(":", 2)[1]: line.split(":", 2)[2].lstrip("/") for line in lines}
        if "memory" in own:
            top, name = Path("/sys/fs/cgroup/memory") / own["memory"], "memory.limit_in_bytes"
        else:
            top, name = Path("/sys/fs/cgroup") / own[""], "memory.max"
        folder = top / f"detstudy-{os.getpid()}"
        folder.mkdir()
    except (OSError, KeyError) as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        (folder / name).write_text(str(ROOM))
        swap = folder / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
    except OSError as error:
        folder.rmdir()
        pytest.skip(f"no memory limit can be set in a cgroup here: {error}")
    return folder


def run_dying(study: Path, out: Path, folder: Path, group: Path | None = None) -> dict[str, RunRecord]:
    """Run a study with the trainer that dies, in the cgroup if there is one; return its runs by setting."""
    (folder / "dying.py").write_text(TRAINER)
    driver = [sys.executable, str(Path(__file__).with_name("drive.py")), str(study), str(out), "dying:Dying"]
    enter = "" if group is None else f'echo $$ > "{group}/cgroup.procs" && '
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        ["sh", "-c", f'{enter}exec "$@"', "sh", *driver],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {record.setting_id: record for record in Ledger(out).read_runs()}


def test_a_worker_that_the_kernel_kills_for_memory_is_out_of_memory(
    tmp_path: Path, tiny_study: Callable[..., Path], group: Path
) -> None:
    study = tiny_study(factors={"learning_rate": [0.011]}, baseline_seeds=[0])
    runs = run_dying(study, tmp_path / "out", tmp_path, group)
    assert runs["baseline"].outcome == "finished"
    greedy = runs["learning_rate=0.011"]
    assert (greedy.outcome, greedy.attempts) == ("out_of_memory", 1)
    greedy_reason = say(greedy.reason)
    assert any(
        record in greedy_reason for record in ("the kernel's log says", "the system's count of processes killed")
    )
    assert greedy.effective.micro_batch_size == 4
    assert "; its densest batch so far: batch of 4, densest image" in greedy_reason
    notes = [group / name for name in ("memory.oom_control", "memory.events")]
    assert "oom_kill 1\n" in "".join(path.read_text() for path in notes if path.exists())  # the driver was let live


def test_what_a_worker_dies_of_is_told_by_its_signal_and_its_last_words(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    study = tiny_study(factors={"learning_rate": [0.012, 0.013, 0.014]}, baseline_seeds=[0])
    runs = run_dying(study, tmp_path / "out", tmp_path)
    assert runs["baseline"].outcome == "finished"
    told = {name: (record.outcome, record.attempts) for name, record in runs.items() if name != "baseline"}
    assert told == {
        "learning_rate=0.012": ("crashed", 3),
        "learning_rate=0.013": ("out_of_memory", 1),
        "learning_rate=0.014": ("crashed", 3),
    }
    reasons = {name: say(record.reason or "") for name, record in runs.items()}
    assert reasons["learning_rate=0.012"] == "the worker was killed by SIGABRT (see log.txt)"
    gave_up = reasons["learning_rate=0.013"]
    assert gave_up.startswith('out of memory: its log ends with "terminate called after throwing an instance of')
    assert gave_up.endswith(
        "its densest batch so far: batch of 4, densest image of the batch has 9 objects (0001/000002.png)"
    )
    peak = runs["learning_rate=0.013"].measures["train/peak_memory_bytes"].value
    assert peak is not None
    assert 2**20 < peak < 2**33
    assert f"it held up to {format_size(peak)} of " in gave_up
    assert reasons["learning_rate=0.014"] == "the worker was killed by SIGSEGV (see log.txt)"
