"""What killed a worker, from records that a test gives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from detstudy.execution.executors.death import (
    Records,
    classify_death,
    count_kills,
    read_kernel_log,
    sample_memory,
)
from detstudy.ledger.causes import Memory
from detstudy.study.size import GIB
from detstudy.wording import say

ROOMY = Memory(worker=2 * GIB, used=5 * GIB, limit=16 * GIB)
FULL = Memory(worker=9 * GIB, used=int(15.5 * GIB), limit=16 * GIB)
KERNEL = "4,1234,99,-;Memory cgroup out of memory: Killed process 4711 (python) total-vm:9kB, anon-rss:8kB"


def classify(
    status: int = -signal.SIGKILL,
    *,
    sample: Memory | None = ROOMY,
    kills: tuple[int | None, int | None] = (3, 3),
    kernel: tuple[str, ...] = (),
    kernel_before: tuple[str, ...] = (),
    log: str = "",
) -> tuple[str, str]:
    records = Records(count_kills=lambda: kills[1], read_log=lambda: kernel)
    outcome, reason = classify_death(
        status,
        4711,
        kills_before=kills[0],
        messages_before=kernel_before,
        sample=sample,
        log=log,
        records=records,
    )
    return outcome, say(reason)


def test_a_bare_kill_is_a_crash_and_never_memory() -> None:
    outcome, reason = classify()
    assert outcome == "crashed"
    assert reason.startswith("the worker was killed from outside (signal 9); it held up to 2.0 GiB of 16.0 GiB")
    assert classify(sample=None, kills=(None, None))[0] == "crashed"
    assert classify(kills=(None, 4))[0] == "crashed"  # no count from before
    assert classify(log="MemoryError")[0] == "crashed"  # what it said is not what killed it


def test_a_small_process_on_a_full_machine_was_not_killed_for_memory() -> None:
    assert classify(sample=Memory(worker=GIB // 20, used=122 * GIB, limit=128 * GIB))[0] == "crashed"


def test_talk_of_memory_in_a_log_is_no_record_of_it() -> None:
    for log in (
        "tip: lower batch_size if you run out of memory\n",
        "MemoryError\nsaved\ngoing on\niteration 7\n",  # what was said before it went on
        "no bad_alloc here\n",
    ):
        assert classify(-signal.SIGABRT, log=log) == ("crashed", "the worker was killed by SIGABRT (see log.txt)"), log


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"kernel": (KERNEL,)}, "the kernel's log says that it killed the worker; it held up to 2.0 GiB of 16.0 GiB"),
        ({"kernel": ("4,1,2,-;Out of memory: Kill process 4711 (python) score 900",)}, "the kernel's log says"),
        ({"kills": (3, 4)}, "count of processes killed for it rose; it held up to 2.0 GiB"),
        ({"sample": FULL}, "by all that is known: killed when 15.5 GiB of 16.0 GiB were in use; it held up to 9.0 GiB"),
    ],
)
def test_what_the_system_has_on_record_is_out_of_memory(evidence: dict[str, object], expected: str) -> None:
    outcome, reason = classify(**evidence)  # type: ignore[arg-type]
    assert outcome == "out_of_memory"
    assert expected in reason


def test_the_kernel_s_kill_of_another_process_says_nothing() -> None:
    assert classify(kernel=(KERNEL.replace("4711", "47110"), KERNEL.replace("4711", "471")))[0] == "crashed"


def test_the_kernel_s_kill_of_an_earlier_process_of_that_number_says_nothing() -> None:
    assert classify(kernel=(KERNEL,), kernel_before=(KERNEL,))[0] == "crashed"
    assert classify(kernel=(KERNEL, KERNEL.replace("1234", "1300")), kernel_before=(KERNEL,))[0] == "out_of_memory"


def test_only_messages_of_kills_are_kept(tmp_path: Path) -> None:
    (tmp_path / "kmsg").write_text(KERNEL)
    assert read_kernel_log(tmp_path / "kmsg") == [KERNEL]
    (tmp_path / "kmsg").write_text("6,1,2,-;usb 1-1: new device")
    assert read_kernel_log(tmp_path / "kmsg") == []


def test_a_worker_that_gave_up_for_memory_says_so_in_its_log() -> None:
    log = "terminate called after throwing an instance of 'std::bad_alloc'"
    assert classify(-signal.SIGABRT, log=log)[0] == "out_of_memory"
    assert classify(1, log="Traceback\nMemoryError\n")[0] == "out_of_memory"
    assert classify(-35) == ("crashed", "the worker was killed by signal 35 (see log.txt)")
    assert classify(-signal.SIGSEGV) == ("crashed", "the worker was killed by SIGSEGV (see log.txt)")
    for last in (
        "  what():  std::bad_alloc",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9. GiB for an array with shape (9,)",
        "OSError: [Errno 12] Cannot allocate memory",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:1] . DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 9 bytes.",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "RuntimeError: CUDA error: out of memory",
    ):
        assert classify(1, log=f"step 7\n{last}\n\n")[0] == "out_of_memory", last
    assert classify(3, sample=FULL) == ("crashed", "the worker ended with status 3 (see log.txt)")


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        ("0::/", "sys/fs/cgroup/memory.events", "low 0\noom 5\noom_kill 2\n"),
        ("0::/app", "sys/fs/cgroup/app/memory.events", "oom_kill 2\n"),
        ("0::/host/path/of/the/container", "sys/fs/cgroup/memory.events", "oom_kill 2\n"),
        ("4:memory:/app", "sys/fs/cgroup/memory/app/memory.oom_control", "under_oom 0\noom_kill 2\n"),
        ("0::/", "proc/vmstat", "nr_free_pages 77\noom_kill 2\n"),
    ],
)
def test_kills_are_counted_where_the_system_notes_them(tmp_path: Path, group: str, file: str, text: str) -> None:
    for name, content in (("proc/self/cgroup", group), (file, text)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert count_kills(tmp_path) == 2


def test_a_system_without_records_has_none(tmp_path: Path) -> None:
    assert count_kills(tmp_path) is None
    assert read_kernel_log(tmp_path / "kmsg") == []


def test_a_container_that_is_fuller_than_the_machine_is_what_counts(tmp_path: Path) -> None:
    folder = tmp_path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (folder / "memory.current").write_text("990")
    (folder / "memory.max").write_text("1000")
    (folder / "memory.stat").write_text("anon 900\ninactive_file 15\n")

    sample = sample_memory(os.getpid(), tmp_path)

    assert sample is not None
    assert (sample.used, sample.limit) == (975, 1000)
    assert sample.worker > 2**20
    (folder / "memory.max").write_text("max")  # no limit: the machine is what there is
    assert sample_memory(os.getpid(), tmp_path).limit > GIB  # type: ignore[union-attr]
    assert sample_memory(2**22 + 1, tmp_path) is None
