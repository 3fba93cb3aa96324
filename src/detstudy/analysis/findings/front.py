"""The settings that none beats in AP and cost, the choice among them, and how far noise may have moved it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts.contrast import Contrast

Compare = Callable[[str, str], Contrast]
"""Contrasts two settings, by id, in the objective."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All differences between settings: a's mean minus b's, standard error, degrees of freedom. [settings a, b] each.

    Errors are NaN where the noise is unknown, 0 where two settings predict the same.
    """

    differences: Array
    errors: Array
    freedoms: Array

    def keep(self, positions: Sequence[int]) -> Pairs:
        """Return the pairs of some settings only."""
        index = np.ix_(positions, positions)
        return Pairs(differences=self.differences[index], errors=self.errors[index], freedoms=self.freedoms[index])


def compare_all(names: Sequence[str], compare: Compare) -> Pairs:
    """Contrast every setting with every other."""
    shape = len(names), len(names)
    differences, errors, freedoms = np.zeros(shape), np.zeros(shape), np.full(shape, math.inf)
    for a, b in itertools.combinations(range(len(names)), 2):
        contrast = compare(names[a], names[b])
        difference = math.nan if contrast.estimate is None else contrast.estimate
        alike = contrast.low == contrast.high == 0.0
        error = 0.0 if alike else contrast.standard_error
        differences[a, b], differences[b, a] = difference, -difference
        errors[a, b] = errors[b, a] = math.nan if error is None else error
        freedoms[a, b] = freedoms[b, a] = contrast.degrees_of_freedom or math.inf
    return Pairs(differences=differences, errors=errors, freedoms=freedoms)


def follow_rule(
    scores: Array, costs: Array, allowed: Array, ratios: Array
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return best, choice and front of each of several studies: [studies] positions twice, [studies, settings].

    `scores` and `costs` are [studies, settings]. Down from the best, a setting joins the front where it is cheaper than
    all that are better: its cost is below `ratios[it, the other]` of theirs. The choice is the cheapest of the front
    that is behind the best by `allowed[it, the best]` at most. Of equal scores the cheaper one is the best.
    """
    order = np.lexsort((costs, -scores))
    rows = np.arange(len(scores))
    best = order[:, 0]
    last, choice = best, best
    front = np.zeros(scores.shape, dtype=bool)
    front[rows, best] = True
    for setting in order[:, 1:].T:
        cheaper = costs[rows, setting] < ratios[setting, last] * costs[rows, last]
        front[rows[cheaper], setting[cheaper]] = True
        last = np.where(cheaper, setting, last)
        behind = scores[rows, best] - scores[rows, setting]
        choice = np.where(cheaper & (behind <= allowed[setting, best]), setting, choice)
    return best, choice, front


def draw_repeats(scores: Array, pairs: Pairs, count: int, generator: np.random.Generator) -> tuple[Array, Array] | None:
    """Return what the same study, repeated with other seeds and images, might find; None where the noise is unknown.

    That is the settings' AP [count, settings], and by which factor its standard errors are larger [count, 1]. Both
    studies have noise, so their difference has twice its variance, known to the pairs' median degrees of freedom. The
    settings' covariance is that under which the differences have the variances that were estimated, up to a part
    that all settings share (Gower, Biometrika 53, 1966). A winner looks better than it is: draws start from AP in which
    all others have come nearer to the best by one standard error, at most as near as its equals. Without that the
    choice would seem to be repeated more often than it is (benchmarks/trade_off.py).
    """
    if np.isnan(pairs.errors).any():
        return None
    size, best = len(scores), int(scores.argmax())
    likely = np.minimum(scores[best], scores + pairs.errors[:, best])
    centre = np.eye(size) - 1 / size
    values, vectors = np.linalg.eigh(-0.5 * centre @ pairs.errors**2 @ centre)
    noise = generator.standard_normal((count, size)) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    freedom = min(1e9, float(np.median(pairs.freedoms[np.triu_indices(size, 1)]))) if size > 1 else 1e9
    truth, estimate = (np.sqrt(generator.chisquare(freedom, (count, 1)) / freedom) for _ in range(2))
    return likely + math.sqrt(2) * noise / truth, estimate / truth


def bound_price(extra: float, extra_half: float, gain: float, gain_half: float) -> tuple[float, float] | None:
    """Return the interval of extra / gain, at least 0; None where the gain may be 0, so that it has no price.

    The halves are those of the two intervals' widths. Source: Fieller, J. Royal Statistical Society B 16 (1954).
    """
    scale = gain**2 - gain_half**2
    if scale <= 0:
        return None
    root = math.sqrt((extra * gain_half) ** 2 + (gain * extra_half) ** 2 - (gain_half * extra_half) ** 2)
    return max(0.0, (extra * gain - root) / scale), (extra * gain + root) / scale
