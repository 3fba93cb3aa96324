"""What became of the proposals at the levels of a proposal factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detstudy.analysis.facts.spread import Spread

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalStep:
    """What the step from a level to the next larger one adds, over the seeds that both have."""

    low: int
    high: int
    recall: Spread | None  # of proposals/AR1000
    false_positives: Spread | None  # per image
    seconds: Spread | None  # an iteration where the factor is one of training, an image where it is one of testing


@dataclass(frozen=True, slots=True)
class RecallByLevel:
    """Proposal AR1000 by level; `last` is the step that says what the largest level adds."""

    levels: tuple[tuple[int, float], ...]
    last: ProposalStep | None


@dataclass(frozen=True, slots=True)
class RecallCut:
    """Recalls that see fewer proposals than their name says, since the cut after NMS leaves fewer."""

    limits: tuple[int, ...]
    factor: str
    cut: int


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step adds in time and in false positives."""

    step: ProposalStep
    side: Side
    kind: str  # "box", "mask"
