"""What is measured on validation images while a run trains: losses, and AP through the job's own measure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from detstudy.data import ImageRecord
from detstudy.trainers.contract import Job
from detstudy.trainers.torchvision.batches import ImageCache, make_example
from detstudy.trainers.torchvision.detector import find_norms
from detstudy.trainers.torchvision.session import Session

LOSS_SEED = 0  # of the sampling within the losses: the same at every validation


def choose_validation_images(records: Sequence[ImageRecord], count: int | None) -> tuple[ImageRecord, ...]:
    """Return `count` records evenly spaced over all, so that every sequence has its share; None returns all."""
    if count is None or count >= len(records):
        return tuple(records)
    return tuple(records[index * len(records) // count] for index in range(count))


@torch.no_grad()
def compute_validation_losses(
    session: Session, job: Job, records: Sequence[ImageRecord], cache: ImageCache
) -> dict[str, float]:
    """Return the mean of each loss over images, taken one by one; an image's losses depend on no other image.

    torchvision's detectors give losses in training mode only, so it is that mode with the norms' statistics frozen and
    training's own sampling of anchors and proposals. The random state is put back.
    """
    detector = session.detector
    norms = [norm for norm in find_norms(detector) if norm.training]
    sums: dict[str, float] = {}
    devices = [session.device] if session.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(LOSS_SEED)
        for norm in norms:
            norm.eval()
        try:
            for record in records:
                image, target = make_example(record, cache)
                with session.autocast():
                    losses = detector(
                        [image.to(session.device)], [{name: value.to(session.device) for name, value in target.items()}]
                    )
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + float(value)
                job.heartbeat()
        finally:
            for norm in norms:
                norm.train()
    return {name: value / len(records) for name, value in sums.items()}


def drop_nonfinite(value: float) -> float | None:
    """Return the value, or None for nan and infinity, which JSON has no words for."""
    return value if math.isfinite(value) else None
