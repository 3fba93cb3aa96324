"""The faults, each a function that starts a study, does its harm, and tells what the rerun has to find."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.damage import break_file
from harness.facts import count_starts, describe_results, find_differences, hash_finished
from harness.scene import (
    HOOKS,
    STEPPING,
    Scene,
    find_workers,
    launch,
    read_printed,
    run_verb,
    start_driver,
    wait_for,
    wait_for_moment,
    wait_until_quiet,
)

WRITES = ("result.json", "curves.jsonl", "run.json", "weights.*", "predictions.json", "trained.json")
DRIVER_WRITES = ("study.yaml", "planned.yaml", "data.json", "validation.json", "index.json")
FULL_BYTES = 300_000
FAST_BEATS = {"FAULT_BEATS": "0.3,3"}


class SkippedError(Exception):
    """This machine can't play the fault; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What a fault found at once, and what the rerun may find."""

    complaints: tuple[str, ...] = ()
    damaged: Path | None = None  # a file of the finished study, which may be written again, or be named
    rerun: dict[str, str] = dataclasses.field(default_factory=dict)  # faults that go on
    busy: bool = False  # the rerun starts while processes of the first are still ending


def kill_workers(scene: Scene, reference: Path) -> Aftermath:
    """kill -9 of a worker, twice at most: the driver tries its run again."""
    driver = start_driver(scene)
    for _ in range(scene.random.randint(1, 2)):
        wait_for_moment(scene, driver)
        workers = find_workers(scene)
        if workers:
            kill(scene.random.choice(workers))
    return expect_status(scene, driver, {0})


def kill_driver(scene: Scene, reference: Path) -> Aftermath:
    """kill -9 of the driver: its workers stop by themselves, before or after the next driver comes."""
    driver = start_driver(scene)
    wait_for_moment(scene, driver)
    kill(psutil.Process(driver.pid))
    driver.wait()
    return Aftermath(busy=scene.random.random() < 0.5)


def kill_all(scene: Scene, reference: Path) -> Aftermath:
    """kill -9 of the driver and all workers, in any order, as a power cut does."""
    driver = start_driver(scene)
    wait_for_moment(scene, driver)
    processes = [*find_workers(scene), psutil.Process(driver.pid)]
    scene.random.shuffle(processes)
    for process in processes:
        kill(process)
    driver.wait()
    return Aftermath()


def kill_in_write(scene: Scene, reference: Path) -> Aftermath:
    """kill -9 in the write of a file: half-way through it, before its rename, after it."""
    written = ["checkpoint-*", *(name for name in (*WRITES, *DRIVER_WRITES) if any(reference.rglob(name)))]
    pattern, died = scene.random.choice(written), scene.folder / "died"
    moment = scene.random.choice(("half", "before", "after"))
    driver = start_driver(scene, FAULT_DIE=f"{pattern}|{moment}|{died}")
    found = expect_status(scene, driver, {0, -signal.SIGKILL})
    if not died.exists():
        return Aftermath(complaints=(*found.complaints, f"nobody was killed: no process wrote {pattern}"))
    return found


def interrupt(scene: Scene, reference: Path) -> Aftermath:
    """SIGINT, SIGTERM or SIGHUP, once or twice in a row."""
    driver = start_driver(scene)
    number = scene.random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    wait_for_moment(scene, driver)
    statuses = {0, 128 + number, -number}
    with contextlib.suppress(ProcessLookupError):
        os.killpg(driver.pid, number)
        if scene.random.random() < 0.5:
            time.sleep(scene.random.uniform(0, 0.5))
            os.killpg(driver.pid, number)
    return expect_status(scene, driver, statuses)


