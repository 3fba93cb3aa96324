"""What looks wrong in a study, what was not planned, and what may mislead a reader of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from detstudy.analysis.facts.setting import RunName, SettingName


class Pitfall(Enum):
    """What may mislead, where no number belongs to it."""

    NO_SEED_NOISE = auto()  # no setting gave two different results
    PICKED_BY_VALIDATION = auto()  # the images that picked the setting also measured it; there is no test split


@dataclass(frozen=True, slots=True)
class IdleSeeds:
    """Seeds of a setting that gave the same measures to the last digit."""

    groups: tuple[tuple[SettingName, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class SameResults:
    """Runs of several settings with the same measures, or the same predictions to the byte."""

    runs: tuple[RunName, ...]
    predictions: bool


@dataclass(frozen=True, slots=True)
class AllButOneSame:
    """Two runs that share all AP measures but one."""

    runs: tuple[RunName, RunName]
    measures: int
    unlike: str


@dataclass(frozen=True, slots=True)
class SameTimes:
    """Trainings that took the same time to the last digit."""

    seconds: float
    runs: tuple[RunName, ...]


@dataclass(frozen=True, slots=True)
class MoreSameTimes:
    """So many more times that several trainings share."""

    times: int


@dataclass(frozen=True, slots=True)
class NotPlanned:
    """Reasons why verdicts are exploratory, each with the settings that it concerns, () where that is all."""

    departures: tuple[tuple[tuple[object, ...], object], ...]


@dataclass(frozen=True, slots=True)
class Preliminary:
    """Runs that have not ended."""

    left: int
    runs: int


@dataclass(frozen=True, slots=True)
class WinnersCurse:
    """The best of many is taken by the images that measured it."""

    settings: int
    tested: bool  # a test split tells by how much it flatters


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
