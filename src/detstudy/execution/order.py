"""What a process that works for a driver is started with: its environment, and the order that it reads first."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import Any

from detstudy.ledger import Ledger

CPU = "cpu"
THREADS = 1


def make_command(module: str) -> list[str]:
    """Return the command of a process that works for a driver.

    It imports nothing from the working directory (-P): a study's folder from elsewhere may hold a `numpy.py`.
    """
    return [sys.executable, "-P", "-m", module]


def make_environment(device: str) -> dict[str, str]:
    """Return this process's environment for one on a device: few threads on "cpu", else that GPU alone in sight."""
    if device == CPU:
        return {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
    return {**os.environ, "CUDA_VISIBLE_DEVICES": device}


def give_order(process: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
    """Write an order for a process to read first; its input stays open, since it ends when that closes."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has died, and is found so
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()


def make_order(ledger: Ledger, trainer: str, device: str, **details: Any) -> dict[str, Any]:
    """Return an order: the study's folder, who trains, and where; a GPU in sight alone is the first there."""
    place = {"device": CPU if device == CPU else "cuda:0", "threads": THREADS}
    return {"folder": str(ledger.folder.absolute()), "trainer": trainer, **place, **details}
