"""What was learned, what was not, and what to run next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detstudy.analysis.facts.contrast import Contrast


@dataclass(frozen=True, slots=True)
class Judged:
    """A setting against the baseline, with a verdict or the reason why there is none."""

    setting: object
    contrast: Contrast
    margin: float  # the smallest difference that matters, AP


@dataclass(frozen=True, slots=True)
class NoResult:
    """A setting without a value of the objective."""

    setting: object
    reason: object


@dataclass(frozen=True, slots=True)
class SeedNoiseFound:
    """The standard deviation of the objective over seeds, AP."""

    measure: str
    sd: float
    degrees_of_freedom: float


@dataclass(frozen=True, slots=True)
class OpenedTest:
    """A look at the test split: its date, None where nobody noted it, and the settings."""

    date: str | None
    settings: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ReachedOnTest:
    """What settings reached on the test split: mean of the objective, and number of seeds.

    `openings` are all looks at it, the first one first; `unseen` is the choice, where none was for it.
    """

    measure: str
    settings: tuple[tuple[object, float, int], ...]
    openings: tuple[OpenedTest, ...]
    unseen: object | None = None


@dataclass(frozen=True, slots=True)
class NoInteractions:
    """Why a grid's interactions can't be analysed."""

    reason: object


@dataclass(frozen=True, slots=True)
class Finish:
    """Runs that are planned and have not ended."""

    runs: int


@dataclass(frozen=True, slots=True)
class RepeatForNoise:
    """Two seeds or more, so that the noise between seeds is known: of the baseline, or of every setting."""

    everything: bool


@dataclass(frozen=True, slots=True)
class MoreSeeds:
    """The number of seeds of every setting that would settle some contrasts; `needs` by setting."""

    seeds: int
    trainings: int
    seconds: float | None
    needs: tuple[tuple[object, int], ...]


@dataclass(frozen=True, slots=True)
class MoreUnits:
    """The validation images or sequences that a contrast needs, by setting, where more seeds are not enough."""

    noun: str
    now: int
    needs: tuple[tuple[object, int], ...]


@dataclass(frozen=True, slots=True)
class TrainLonger:
    """Settings to train twice as long with the baseline, since one of each pair was behind and still improving."""

    settings: tuple[object, ...]
    itself: bool  # the only setting was; of several settings, only one of these two needs to be true
    baseline: bool


@dataclass(frozen=True, slots=True)
class RunTogether:
    """The better levels of several factors, which were never run together."""

    settings: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """`detstudy run` of a study file with overrides, "key=value" each; `out` is None for a study of its own."""

    study_file: Path
    out: Path | None
    overrides: tuple[str, ...] = ()
