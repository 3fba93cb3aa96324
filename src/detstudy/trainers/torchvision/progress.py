"""How far a run is: what is counted on the way, stored with each checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ProposalCounts:
    """Sums over images: for each feature level its anchors and the proposals that entered and survived NMS."""

    images: int = 0
    anchors: list[int] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)
    survived: list[int] = field(default_factory=list)
    kept: int = 0  # of all levels, after the cut: what the heads get

    def add(self, other: ProposalCounts) -> None:
        """Count the images of another."""
        self.images += other.images
        self.anchors = _add_by_level(self.anchors, other.anchors)
        self.entered = _add_by_level(self.entered, other.entered)
        self.survived = _add_by_level(self.survived, other.survived)
        self.kept += other.kept

    def average(self, total: int) -> float | None:
        """Return a sum as the mean of an image; None without images."""
        return total / self.images if self.images else None


@dataclass(slots=True)
class Window:
    """Sums since the last logged point."""

    iterations: int = 0
    images: int = 0
    losses: dict[str, float] = field(default_factory=dict)  # sums over iterations
    seconds: float = 0.0
    data_seconds: float = 0.0  # of them, waiting for data
    proposals: ProposalCounts = field(default_factory=ProposalCounts)

    def add(self, losses: dict[str, float], proposals: ProposalCounts) -> None:
        """Count one iteration."""
        self.iterations += 1
        self.images += proposals.images
        self.proposals.add(proposals)
        for name, value in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + value

    def average_losses(self) -> dict[str, float]:
        """Return the mean of each loss over the window's iterations."""
        return {name: value / self.iterations for name, value in self.losses.items()}


@dataclass(slots=True)
class Progress:
    """Everything about a run that its weights, optimizer and random state don't say."""

    micro_batch_size: int | None = None  # images a forward pass; None is the whole batch
    iteration: int = 0  # optimizer steps asked for
    skipped_steps: int = 0  # of them, left out because fp16 gradients overflowed
    images: int = 0
    seconds: float = 0.0  # of training, added up over resumes
    proposals: ProposalCounts = field(default_factory=ProposalCounts)
    learning_rate_first: float | None = None
    learning_rate_max: float | None = None
    learning_rate_last: float | None = None
    peak_memory: int = 0  # bytes
    densest_image: int = 0  # objects
    resumes: int = 0
    final_loss: float | None = None  # of the last logged point
    best_value: float | None = None
    best_iteration: int | None = None
    window: Window = field(default_factory=Window)

    def use_rate(self, rate: float) -> None:
        """Note the learning rate of a step that was made."""
        if self.learning_rate_first is None:
            self.learning_rate_first = rate
        self.learning_rate_max = max(rate, self.learning_rate_max or rate)
        self.learning_rate_last = rate

    def to_state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Progress:
        """Return the progress that a checkpoint holds."""
        window = state["window"]
        return cls(
            **{
                **state,
                "proposals": ProposalCounts(**state["proposals"]),
                "window": Window(**{**window, "proposals": ProposalCounts(**window["proposals"])}),
            }
        )


def _add_by_level(sums: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Return both added level by level; no sums yet are zeros."""
    return [a + b for a, b in zip(sums or [0] * len(counts), counts, strict=True)]
