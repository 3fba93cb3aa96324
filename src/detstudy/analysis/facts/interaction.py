"""What a grid's analysis of variance found, what it rests on, and why there may be none."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class EffectVerdict(enum.Enum):
    """What the analysis of variance says of an effect."""

    NOT_TESTED = enum.auto()  # too few cells have a result
    NOT_FOUND = enum.auto()  # which is not proof of none
    ON_THESE_IMAGES = enum.auto()  # on others it may be gone
    FOUND = enum.auto()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the best level of one place is worth at another level of the other factor, with its 95 % interval."""

    at: Any
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BestLevels:
    """The level of a factor with the highest mean at each level of another.

    `exchange`, at two of them, is what the first's best level makes in place of the second's; () where the highest
    means move but no exchange is certain, or where they don't move.
    """

    factor: str
    other: str
    best: tuple[tuple[Any, Any], ...]  # level of the other, best level
    exchange: tuple[Exchange, ...]

    @property
    def moves(self) -> bool:
        """Whether it is not the same level everywhere."""
        return len({level for _, level in self.best}) > 1


@dataclass(frozen=True, slots=True)
class TrainsNothing:
    """Settings that share their trainings are not independent."""

    factor: str


@dataclass(frozen=True, slots=True)
class TooFewLevels:
    """A factor of which only one level has a result, or none."""

    factor: str
    level: Any | None


class NoAnalysis(enum.Enum):
    """Why there is no analysis of variance."""

    NO_GRID = enum.auto()
    ONE_SEED = enum.auto()
    NO_NOISE = enum.auto()


@dataclass(frozen=True, slots=True)
class VarianceBasis:
    """What the analysis of variance rests on. `noise` is the standard deviation over seeds, AP."""

    objective: str
    runs: int
    settings: int
    effects: int
    noise: float
    degrees_of_freedom: int
    units: object  # UnitCount


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Settings without a result."""

    settings: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class BatchesInParts:
    """Settings whose batches were trained in parts, and how."""

    settings: tuple[object, ...]
    how: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class UnlikeNoise:
    """Bartlett's test says that the settings' noise is not the same."""

    p: float
