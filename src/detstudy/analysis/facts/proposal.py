"""What became of the proposals at the levels of a proposal factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["training", "test"]


@dataclass(frozen=True, slots=True)
class ProposalCounts:
    """Proposals an image that entered NMS, survived it and, where the factor cuts there, were kept: by level."""

    side: Side
    levels: tuple[tuple[int, float, float, float | None], ...]


@dataclass(frozen=True, slots=True)
class LevelIdle:
    """Two levels that keep the same proposals, or let the same in."""

    low: int
    high: int
    keeps: bool


@dataclass(frozen=True, slots=True)
class Saturation:
    """Feature levels with fewer anchors than the largest k, with their anchors, and the names of the others."""

    full: tuple[tuple[str, float], ...]
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoSaturation:
    """The feature level with the fewest anchors has more than the largest k."""

    name: str
    anchors: float
    largest: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A mean difference over so many seeds, with its standard deviation."""

    mean: float
    sd: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class RecallByLevel:
    """Proposal AR1000 by level, and what the last step changes."""

    levels: tuple[tuple[int, float], ...]
    step: tuple[int, int, Delta] | None


@dataclass(frozen=True, slots=True)
class RecallCut:
    """Recalls that see fewer proposals than their name says, since the cut after NMS leaves fewer."""

    limits: tuple[int, ...]
    factor: str
    cut: int


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step adds: seconds an iteration or an image, and false positives an image."""

    low: int
    high: int
    side: Side
    seconds: Delta | None
    kind: str  # "box", "mask"
    false_positives: Delta | None
