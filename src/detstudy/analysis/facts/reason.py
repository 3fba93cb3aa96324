"""Why there is no result, or no verdict on one."""

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
