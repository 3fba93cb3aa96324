"""What a forecast says, as records with their numbers; `wording.forecast` has the words of each."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from detstudy.analysis.facts.setting import UnitCount
from detstudy.analysis.statistics.variance import Part
from detstudy.ledger.causes import Reason


@dataclass(frozen=True, slots=True)
class OverLimit:
    """A run that would take more memory than it may, both in bytes."""

    need: float
    limit: int


Shortage = str | OverLimit | Reason
"""Why a setting does not fit into memory; a text is the probe's own."""


@dataclass(frozen=True, slots=True)
class ProbedSideBySide:
    """How many probes shared the machine."""

    probes: int


class Note(enum.Enum):
    """What else to know of a forecast."""

    MEMORY_OF_A_CPU = enum.auto()


@dataclass(frozen=True, slots=True)
class Noise:
    """Variances to go by, AP²: over seeds, and of a difference over the validation units.

    `assumed_on`: the units of the scenes study, whose noise it is; None where this study's own runs show it.
    """

    seed: float
    unit: Part
    assumed_on: UnitCount | None


class Blind(enum.Enum):
    """Why a factor's contrasts can't show anything."""

    ONE_UNIT = enum.auto()
    SAME_WEIGHTS_OF_ONE_SEED = enum.auto()
    NO_SETTING_TWICE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What one factor's contrasts with the baseline can show. `detectable` is in AP, or why nothing can be."""

    factor: str
    settings: tuple[str, ...]
    objective: str
    matters: float  # the smallest difference that matters, AP
    seeds: tuple[int, int]  # of a level, of the baseline
    units: UnitCount
    detectable: float | Blind
    noise: Noise


class Fit(enum.Enum):
    """What of a study fits into memory or time, where there is nothing to override."""

    BASELINE_TOO_LARGE = enum.auto()
    ALL_IN_TIME = enum.auto()
    NOTHING_IN_TIME = enum.auto()


@dataclass(frozen=True, slots=True)
class CombinationsTooLarge:
    """Settings that don't fit into memory, though each of their levels does in another."""

    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelsTooLarge:
    """Settings that don't fit into memory, whose levels are left out."""

    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstInTime:
    """How many of the trainings end in time, and the setting of the last of them."""

    trainings: int
    of: int
    last: str


@dataclass(frozen=True, slots=True)
class SeedsInTime:
    """With how many seeds every setting ends in time."""

    seeds: int
