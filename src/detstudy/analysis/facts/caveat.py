"""What a verdict carries because more changed than its setting's levels say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RateNotScaled:
    """The batch size changed and the learning rate did not."""


@dataclass(frozen=True, slots=True)
class StepsDiffer:
    """`share` more steps than the other, 0.5 being half as many again; fewer where it is negative."""

    share: float


@dataclass(frozen=True, slots=True)
class ImagesDiffer:
    """Unequal budgets: images seen, of either."""

    images: int
    others: int


@dataclass(frozen=True, slots=True)
class TrainedInParts:
    """A batch whose gradients were accumulated, and what differs from the whole batch, in the trainer's words."""

    batch_size: int
    micro_batch_size: int
    ran_out_of_memory: bool  # else the setting asks for it
    differs: str | None


@dataclass(frozen=True, slots=True)
class SeedsInUnlikeParts:
    """Seeds of one setting by their micro-batch, None where the batch was whole."""

    batch_size: int
    seeds: tuple[tuple[int | None, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class BatchRule:
    """What was held fixed as the batch size changed. All values are by level, in the study file's order.

    Learning rate / batch size is the scale of the gradient's noise (Smith and Le, 2018, for small batches).
    """

    holds_images: bool  # else the steps
    scales_rate: bool
    levels: tuple[Any, ...]
    iterations: tuple[int, ...]
    warmup_iterations: tuple[int, ...]
    learning_rates: tuple[float, ...]
    epochs: tuple[float | None, ...]
