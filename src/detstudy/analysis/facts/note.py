"""What the reader must know with a contrast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detstudy.analysis.facts.reason import WithoutResult
from detstudy.analysis.facts.setting import LevelName, UnitCount


@dataclass(frozen=True, slots=True)
class SeedsLeftOut:
    """Runs of a setting that have no result, by why."""

    setting: object
    planned: int
    reasons: tuple[tuple[WithoutResult, int], ...]


@dataclass(frozen=True, slots=True)
class UnitNoise:
    """What the validation images alone contribute to the noise: half of a 95 % interval, AP."""

    measure: str
    half: float


@dataclass(frozen=True, slots=True)
class OwnNoise:
    """A setting whose seeds vary unlike the others', so that its own standard deviation is used."""

    setting: object
    measure: str
    sd: float
    others: float | None


@dataclass(frozen=True, slots=True)
class BorrowedNoise:
    """A setting with one seed: its noise is that of the settings that have several."""

    setting: object


@dataclass(frozen=True, slots=True)
class JudgedAlone:
    """The contrast was judged on its own; the report's intervals hold together."""


@dataclass(frozen=True, slots=True)
class OfTwoStudies:
    """Runs of two studies, compared as two result files."""

    studies: tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class SameFile:
    """Two result files that are the same, byte for byte."""


@dataclass(frozen=True, slots=True)
class OverUnitsAlone:
    """Interval and p of two result files are over the units alone."""

    units: UnitCount


@dataclass(frozen=True, slots=True)
class LevelChangedNothing:
    """A level whose predictions equal the baseline's."""

    level: LevelName


@dataclass(frozen=True, slots=True)
class BatchesOf:
    """How the batches of a setting were trained in parts."""

    setting: object
    how: object


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would settle a contrast whose difference stays where it is: seeds, else units, else nothing affordable."""

    seeds: int | None  # an arm
    units: int | None  # with `seeds_each`
    units_now: int
    noun: str
    seeds_each: int
