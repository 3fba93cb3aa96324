"""Which setting to take, why, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from detstudy.analysis.facts.contrast import Contrast


class Ground(Enum):
    """Why a setting is taken."""

    ONLY_RESULT = auto()  # the baseline, and no other setting has a result
    NOTHING_BETTER = auto()  # the baseline, and nothing else is shown to be better
    BEST_MEAN = auto()  # the baseline has no result, so that the best mean is all there is
    BETTER = auto()  # than the baseline
    LOSES_LEAST = auto()  # not shown to be better, but what one loses least by


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What a choice rests on."""

    baseline_seeds: int
    seeds: tuple[int, int] | None  # the fewest and the most of another setting with a result
    units: object
    measure: str
    seed_sd: float | None
    detectable: float | None  # the difference, AP, that would be found in 80 % of such studies


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which setting to take, and what one may lose by it."""

    setting_id: str
    setting: object
    ground: Ground
    measure: str
    mean: float  # of the objective
    contrast: Contrast | None  # with the baseline
    compared: int  # settings with a result
    loses_at_most: float | None  # AP of the objective, at 95 %, against the best of the settings compared
    seconds: float | None  # of training
    time_ratio: float | None  # to the baseline's, where that is another setting
    memory_bytes: float | None
    cheaper: tuple[object, float] | None  # no difference that matters, at that share of the time
    certainty: Certainty
    apart: tuple[str, ...] = ()  # factors whose better levels were never run together
