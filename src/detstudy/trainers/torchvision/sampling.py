"""Counting what a training pass samples, and passes that leave no trace in the norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler


class CountingSampler(BalancedPositiveNegativeSampler):  # type: ignore[misc]
    """torchvision's sampler of anchors or proposals, with the counts of its last draw, over all its images."""

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        super().__init__(batch_size_per_image, positive_fraction)
        self.positives = torch.tensor(0)
        self.negatives = torch.tensor(0)

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return a mask of the positives drawn, and one of the negatives, for each image."""
        positive, negative = super().__call__(matched_idxs)
        # Tensors, so that nobody waits for the device who does not ask.
        self.positives, self.negatives = torch.cat(positive).sum(), torch.cat(negative).sum()
        return positive, negative


@contextmanager
def untracked_norms(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Let norms use the batch's statistics, as in training, without moving their own, within the block."""
    before = [norm.track_running_stats for norm in norms]
    try:
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for norm, tracked in zip(norms, before, strict=True):
            norm.track_running_stats = tracked
