"""Why a conclusion is exploratory: what was not planned at the first run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Departure(Enum):
    """What needs no number."""

    DATA_CHANGED = auto()  # training or validation data
    SETTING_ADDED = auto()


@dataclass(frozen=True, slots=True)
class ObjectiveChanged:
    """Another measure is judged than was planned."""

    planned: str
    now: str


@dataclass(frozen=True, slots=True)
class MarginChanged:
    """Another difference matters than was planned, AP."""

    planned: float
    now: float


@dataclass(frozen=True, slots=True)
class SeedsChanged:
    """A setting's seeds are not those that were planned."""

    added: tuple[int, ...]
    left_out: tuple[int, ...]
