"""One procedure for estimate, interval, p and verdict, so that they cannot contradict each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from detstudy.analysis.facts.contrast import Verdict
from detstudy.analysis.statistics.variance import Part

ALPHA = 0.05
"""Of the 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An estimated difference with the independent parts of its variance: the seeds', and the validation units'."""

    estimate: float
    seed_parts: Sequence[Part]
    unit_part: Part

    @property
    def variance(self) -> float:
        """The estimate's variance."""
        return combine_parts(self.seed_parts, self.unit_part)[0]

    @property
    def standard_error(self) -> float:
        """The square root of the variance."""
        return math.sqrt(self.variance)

    @property
    def degrees_of_freedom(self) -> float:
        """Those of the variance; infinite where nothing varies."""
        return combine_parts(self.seed_parts, self.unit_part)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A difference with its 95 % interval, two-sided p and verdict; in a family, both hold for all at once.

    `alpha` is the p that a difference on its own would need: 0.05, less in a family.
    """

    estimate: float
    low: float
    high: float
    p: float
    degrees_of_freedom: float
    standard_error: float
    alpha: float
    verdict: Verdict


def judge_difference(difference: Difference, margin: float) -> Judgement | None:
    """Judge a difference on its own, by t. `margin` is the smallest difference that matters, in the estimate's unit.

    None where nothing varies: there is no noise to hold the difference against.
    """
    if difference.variance == 0:
        return None
    return state_judgement(difference, find_p(difference), ALPHA, margin)


def find_p(difference: Difference) -> float:
    """Return the two-sided p of a difference on its own."""
    from scipy.special import stdtr

    return 2 * float(stdtr(difference.degrees_of_freedom, -abs(difference.estimate) / difference.standard_error))


def state_judgement(difference: Difference, p: float, alpha: float, margin: float) -> Judgement:
    """Return the judgement from a p and the two-sided alpha of the interval, both for it alone or for a family."""
    from scipy.special import stdtrit

    estimate, error, freedom = difference.estimate, difference.standard_error, difference.degrees_of_freedom
    wide = error * float(stdtrit(freedom, 1 - alpha / 2))
    narrow = error * float(stdtrit(freedom, 0.95))
    low, high = estimate - wide, estimate + wide
    return Judgement(
        estimate=estimate,
        low=low,
        high=high,
        p=p,
        degrees_of_freedom=freedom,
        standard_error=error,
        alpha=alpha,
        verdict=decide_verdict((low, high), (estimate - narrow, estimate + narrow), margin),
    )


def combine_parts(seed_parts: Sequence[Part], unit_part: Part) -> tuple[float, float]:
    """Return the variance of a difference and its degrees of freedom; (0, inf) where nothing varies.

    The seeds' parts go together by Satterthwaite's rule. Between seeds and units the degrees of freedom are the mean
    of both, harmonic and weighted by variance. Satterthwaite's squared weights claim too often where two or three
    seeds happen to agree: their variance is then too small and so is the weight of their few degrees of freedom.
    What is taken instead is never more, and equals it where only one of the two varies.
    """
    seeds, freedom = add_parts(seed_parts)
    variance = seeds + unit_part.variance
    if variance == 0:
        return 0.0, math.inf
    weight = seeds / variance / freedom + unit_part.variance / variance / unit_part.degrees_of_freedom
    return variance, 1 / weight


def add_parts(parts: Sequence[Part]) -> tuple[float, float]:
    """Return the sum of variances and its degrees of freedom; (0, inf) where nothing varies.

    Source: Satterthwaite, Biometrics Bulletin 2 (1946); with the two arms' variances alone it is Welch's t test.
    """
    variance = sum(part.variance for part in parts)
    if variance == 0:
        return 0.0, math.inf
    # shares, not squared variances: those underflow where AP hardly varies
    weight = sum((part.variance / variance) ** 2 / part.degrees_of_freedom for part in parts)
    return variance, 1 / weight


def decide_verdict(interval95: tuple[float, float], interval90: tuple[float, float], margin: float) -> Verdict:
    """Return the verdict: equivalence first, whatever p says; then the sign of a 95 % interval that excludes 0.

    The 90 % interval within ± margin is two one-sided tests at 5 % (Schuirmann, 1987). A margin of 0 never is.
    """
    if -margin < interval90[0] and interval90[1] < margin:
        return "no difference that matters"
    if interval95[0] > 0:
        return "better"
    if interval95[1] < 0:
        return "worse"
    return "cannot tell"
