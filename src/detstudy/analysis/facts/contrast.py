"""One arm against another, judged, and in which kinds of error the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.reason import Remedy
from detstudy.analysis.facts.setting import Accumulation


@dataclass(frozen=True, slots=True)
class KindChange:
    """A kind of error of which one arm makes more, with its 95 % interval; `sizes` are those that differ alone."""

    kind: str
    sizes: tuple[str, ...]
    change: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ErrorKinds:
    """Kinds that differ, that don't differ by more than `reach`, and that stay unclear."""

    score_threshold: float
    changed: tuple[KindChange, ...]
    unchanged: tuple[str, ...]
    reach: float
    unsure: tuple[str, ...]


Verdict = Literal["better", "worse", "no difference that matters", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A setting against another, usually the baseline, in one measure. Estimate and interval are in AP (0 to 100).

    `verdict` is None where none may be given; `reason` says why. Numbers that can't be had are None.
    """

    a: str  # the setting's id
    b: str  # the id of what it is compared with
    measure: str
    estimate: float | None = None  # a - b
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    p: float | None = None
    degrees_of_freedom: float | None = None
    verdict: Verdict | None = None
    reason: Fact | None = None
    seeds: tuple[int, int]  # finished, of a and b
    units: Fact  # UnitCount
    notes: tuple[Fact, ...] = ()  # what the reader must know with the verdict
    a_value: float | None = None  # mean of a over its finished seeds
    b_value: float | None = None
    seed_variance: float | None = None  # AP², of the estimate; the larger of the two says what would narrow it:
    unit_variance: float | None = None  # more seeds, or more validation images
    standard_error: float | None = None
    family: int = 1  # contrasts judged together: their intervals hold all at once
    alpha: float = 0.05  # the p that this contrast on its own would need, less in a family
    caveats: tuple[Fact, ...] = ()  # what changes the verdict's meaning and is said in the same breath
    exploratory: tuple[Fact, ...] = ()  # why it was not planned at the first run
    remedy: Remedy | None = None  # of a verdict "cannot tell": what would settle it
    p_randomisation: float | None = None  # of two result files, by swapping them unit by unit
    kinds: ErrorKinds | None = None  # in which kinds of error the two differ
    accumulations: tuple[Accumulation | None, ...] = (None, None)  # of a and b, where batches were trained in parts
