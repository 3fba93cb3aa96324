"""A run in memory: detector, optimizer and progress, made afresh or taken up from a checkpoint."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch

from detstudy.trainers.contract import Job, choose_micro_batch
from detstudy.trainers.torchvision.checkpoint import State, read_checkpoint, remove_checkpoints, write_checkpoint
from detstudy.trainers.torchvision.detector import Detector, build_detector, load_initial_weights
from detstudy.trainers.torchvision.device import choose_dtype
from detstudy.trainers.torchvision.memory import measure_peak
from detstudy.trainers.torchvision.optimizer import build_optimizer
from detstudy.trainers.torchvision.progress import Progress


@dataclass(slots=True)
class Session:
    """What changes while a run trains."""

    detector: Detector
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    device: torch.device
    dtype: torch.dtype | None  # of autocast; None computes in fp32
    progress: Progress
    best_weights: State | None = None  # where the checkpoint rule is "best"
    doing: Literal["training", "validation"] = "training"

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the detector computes."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def synchronize(self) -> None:
        """Wait until the device has done what was asked of it, so that clocks tell the truth."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def save(self, job: Job) -> None:
        """Write a checkpoint of the session."""
        self.progress.peak_memory = max(self.progress.peak_memory, measure_peak(self.device))
        state: State = {
            "detector": self.detector.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": self.progress.to_state(),
            "random": torch.get_rng_state(),
            "best_weights": self.best_weights,
        }
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        write_checkpoint(job.folder, self.progress.iteration, state)


def open_session(job: Job, class_count: int, device: torch.device) -> Session:
    """Return a session at the newest good checkpoint of the job's folder, or at iteration 0.

    Weights and the first random state follow from the job's seed alone. After a checkpoint the curve is rewound to it.
    A checkpoint of another micro-batch is of another training: the run starts afresh.
    """
    dtype = choose_dtype(job.setting, device)
    micro = choose_micro_batch(job.setting, job.largest_micro_batch)
    state = read_checkpoint(job.folder)
    if state is not None and state["progress"]["micro_batch_size"] != micro:
        remove_checkpoints(job.folder)
        state = None
    torch.manual_seed(job.seed)
    detector = build_detector(job.setting, class_count)
    if state is None:
        load_initial_weights(detector, job.setting)
        # Sampling starts from the same random state however many numbers the fresh weights took.
        torch.manual_seed(job.seed)
    detector.to(device)
    session = Session(
        detector=detector,
        optimizer=build_optimizer(detector, job.setting),
        scaler=torch.amp.GradScaler(device.type, enabled=dtype is torch.float16),
        device=device,
        dtype=dtype,
        progress=Progress(micro_batch_size=micro),
    )
    if state is not None:
        _restore(session, state)
    job.curve.rewind(session.progress.iteration)
    return session


def _restore(session: Session, state: State) -> None:
    session.detector.load_state_dict(state["detector"])
    session.optimizer.load_state_dict(state["optimizer"])
    session.scaler.load_state_dict(state["scaler"])
    session.progress = Progress.from_state(state["progress"])
    session.progress.resumes += 1
    session.best_weights = state["best_weights"]
    torch.set_rng_state(state["random"])
    if "random_cuda" in state:
        torch.cuda.set_rng_state(state["random_cuda"], session.device)
