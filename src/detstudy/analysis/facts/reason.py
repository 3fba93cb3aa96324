"""Why there is no result, or no verdict on one, and what the reader must know with a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from detstudy.analysis.facts.setting import UnitCount
from detstudy.ledger.causes import Why


class NoVerdict(Enum):
    """Why there is no verdict, where no number belongs to it."""

    IDENTICAL = auto()  # both arms have the same predictions, to the byte
    ONE_TRAINING = auto()  # seed noise unknown: both arms come from one training of one seed
    NO_SECOND_SEED = auto()  # seed noise unknown: nothing was trained twice
    TWO_FILES = auto()  # seed noise unknown: result files, each of one training


NO_SEED_NOISE = (NoVerdict.ONE_TRAINING, NoVerdict.NO_SECOND_SEED)


@dataclass(frozen=True, slots=True)
class WithoutResult:
    """A run's state, or its outcome where it has ended, and the reason; a text is in the words of who ended it."""

    state: str
    reason: Why | None


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """No run has the measure."""

    measure: str


@dataclass(frozen=True, slots=True)
class NothingVaries:
    """Neither seeds nor units make any difference, so there is no noise to judge by."""

    units: UnitCount


@dataclass(frozen=True, slots=True)
class TooFewUnits:
    """There is one unit or none."""

    units: UnitCount


@dataclass(frozen=True, slots=True)
class ObjectsInFewUnits:
    """The objects that a measure needs lie in one or two units."""

    measure: str
    noun: str


@dataclass(frozen=True, slots=True)
class PredictionsUnreadable:
    """Matches and predictions of a run are lost."""

    run_id: str
    folder: Path


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
