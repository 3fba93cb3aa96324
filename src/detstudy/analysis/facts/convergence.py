"""Why a curve's verdict is unclear, and what a curve that still rises does to a contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOSSES = ("validation/loss", "training/loss")
"""What a curve is judged by where the objective was validated too rarely; gains of these are in %."""


@dataclass(frozen=True, slots=True)
class TooFewPoints:
    """A last third with too few points of anything. `validate_every` would give enough; None: the run is too short."""

    points: tuple[tuple[str, int], ...]  # by what could be judged
    needed: int
    stepped: bool  # the last third before the learning rate's step
    validate_every: int | None


@dataclass(frozen=True, slots=True)
class GainUnclear:
    """The interval of the gain holds the margin from which it counts, in % of a loss or in AP."""

    margin: float
    of_loss: bool


@dataclass(frozen=True, slots=True)
class Gain:
    """What half as many iterations again would bring, with its 90 % interval: AP, or % of a loss."""

    by: str
    points: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BothImproving:
    """Both arms of a contrast were still improving when the iterations ended, or the learning rate was stepped down."""

    arms: tuple[object, object]
    stepped: bool


@dataclass(frozen=True, slots=True)
class OneImproving:
    """One arm of a contrast was still improving; whether it is ahead of the other, and whether that one was flat."""

    arm: object
    stepped: bool
    gain: Gain
    standing: Literal["ahead", "behind", "even"]
    other_flat: bool
