"""One procedure for estimate, interval, p and verdict, so that they cannot contradict each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from detstudy.analysis.records import Verdict
from detstudy.analysis.variance import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A difference with its 95 % interval, two-sided p and verdict."""

    estimate: float
    low: float
    high: float
    p: float
    degrees_of_freedom: float
    verdict: Verdict


def judge_difference(estimate: float, parts: Sequence[Part], margin: float) -> Judgement | None:
    """Judge a difference from the independent parts of its variance, by t with Satterthwaite's degrees of freedom.

    `margin` is the smallest difference that matters, in the estimate's unit. None where nothing varies: there is no
    noise to hold the difference against.
    """
    from scipy.special import stdtr, stdtrit

    variance, freedom = add_parts(parts)
    if variance == 0:
        return None
    error = math.sqrt(variance)
    wide = error * float(stdtrit(freedom, 0.975))
    narrow = error * float(stdtrit(freedom, 0.95))
    low, high = estimate - wide, estimate + wide
    return Judgement(
        estimate=estimate,
        low=low,
        high=high,
        p=2 * float(stdtr(freedom, -abs(estimate) / error)),
        degrees_of_freedom=freedom,
        verdict=decide_verdict((low, high), (estimate - narrow, estimate + narrow), margin),
    )


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
