"""What the reader must know with a contrast."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from detstudy.analysis.facts.reason import WithoutResult
from detstudy.analysis.facts.setting import UnitCount


class Note(Enum):
    """What needs no number."""

    ALONE = auto()  # judged on its own; the report's intervals hold together
    BORROWED_NOISE = auto()  # one seed: its noise is that of the settings that have several
    SAME_FILE = auto()  # two result files are the same, byte for byte


@dataclass(frozen=True, slots=True)
class SeedsLeftOut:
    """Runs of a setting that have no result, by why."""

    planned: int
    reasons: tuple[tuple[WithoutResult, int], ...]


@dataclass(frozen=True, slots=True)
class UnitNoise:
    """What the validation images alone contribute to the noise: half of a 95 % interval, AP."""

    measure: str
    half: float


@dataclass(frozen=True, slots=True)
class OwnNoise:
    """A setting's seeds vary unlike the others', so that its own standard deviation is used."""

    measure: str
    sd: float
    others: float | None


@dataclass(frozen=True, slots=True)
class OfTwoStudies:
    """Runs of two studies, compared as two result files."""

    first: Path
    second: Path


@dataclass(frozen=True, slots=True)
class OverUnitsAlone:
    """Interval and p of two result files are over the units alone."""

    units: UnitCount


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would settle a contrast whose difference stays where it is: seeds, else units, else nothing affordable."""

    seeds: int | None  # an arm
    units: int | None  # with `seeds_each`
    units_now: int
    noun: str
    seeds_each: int
