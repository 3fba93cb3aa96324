"""The device that a job runs on, and the process made ready for it."""

from __future__ import annotations

import cv2
import torch

from detstudy.study.setting import Setting
from detstudy.trainers.contract import Job, RefusedError

_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def open_device(job: Job) -> torch.device:
    """Set the process's threads, return its device. Raises RefusedError where it is not there."""
    try:
        device = torch.device(job.device)
    except RuntimeError as error:
        raise RefusedError(f"device {job.device} is unknown; use cpu or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise RefusedError(f"device {job.device} is not supported; use cpu or cuda:0")
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise RefusedError(f"device {job.device} is not there ({found} CUDA devices found); use cpu")
        torch.cuda.set_device(device)
    torch.set_num_threads(job.threads)
    cv2.setNumThreads(job.threads)
    return device


def choose_dtype(setting: Setting, device: torch.device) -> torch.dtype | None:
    """Return the type that autocast computes in, None for fp32. Raises RefusedError for a lower precision on a CPU."""
    precision = setting["precision"]
    if precision == "fp32":
        return None
    if device.type != "cuda":
        raise RefusedError(
            f"training.precision: {precision} needs a CUDA device, but this run is on {device}; use fp32"
        )
    return _PRECISIONS[precision]
