"""What would settle a contrast (how many seeds, how many units), and which differences a study could find at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from detstudy.analysis.statistics.contrast import ALPHA, Difference, combine_parts, state_judgement
from detstudy.analysis.statistics.variance import Part, SeedNoise, combine_seed_parts

MOST_SEEDS = 100
"""Nobody trains a setting more often to settle one contrast."""

MOST_UNITS = 100
"""Times the present units, to stop searching at."""


def find_seeds(
    estimate: float,
    seed_parts: Callable[[int], Sequence[Part] | None],
    unit_part: Part,
    margin: float,
    *,
    alpha: float = ALPHA,
) -> int | None:
    """Return the fewest seeds an arm, the same for both, that would settle a difference if it stays where it is.

    Settled is: its interval excludes 0 (at `alpha`, stricter in a family) or its 90 % interval lies within ± `margin`.
    `seed_parts` gives the seeds' parts for so many seeds an arm (`forecast_seed_parts`, `forecast_paired_part`). None
    where MOST_SEEDS would not do: the units' part alone is too large.
    """

    def settles(seeds: int) -> bool:
        parts = seed_parts(seeds)
        return parts is not None and _settles(estimate, parts, unit_part, margin, alpha)

    return _find_first(settles, 2, MOST_SEEDS)


def find_units(
    estimate: float,
    seed_parts: Sequence[Part],
    unit_part: Part,
    units: int,
    margin: float,
    *,
    alpha: float = ALPHA,
) -> int | None:
    """Return the fewest units that would settle a difference if it stays where it is, with these parts of the seeds.

    The units' variance falls as 1 / units. None where MOST_UNITS times as many would not do. Else as `find_seeds`.
    """

    def settles(count: int) -> bool:
        part = Part(unit_part.variance * units / count, count - 1)
        return _settles(estimate, seed_parts, part, margin, alpha)

    return _find_first(settles, max(units, 2), MOST_UNITS * units)


def detectable_difference(
    seed_parts: Sequence[Part], unit_part: Part, *, alpha: float = ALPHA, power: float = 0.8
) -> float:
    """Return the smallest true difference that would be called better or worse with a chance of `power`.

    0 where nothing varies. By the noncentral t distribution.
    """
    from scipy.special import nctdtrinc, stdtrit

    variance, freedom = combine_parts(seed_parts, unit_part)
    if variance == 0:
        return 0.0
    return math.sqrt(variance) * float(nctdtrinc(freedom, 1 - power, stdtrit(freedom, 1 - alpha / 2)))


def forecast_seed_parts(noise: SeedNoise, arms: Sequence[tuple[str, int]], seeds: int) -> list[Part] | None:
    """Return the seeds' parts of a difference between arms (setting, seeds now) with `seeds` seeds each.

    Variances stay, degrees of freedom grow with the seeds that are added. None where an arm's variance is unknown.
    """
    own = {
        setting: Part(noise.own[setting].variance, max(noise.own[setting].degrees_of_freedom, seeds - 1))
        for setting, _ in arms
        if setting in noise.own
    }
    pooled = noise.pooled
    if pooled:
        added = sum(max(seeds - max(now, 1), 0) for setting, now in arms if setting not in own)
        pooled = Part(pooled.variance, pooled.degrees_of_freedom + added)
    return combine_seed_parts(SeedNoise(pooled=pooled, own=own), [(setting, seeds) for setting, _ in arms])


def forecast_paired_part(part: Part, seeds_now: int, seeds: int) -> list[Part]:
    """Return the part of paired seeds, estimated from `seeds_now` of them, as it would be with `seeds`."""
    return [Part(part.variance * seeds_now / seeds, max(part.degrees_of_freedom, seeds - 1))]


def _settles(estimate: float, seed_parts: Sequence[Part], unit_part: Part, margin: float, alpha: float) -> bool:
    difference = Difference(estimate=estimate, seed_parts=seed_parts, unit_part=unit_part)
    if difference.variance == 0:
        return abs(estimate) > 0
    return state_judgement(difference, math.nan, alpha, margin).verdict != "cannot tell"


def _find_first(settles: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the smallest number that settles; once one does, so do all larger ones."""
    if not settles(most):
        return None
    while least < most:
        middle = (least + most) // 2
        if settles(middle):
            most = middle
        else:
            least = middle + 1
    return least
