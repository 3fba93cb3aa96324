"""What a run's files say of it that no result says, as facts; `detstudy.wording` has their words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from detstudy.ledger.causes import Reason


class Unfinished(Enum):
    """Which file of a run is missing or damaged, so that `detstudy run` goes on with it."""

    EVALUATION_MISSING = "evaluation_missing"  # the training's result is there
    EVALUATION_DAMAGED = "evaluation_damaged"  # and the evaluation's is no result
    RESULT_DAMAGED = "result_damaged"  # the training's


@dataclass(frozen=True, slots=True)
class Stopped:
    """A training ended without a result at the iteration of its last point; None: before the first."""

    iteration: int | None


@dataclass(frozen=True, slots=True)
class CurveDamaged:
    """Lines of a finished run's curve that can't be read; 0: all can, but it is not as it was written."""

    lines: int


Why = Reason | Unfinished | Stopped | CurveDamaged | str
"""Why a run is as it is. A text is the trainer's own, or one of version 0.1."""
