"""Why there is no result, or no verdict on one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detstudy.analysis.facts.setting import UnitCount


@dataclass(frozen=True, slots=True)
class WithoutResult:
    """A run's state, or its outcome where it has ended, and the reason in the words of who ended it."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class NoRunPlanned:
    """A setting without any run."""


@dataclass(frozen=True, slots=True)
class ArmWithoutResult:
    """An arm of a contrast has no finished run."""

    arm: object
    reason: object


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """No run has the measure."""

    measure: str


@dataclass(frozen=True, slots=True)
class Identical:
    """Both arms have the same predictions, to the byte."""


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
class SeedNoiseUnknown:
    """Nothing was trained with two seeds; `paired` where both arms come from one training."""

    paired: bool


@dataclass(frozen=True, slots=True)
class SingleTrainings:
    """Two result files: each is one training, so the seeds' noise is unknown."""


@dataclass(frozen=True, slots=True)
class PredictionsUnreadable:
    """Matches and predictions of a run are lost."""

    run_id: str
    folder: Path
