"""How far a run is: what is counted on the way, stored with each checkpoint."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Window:
    """Sums since the last logged point."""

    iterations: int = 0
    images: int = 0
    losses: dict[str, float] = field(default_factory=dict)  # sums over iterations
    seconds: float = 0.0
    data_seconds: float = 0.0  # of them, waiting for data
    entered: int = 0  # proposals, over images
    survived: int = 0

    def add(self, losses: dict[str, float], images: int, entered: int, survived: int) -> None:
        """Count one iteration."""
        self.iterations += 1
        self.images += images
        self.entered += entered
        self.survived += survived
        for name, value in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + value

    def average_losses(self) -> dict[str, float]:
        """Return the mean of each loss over the window's iterations."""
        return {name: value / self.iterations for name, value in self.losses.items()}


@dataclass(slots=True)
class Progress:
    """Everything about a run that its weights, optimizer and random state don't say."""

    iteration: int = 0  # optimizer steps asked for
    skipped_steps: int = 0  # of them, left out because fp16 gradients overflowed
    images: int = 0
    seconds: float = 0.0  # of training, added up over resumes
    entered: int = 0  # proposals, over images
    survived: int = 0
    kept: int = 0
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
        return cls(**{**state, "window": Window(**state["window"])})
