"""What a process that works for a driver is started with: its environment, and the assignment that it reads first."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from detstudy.execution.tasks import THREADS, Place
from detstudy.ledger import Ledger

CPU = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What to do, as plain values: the study's folder, where, and what only the module that runs knows."""

    folder: str
    place: Place
    details: dict[str, Any]

    def encode(self) -> bytes:
        """Return the assignment as a line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"


def make_assignment(ledger: Ledger, device: str, workers: int = 1, **details: Any) -> Assignment:
    """Return an assignment for a process on a device: a GPU that it sees alone is the first there."""
    place = Place(device=CPU if device == CPU else "cuda:0", workers=workers)
    return Assignment(folder=str(ledger.folder.absolute()), place=place, details=details)


def read_assignment() -> Assignment:
    """Return the assignment on this process's standard input, which stays open."""
    values = json.loads(sys.stdin.readline())
    return Assignment(**{**values, "place": Place(**values["place"])})


def make_command(module: str) -> list[str]:
    """Return the command of a process that works for a driver.

    It imports nothing from the working directory (-P): a study's folder from elsewhere may hold a `numpy.py`.
    """
    return [sys.executable, "-P", "-m", module]


def make_environment(device: str) -> dict[str, str]:
    """Return this process's environment for one on a device: few threads on "cpu", else that GPU alone in sight.

    GPUs have the numbers that nvidia-smi gives them, where the environment does not say otherwise.
    """
    if device == CPU:
        return {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ, "CUDA_VISIBLE_DEVICES": device}