def close_terminal(scene: Scene, reference: Path) -> Aftermath:
    """The terminal is closed: SIGHUP, and nobody to print to."""
    master, terminal = pty.openpty()
    code = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    run = [sys.executable, str(HOOKS / "driver.py"), "run", str(scene.study), "--out", str(scene.out)]
    command = [sys.executable, "-c", code, *run, "--set", f"trainer.python={scene.trainer}", "--workers", "2"]
    driver = launch(scene, command, {}, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    while driver.poll() is None and "-c" in psutil.Process(driver.pid).cmdline():
        time.sleep(0.01)  # it has no terminal yet that could be closed
    wait_for_moment(scene, driver)
    os.close(master)
    return expect_status(scene, driver, {0, 128 + signal.SIGHUP, -signal.SIGHUP})


def fill_disk(scene: Scene, reference: Path) -> Aftermath:
    """The disk is full: one clear error, and the study goes on when there is room."""
    with mount_small(scene) as mounted:
        if not mounted:
            full = scene.folder / "full"
            driver = start_driver(scene, FAULT_FULL=str(full))
            wait_for_moment(scene, driver)
            full.touch()
            found = expect_refusal(scene, driver, ("No space left on device",))
            full.unlink()
            return found
        driver = start_driver(scene)
        wait_for_moment(scene, driver)
        filler = scene.folder / "small" / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for _ in range(2 * FULL_BYTES // 1024):  # never more, should this turn out to be another file system
                file.write(bytes(1024))
        found = expect_refusal(scene, driver, ("No space left on device",))
        filler.unlink()
        return found


def forbid_writing(scene: Scene, reference: Path) -> Aftermath:
    """The study's folder becomes read-only: one clear error, and the study goes on when it may write."""
    with mount_small(scene) as mounted:
        if not mounted and os.geteuid() == 0:
            raise SkippedError("root writes everywhere, and nothing can be mounted here")
        driver = start_driver(scene)
        wait_for_moment(scene, driver)
        lock(scene, mounted)
        found = expect_refusal(scene, driver, ("Read-only file system", "Permission denied"))
        lock(scene, mounted, "rw")
        return found


def hang(scene: Scene, reference: Path) -> Aftermath:
    """A run hangs without progress, and is ended."""
    text = scene.study.read_text()
    scene.study.write_text(f"{text}limits: {{no_progress_minutes: 0.25}}\n")
    return expect_status(scene, start_driver(scene, FAULT_HANG="1"), {0, 3})


def share(scene: Scene, reference: Path) -> Aftermath:
    """A second driver on the same study: they share the work, and no run is done twice."""
    first = start_driver(scene)
    time.sleep(scene.random.uniform(0, 2))
    second = start_driver(scene)
    found = (*expect_status(scene, first, {0}).complaints, *expect_status(scene, second, {0}).complaints)
    twice = [f"twice: {name} was started {count} times" for name, count in count_starts(scene.out).items() if count > 1]
    return Aftermath(complaints=(*found, *twice))


def kill_one_of_two(scene: Scene, reference: Path) -> Aftermath:
    """Of two drivers on the same study one is killed in the middle: the other ends the study."""
    first, second = start_driver(scene), start_driver(scene)
    wait_for_moment(scene, first)
    kill(psutil.Process(first.pid))
    first.wait()
    return expect_status(scene, second, {0})


def break_checkpoint(scene: Scene, reference: Path) -> Aftermath:
    """Checkpoints are cut off or garbled while nobody runs: the one before is used, or none."""
    driver = start_driver(scene)
    wait_for_moment(scene, driver, least=3)
    for process in [*find_workers(scene), psutil.Process(driver.pid)]:
        kill(process)
    driver.wait()
    newest_only = scene.random.random() < 0.6
    sound: dict[Path, int] = {}  # unfinished run → the iteration of its newest checkpoint that is left
    for folder in scene.out.glob("runs/*"):
        paths = sorted(folder.glob("checkpoint-*"), reverse=True)
        count = 1 if newest_only else len(paths)
        for path in paths[:count]:
            break_file(path, scene.random)
        if not (folder / "result.json").exists():
            sound[folder] = read_iteration(paths[count]) if paths[count:] else 0
    found = expect_status(scene, start_driver(scene), {0})
    if scene.trainer != STEPPING:
        return found
    resumed = {folder: re.findall(r"goes on from iteration (\d+)", read_log(folder)) for folder in sound}
    wrong = [
        f"{folder.name} went on from iteration {resumed[folder]}, its newest sound checkpoint is of {iteration}"
        for folder, iteration in sound.items()
        if resumed[folder][-1:] != [str(iteration)]
    ]
    return Aftermath(complaints=(*found.complaints, *wrong))


def read_iteration(checkpoint: Path) -> int:
    """Return the iteration in a checkpoint's name."""
    return int(checkpoint.stem.rpartition("-")[2])


def read_log(folder: Path) -> str:
    """Return what a run's workers printed."""
    path = folder / "log.txt"
    return path.read_text(errors="replace") if path.exists() else ""


def break_any_file(scene: Scene, reference: Path) -> Aftermath:
    """A file of a finished study is cut off, garbled or emptied: a rerun repairs it, or names it."""
    shutil.copytree(reference, scene.out, symlinks=True)
    files = [path for path in scene.out.rglob("*") if path.is_file() and path.name != "log.txt"]
    names = sorted({path.name for path in files})
    chosen = scene.random.choice(names)
    path = scene.random.choice(sorted(path for path in files if path.name == chosen))
    how = break_file(path, scene.random)
    complaints: list[str] = []
    verbs = (("status", scene.out, "--json"), ("report", scene.out))
    for verb in verbs[: scene.random.choice((0, 1, 1, 2))]:
        status, printed = run_verb(scene, *verb)
        complaints += check_printed(f"{verb[0]} with {path.name} {how}", status, printed, {0, 2})
        if status == 2 and path.name not in printed:
            complaints.append(f"{verb[0]} with {path.name} {how} does not name it: {printed.strip()[-200:]}")
    return Aftermath(complaints=tuple(complaints), damaged=path.relative_to(scene.out))


def edit_study(scene: Scene, reference: Path) -> Aftermath:
    """The study file is edited between runs, and edited back: what had finished stays, what is new is run."""
    text = scene.study.read_text()
    driver = start_driver(scene)
    wait_for_moment(scene, driver)
    if scene.random.random() < 0.5:
        driver.terminate()
        wait_for(driver)
        wait_until_quiet(scene)
    edits = (
        ("- 0.04\n", "- 0.04\n  - 0.008\n"),
        ("  learning_rate:\n  - 0.04\n", ""),
        ("baseline_seeds:\n- 0\n- 1\n", "baseline_seeds:\n- 0\n- 3\n"),
        ("checkpoint_every: 5", "checkpoint_every: 2"),
    )
    before, after = scene.random.choice(edits)
    if before not in text:
        raise AssertionError(f"the study file has no {before!r}")
    finished = hash_finished(scene.out)
    scene.study.write_text(text.replace(before, after))
    complaints = [*expect_status(scene, start_driver(scene), {0}).complaints]
    if driver.poll() is None:
        status = wait_for(driver)  # the study it works on was changed under it: a clear error, or its end
        complaints += check_printed("the first driver", status, read_printed(scene, driver), {0, 2})
    complaints += compare_finished(finished, hash_finished(scene.out))
    scene.study.write_text(text)
    complaints += expect_status(scene, start_driver(scene), {0}).complaints
    expected, found = describe_results(reference), describe_results(scene.out)
    extra = found.keys() - expected.keys()
    for name in sorted(extra, reverse=True):  # what only the edited study had
        if "/" not in name:
            shutil.rmtree(scene.out / "runs" / name)
    return Aftermath(complaints=tuple(complaints))


def turn_clock(scene: Scene, reference: Path) -> Aftermath:
    """Clocks that go backwards or forwards in the middle, otherwise at the rerun."""
    off = [f"{scene.random.choice((-1, 1)) * scene.random.uniform(60, 1e6):.0f},{scene.random.uniform(0, 3):.1f}"]
    off += [f"{-scene.random.uniform(60, 1e6):.0f},{scene.random.uniform(0, 2):.1f}"]
    driver = start_driver(scene, FAULT_CLOCK=off[0])
    wait_for_moment(scene, driver)
    if scene.random.random() < 0.5:
        kill(psutil.Process(driver.pid))
        driver.wait()
        return Aftermath(rerun={"FAULT_CLOCK": off[1]}, busy=True)
    return expect_status(scene, driver, {0})


def forge_lease(scene: Scene, reference: Path) -> Aftermath:
    """A lease of another machine, of a process number used again, torn, from the past or the future, stands there."""
    driver = start_driver(scene)
    wait_for_moment(scene, driver)
    for process in [*find_workers(scene), psutil.Process(driver.pid)]:
        kill(process)
    driver.wait()
    leases = (
        json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}),
        json.dumps({"host": os.uname().nodename, "pid": os.getpid(), "started": 1.0}),
        '{"host": "els',
        "",
        "[]",
    )
    for folder in scene.out.glob("runs/*"):
        path = folder / "lease.json"
        path.write_text(scene.random.choice(leases))
        ages = (1e5, -1e5) if (folder / "result.json").exists() else (0, 1e5, -1e5, -1)  # who holds what has ended?
        then = time.time() - scene.random.choice(ages)
        os.utime(path, (then, then))
    return Aftermath(rerun=FAST_BEATS)


