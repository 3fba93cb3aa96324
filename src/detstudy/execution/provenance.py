"""Where and with what a run was made."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
from dataclasses import dataclass

from detstudy.ledger import Provenance

PACKAGES = ("detstudy", "torch", "torchvision", "numpy", "opencv-python-headless", "pycocotools")

ANSWER_SECONDS = 30.0
"""How long nvidia-smi is waited for: with many GPUs and no driver loaded it takes a while."""


@dataclass(frozen=True, slots=True)
class _Gpu:
    """A GPU as nvidia-smi lists it."""

    index: str
    uuid: str
    name: str


def describe_machine(device: str, workers: int) -> Provenance:
    """Return host, hardware, versions and the hour: what a reader needs to judge times and to repeat a run.

    `workers` is how many runs shared the machine; times of shared machines are longer.
    """
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return Provenance(
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
        cpu=read_cpu_name(),
        cores=count_cores(),
        device=device,
        gpu=read_gpu_name(device) if device != "cpu" else None,
        workers=workers,
        python=platform.python_version(),
        versions=versions,
    )


def count_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[str] | None:
    """Return the GPUs to use, as CUDA_VISIBLE_DEVICES names them: its own entries, else all that nvidia-smi lists.

    None where nvidia-smi gives no answer.
    """
    visible = _list_visible()
    if visible is not None:
        return visible
    gpus = _query_gpus()
    return None if gpus is None else [gpu.index for gpu in gpus]


def read_gpu_name(device: str) -> str | None:
    """Return the name of the GPU that is a device here ("cuda:0"); None where that is not known."""
    gpus = _query_gpus() or []
    visible = _list_visible()
    entries = [gpu.index for gpu in gpus] if visible is None else visible
    number = int(device.partition(":")[2] or 0)
    entry = entries[number] if number < len(entries) else None
    own = {gpu.name for gpu in gpus if entry == gpu.index or (entry and gpu.uuid.startswith(entry))}
    names = own or {gpu.name for gpu in gpus}  # of a part of a GPU (MIG) that has no number of its own
    return names.pop() if len(names) == 1 else None


def read_cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def _list_visible() -> list[str] | None:
    """Return the entries of CUDA_VISIBLE_DEVICES; None where it is unset."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return None
    return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]


def _query_gpus() -> list[_Gpu] | None:
    """Return what nvidia-smi lists; [] where it is missing or fails, None where it gives no answer in time."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    asked = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        said, _ = asked.communicate(timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        asked.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that hangs may hold it even so
            asked.communicate(timeout=1)
        return None
    rows = [line.split(",", 2) for line in said.splitlines()] if asked.returncode == 0 else []
    return [_Gpu(*map(str.strip, row)) for row in rows if len(row) == 3]
