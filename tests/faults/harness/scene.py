"""A study on a stage of its own: its folder, its drivers and their workers, found by a mark in their environment."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

HOOKS = Path(__file__).parent / "hooks"
SOURCE = Path(__file__).parents[3] / "src"
MARK = "FAULT_SCENE"
STEPPING = "stepping:SteppingTrainer"
PATIENCE = 240.0  # seconds for what takes a few on a machine at rest


@dataclass(slots=True)
class Scene:
    """Where a round plays. Everything below `folder` is its own."""

    folder: Path
    study: Path
    random: random.Random
    trainer: str = STEPPING
    points: int = 16  # of all curves of the study together
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    drivers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """The study's folder."""
        return self.folder / "out"


def start_driver(scene: Scene, **faults: str) -> subprocess.Popen[bytes]:
    """Start `detstudy run` on the scene's study, in a process group of its own."""
    command = [sys.executable, str(HOOKS / "driver.py"), "run", str(scene.study), "--out", str(scene.out)]
    return launch(scene, [*command, "--set", f"trainer.python={scene.trainer}", "--workers", "2"], faults)


def launch(scene: Scene, command: list[str], faults: dict[str, str], **more: Any) -> subprocess.Popen[bytes]:
    """Start a command on the scene; what it prints goes to a file."""
    with (scene.folder / f"printed-{len(scene.drivers)}.txt").open("wb") as printed:
        streams = {"stdout": printed, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen(
            command, env=make_environment(scene, faults), start_new_session=True, **{**streams, **more}
        )
    scene.drivers.append(process)
    return process


def make_environment(scene: Scene, faults: dict[str, str]) -> dict[str, str]:
    """Return the environment of the scene's processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAULT_")}
    paths = [str(HOOKS), kept.get("PYTHONPATH") or str(SOURCE)]
    own = {MARK: scene.mark, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    return {**kept, **own, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", **faults}


def run_verb(scene: Scene, *arguments: object) -> tuple[int, str]:
    """Run a verb of the command line to its end; return its exit status and what it printed."""
    process = launch(scene, [sys.executable, "-m", "detstudy.cli", *map(str, arguments)], {})
    status = wait_for(process)
    return status, read_printed(scene, process)


def wait_for(process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> int:
    """Return the exit status. Raises AssertionError where the process hangs."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"process {process.args!r} hung for {seconds:.0f} s") from None


def read_printed(scene: Scene, process: subprocess.Popen[bytes]) -> str:
    """Return what a driver of the scene printed."""
    return (scene.folder / f"printed-{scene.drivers.index(process)}.txt").read_text(errors="replace")


def find_processes(scene: Scene, module: str = "") -> list[psutil.Process]:
    """Return the living processes of the scene, by the mark in their environment, whose command names the module."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.environ().get(MARK) == scene.mark and process.status() != psutil.STATUS_ZOMBIE
            if ours and module in " ".join(process.cmdline()):
                found.append(process)
    return found


def find_workers(scene: Scene) -> list[psutil.Process]:
    """Return the living worker processes of the scene."""
    return find_processes(scene, "detstudy.execution.worker")


def wait_for_moment(scene: Scene, process: subprocess.Popen[bytes], least: int = 0) -> None:
    """Wait for a random moment of the study: so many points written, and a bit more."""
    wanted = scene.random.randint(least, scene.points - 1)
    deadline = time.monotonic() + PATIENCE
    while count_points(scene) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.03)
    time.sleep(scene.random.uniform(0, 0.4 if wanted else 2.0))


def count_points(scene: Scene) -> int:
    """Return the lines of all curves."""
    return sum(path.read_bytes().count(b"\n") for path in scene.out.glob("runs/*/curves.jsonl"))


def wait_until_quiet(scene: Scene, seconds: float = 40.0) -> None:
    """Wait until no process of the scene lives, or so long."""
    deadline = time.monotonic() + seconds
    while find_processes(scene) and time.monotonic() < deadline:
        for driver in scene.drivers:
            driver.poll()
        time.sleep(0.3)


def end_scene(scene: Scene) -> None:
    """End what still lives of the scene; only its own processes bear its mark."""
    for process in find_processes(scene):
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    for driver in scene.drivers:
        driver.wait()


def make_scene(folder: Path, study: Path, generator: random.Random, **more: Any) -> Scene:
    """Return a scene in a fresh folder, with the study file in it."""
    folder.mkdir(parents=True)
    own = folder / "study.yaml"
    own.write_bytes(study.read_bytes())
    return dataclasses.replace(Scene(folder=folder, study=own, random=generator), **more)