def move(scene: Scene, reference: Path) -> Aftermath:
    """The folder is copied in the middle to another machine and path, data and all, and goes on there."""
    driver = start_driver(scene)
    wait_for_moment(scene, driver)
    elsewhere = scene.folder / "elsewhere"
    elsewhere.mkdir()
    copy_living(scene.out, elsewhere / "out")
    for process in [*find_workers(scene), psutil.Process(driver.pid)]:
        kill(process)
    driver.wait()
    shutil.rmtree(scene.out, ignore_errors=True)
    text = scene.study.read_text()
    root = next(line.split(": ", 1)[1] for line in text.splitlines() if line.strip().startswith("root: "))
    shutil.copytree(root, elsewhere / "data")
    scene.study = elsewhere / "study.yaml"
    scene.study.write_text(text.replace(root, str(elsewhere / "data")))
    scene.folder = elsewhere
    (elsewhere / "out").mkdir(exist_ok=True)
    for number in range(len(scene.drivers)):
        (elsewhere / f"printed-{number}.txt").touch()
    return Aftermath(rerun={"FAULT_HOST": "another-machine", **FAST_BEATS})


def copy_living(source: Path, target: Path) -> None:
    """Copy a folder that is being written to; what vanishes meanwhile is left out."""
    with contextlib.suppress(FileNotFoundError, shutil.Error):
        shutil.copytree(source, target, ignore_dangling_symlinks=True)


