"""Differences that are judged together, since they share a baseline: intervals and p hold for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.statistics.contrast import (
    ALPHA,
    Difference,
    Judgement,
    find_p,
    judge_difference,
    state_judgement,
)

DRAWS = 10_000
"""Of the simulated family; they know its 5 % to a standard error of 0.2 %."""


@dataclass(frozen=True, slots=True, eq=False)
class SmallestP:
    """The distribution of the smallest p among a family's differences, were all of them 0: a curve from 0 to 1."""

    chances: NDArray[np.float64]  # of a smallest p of at most 0, 1, 2, ... steps, in equal steps up to 1

    def adjust(self, p: float) -> float:
        """Return how often the smallest p would be that small."""
        return float(np.interp(p, np.linspace(0, 1, len(self.chances)), self.chances))

    def find_alpha(self, alpha: float) -> float:
        """Return the p that the smallest one falls below in a share `alpha` of families."""
        above = int(np.searchsorted(self.chances, alpha))  # the first step that reaches it, also where the curve rests
        below = self.chances[above - 1]
        step = (alpha - below) / (self.chances[above] - below)
        return float((above - 1 + step) / (len(self.chances) - 1))


def judge_family(
    differences: Sequence[Difference], correlation: NDArray[np.float64] | None, margin: float
) -> list[Judgement | None]:
    """Judge differences together: each 95 % interval and p as for one difference, at the family's stricter alpha.

    `correlation` [differences, differences] is that of their estimates (`correlate_contrasts`); None takes them as
    independent. An adjusted p is the chance of any p that small in the family, so it is below 0.05 exactly where the
    interval excludes 0. The 90 % interval of "no difference that matters" stays each one's own. It is None where
    nothing varies; such a difference does not count in the family, and a family of one is `judge_difference`.

    Source: single-step min-p (Westfall and Young, 1993); with equal seeds and no noise from units it is Dunnett's
    test (1955).
    """
    varying = [n for n, difference in enumerate(differences) if difference.variance > 0]
    if len(varying) < 2:
        return [judge_difference(difference, margin) for difference in differences]
    chosen = [differences[n] for n in varying]
    smallest = simulate_smallest_p(chosen, _select(correlation, varying), one_sided=False)
    alpha = smallest.find_alpha(ALPHA)
    judged: list[Judgement | None] = [None] * len(differences)
    for n, difference in zip(varying, chosen, strict=True):
        judged[n] = state_judgement(difference, smallest.adjust(find_p(difference)), alpha, margin)
    return judged


def bound_regret(differences: Sequence[Difference], correlation: NDArray[np.float64] | None) -> float:
    """Return what one may lose by a choice at 95 %: the largest simultaneous upper bound of (another - the chosen one).

    At least 0, and 0 where there is nothing else. It holds although the choice was made on the same data: while the
    bounds of (another - the best one) hold, so does this. `correlation` as in `judge_family`.

    Source: Hsu, Annals of Statistics 9 (1981), multiple comparisons with the best.
    """
    from scipy.special import stdtrit

    varying = [n for n, difference in enumerate(differences) if difference.variance > 0]
    alpha = ALPHA
    if len(varying) > 1:
        chosen = [differences[n] for n in varying]
        alpha = simulate_smallest_p(chosen, _select(correlation, varying), one_sided=True).find_alpha(ALPHA)
    bounds = [0.0]
    for difference in differences:
        error = difference.standard_error
        reach = error * float(stdtrit(difference.degrees_of_freedom, 1 - alpha)) if error else 0.0
        bounds.append(difference.estimate + reach)
    return max(bounds)


def correlate_contrasts(
    differences: Sequence[Difference],
    seed_covariance: float | NDArray[np.float64],
    draws: NDArray[np.float64],
    units: int,
) -> NDArray[np.float64]:
    """Return the correlation [m, m] of m estimates: what their seeds have in common plus what their units have.

    `seed_covariance` is that of any two: the variance of the mean of a baseline that they share
    (`estimate_arm_variance`), or a matrix [m, m] where it differs from pair to pair. `draws` [draws, m] are the
    differences in each draw of `units` units, as for `estimate_unit_part`; draws where one is NaN are left out.
    """
    count = len(differences)
    defined = draws[~np.isnan(draws).any(axis=1)]
    shared = np.zeros((count, count))
    if len(defined) > 1 and units > 1:
        shared = np.atleast_2d(np.cov(defined, rowvar=False)) * units / (units - 1)
    covariance = shared + np.broadcast_to(seed_covariance, (count, count))
    errors = np.array([difference.standard_error for difference in differences])
    scale = np.outer(errors, errors)
    correlation = np.zeros((count, count))
    np.divide(covariance, scale, out=correlation, where=scale > 0)
    correlation.clip(-1.0, 1.0, out=correlation)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def simulate_smallest_p(
    differences: Sequence[Difference], correlation: NDArray[np.float64] | None, *, one_sided: bool
) -> SmallestP:
    """Simulate the smallest p of a family without any true difference, always from the same random numbers.

    Each draw has correlated normal estimates, divided by the error that the pooled seed variance would have given
    them: all share that one estimate, and where it came out small all of them look large. A draw's p is its rank
    among the draws of the same difference, so that each difference on its own keeps its own t distribution (a copula).
    """
    count = len(differences)
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(count, DRAWS))
    matrix = np.eye(count) if correlation is None else correlation
    values, vectors = np.linalg.eigh(matrix)  # not Cholesky's: settings that are all but alike make it singular
    statistics = (vectors * np.sqrt(values.clip(0.0))) @ normal
    pools = [next((part for part in difference.seed_parts if part.pooled), None) for difference in differences]
    freedom = next((pool.degrees_of_freedom for pool in pools if pool), None)
    if freedom:
        spread = generator.chisquare(freedom, size=DRAWS) / freedom
        shares = [
            pool.variance / difference.variance if pool else 0.0
            for pool, difference in zip(pools, differences, strict=True)
        ]
        statistics /= np.sqrt(1 + np.outer(shares, spread - 1))
    if not one_sided:
        statistics = np.abs(statistics)
    smallest = np.full(DRAWS, DRAWS)
    ranks = np.arange(1, DRAWS + 1)
    for row in statistics:
        order = np.argsort(row)[::-1]
        smallest[order] = np.minimum(smallest[order], ranks)
    return SmallestP(np.cumsum(np.bincount(smallest, minlength=DRAWS + 1)) / DRAWS)


def _select(correlation: NDArray[np.float64] | None, chosen: list[int]) -> NDArray[np.float64] | None:
    return None if correlation is None else correlation[np.ix_(chosen, chosen)]
