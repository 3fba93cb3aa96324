"""Where and with what a run was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
from typing import Any

PACKAGES = ("detstudy", "torch", "torchvision", "numpy", "opencv-python-headless", "pycocotools")


def describe_machine(device: str, workers: int) -> dict[str, Any]:
    """Return host, hardware, versions and the hour: what a reader needs to judge times and to repeat a run.

    `workers` is how many runs shared the machine; times of shared machines are longer.
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "cpu": read_cpu_name(),
        "cores": count_cores(),
        "device": device,
        "gpu": read_gpu_name() if device != "cpu" else None,
        "workers": workers,
        "python": platform.python_version(),
        "versions": versions,
    }


def count_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[str]:
    """Return the GPUs to use, as CUDA_VISIBLE_DEVICES names them: its own entries, else all that the driver lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(_query_gpus("index")))]


def read_gpu_name() -> str | None:
    """Return the visible GPUs' names, or None."""
    return ", ".join(sorted(set(_query_gpus("name")))) or None


def read_cpu_name() -> str:
    """Return the processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def _query_gpus(field: str) -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