def kill(process: psutil.Process) -> None:
    """kill -9, of a process that may have ended just now."""
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)


def expect_status(scene: Scene, driver: subprocess.Popen[bytes], allowed: set[int]) -> Aftermath:
    """Wait for a driver's end; complain of another status than those allowed, or a traceback."""
    status = wait_for(driver)
    return Aftermath(complaints=check_printed("the driver", status, read_printed(scene, driver), allowed))


def expect_refusal(scene: Scene, driver: subprocess.Popen[bytes], messages: tuple[str, ...]) -> Aftermath:
    """Wait for a driver's end; it must have come to its end before the fault, or name the fault in one error."""
    status = wait_for(driver)
    printed = read_printed(scene, driver)
    complaints = check_printed("the driver", status, printed, {0, 2})
    if status == 2 and not any(message in printed for message in messages):
        complaints = (*complaints, f"no clear error: {printed.strip()[-300:]}")
    return Aftermath(complaints=complaints)


def check_printed(who: str, status: int, printed: str, allowed: set[int]) -> tuple[str, ...]:
    """Return complaints of an exit status or a traceback."""
    last = " / ".join(printed.strip().splitlines()[-3:])
    complaints = () if status in allowed else (f"{who} ended with {status}: {last}",)
    return (*complaints, f"{who} showed a traceback: {last}") if "Traceback" in printed else complaints


def compare_finished(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what had finished and is not, byte by byte, what it was."""
    return find_differences(before, {name: after[name] for name in before if name in after}, "finished before")


@contextlib.contextmanager
def mount_small(scene: Scene) -> Iterator[bool]:
    """Put the study's folder on a small file system of its own, where this is allowed; gives whether it is."""
    small = scene.folder / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={FULL_BYTES}", "tmpfs", str(small)]
    mounted = shutil.which("mount") is not None and os.geteuid() == 0
    mounted = mounted and subprocess.run(command, capture_output=True, check=False).returncode == 0
    (small / "out").mkdir()
    scene.out.symlink_to(small / "out")
    try:
        yield mounted
        wait_until_quiet(scene)
    finally:
        scene.out.unlink()
        shutil.copytree(small / "out", scene.out)
        if mounted:
            subprocess.run(["umount", "--lazy", str(small)], check=True)


def lock(scene: Scene, mounted: bool, mode: str = "ro") -> None:
    """Make the study's folder read-only, or writable again."""
    if mounted:
        deadline = time.monotonic() + 10
        command = ["mount", "-o", f"remount,{mode},size={FULL_BYTES}", str(scene.folder / "small")]
        while subprocess.run(command, capture_output=True, check=False).returncode and time.monotonic() < deadline:
            time.sleep(0.02)  # a file open for writing forbids it for a moment
        return
    for folder in [scene.out.resolve(), *(path for path in scene.out.resolve().rglob("*") if path.is_dir())]:
        folder.chmod(0o555 if mode == "ro" else 0o755)


KINDS: dict[str, Callable[[Scene, Path], Aftermath]] = {
    "kill a worker": kill_workers,
    "kill the driver": kill_driver,
    "kill all": kill_all,
    "kill in a write": kill_in_write,
    "interrupt": interrupt,
    "closed terminal": close_terminal,
    "full disk": fill_disk,
    "read-only folder": forbid_writing,
    "hang": hang,
    "second driver": share,
    "kill one of two drivers": kill_one_of_two,
    "damaged checkpoint": break_checkpoint,
    "damaged file": break_any_file,
    "edited study": edit_study,
    "clock set": turn_clock,
    "foreign or stale lease": forge_lease,
    "moved folder": move,
}
"""Kind of fault → what does it."""

REAL_KINDS = ("kill a worker", "kill all", "kill in a write", "interrupt", "damaged checkpoint", "damaged file")
"""Those that rounds with detstudy's own trainer play."""
