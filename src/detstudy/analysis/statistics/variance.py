"""Where the noise of a difference comes from: the seed of a training, and the validation images it was judged on."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

POOLING_ALPHA = 0.01
"""Below this two-sided p of the F test a setting's seeds are taken to vary unlike those of the others."""

CAUTION_ALPHA = 0.1
"""Below this one-sided p a setting that stays in the pool is judged by its own, larger variance."""

MOST_UNDEFINED = 0.05
"""Share of draws that may lack a measure's objects; with objects in three of twenty units 4 % do, in two 12 %."""


@dataclass(frozen=True, slots=True)
class Part:
    """An estimated variance (AP²) with the degrees of freedom that its estimate has."""

    variance: float
    degrees_of_freedom: float
    pooled: bool = False  # other contrasts rest on the same estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedNoise:
    """The variance of one training over seeds: one for the settings that may share it, the others' own.

    `pooled` is None where no pooled setting has two seeds. A setting may count in the pool and still be in `own`.
    """

    pooled: Part | None
    own: dict[str, Part] = field(default_factory=dict)  # by setting


def pool_seed_noise(values: Mapping[str, Sequence[float]], keep: str) -> SeedNoise:
    """Pool the variance over seeds of all settings, leaving out those whose variance differs too much.

    `values` are a measure's values by setting, one a seed; settings with fewer than two are skipped. One after
    another, the setting whose variance differs most from the pooled variance of the rest leaves the pool while the
    two-sided F test rejects at POOLING_ALPHA. Of two settings that differ, `keep` (the baseline) stays.

    With a few seeds that test sees gross differences only, and a variance taken too small claims falsely where one
    taken too large is merely careful. So a setting that stays, but varies more than the rest at CAUTION_ALPHA, is
    judged by its own variance and goes on counting in the pool for the others. Its degrees of freedom are the
    harmonic mean of its own and the pool's: it was picked for being large, so its variance is probably too large.
    """
    parts = {name: Part(statistics.variance(seeds), len(seeds) - 1) for name, seeds in values.items() if len(seeds) > 1}
    own: dict[str, Part] = {}
    while len(parts) > 1:
        tests = {name: _test_against_rest(name, parts) for name in parts}
        odd = min(tests, key=lambda name: (round(tests[name], 12), name == keep))
        if tests[odd] >= POOLING_ALPHA:
            break
        own[odd] = parts.pop(odd)
    pooled = pool_parts(parts.values())
    for name, part in parts.items() if len(parts) > 1 else ():
        if _test_against_rest(name, parts, larger=True) < CAUTION_ALPHA:
            assert pooled is not None
            freedom = statistics.harmonic_mean([part.degrees_of_freedom, pooled.degrees_of_freedom])
            own[name] = Part(part.variance, freedom)
    return SeedNoise(pooled=pooled, own=own)


def pool_parts(parts: Iterable[Part]) -> Part | None:
    """Return the mean of variances, weighted by their degrees of freedom; None of none."""
    parts = list(parts)
    total = sum(part.degrees_of_freedom for part in parts)
    if not total:
        return None
    return Part(sum(part.variance * part.degrees_of_freedom for part in parts) / total, total)


def _test_against_rest(name: str, parts: Mapping[str, Part], *, larger: bool = False) -> float:
    """Return the p of the F test of one setting's variance against that of the others; one-sided for `larger`."""
    from scipy.special import fdtr, fdtrc

    part, rest = parts[name], pool_parts(other for key, other in parts.items() if key != name)
    assert rest is not None
    if part.variance == rest.variance:
        return 1.0
    if not rest.variance:
        return 0.0
    ratio = part.variance / rest.variance
    freedoms = part.degrees_of_freedom, rest.degrees_of_freedom
    above = float(fdtrc(*freedoms, ratio))
    return above if larger else min(1.0, 2 * above, 2 * float(fdtr(*freedoms, ratio)))


def combine_seed_parts(noise: SeedNoise, arms: Sequence[tuple[str, int]]) -> list[Part] | None:
    """Return the seeds' share in the variance of a difference of means: s² / seeds of each (setting, seeds) arm.

    Arms that share the pooled variance make one part, s² (1 / Sa + 1 / Sb), since it is one estimate. None where an
    arm's variance is unknown.
    """
    parts = []
    shared = 0.0
    for setting, seeds in arms:
        if setting in noise.own:
            part = noise.own[setting]
            parts.append(Part(part.variance / seeds, part.degrees_of_freedom))
        else:
            shared += 1 / seeds
    if shared:
        if noise.pooled is None:
            return None
        parts.append(Part(noise.pooled.variance * shared, noise.pooled.degrees_of_freedom, pooled=True))
    return parts


def estimate_arm_variance(noise: SeedNoise, setting: str, seeds: int) -> float:
    """Return s² / seeds of one arm: what the contrasts with a shared baseline have in common. 0 where unknown."""
    part = noise.own.get(setting, noise.pooled)
    return part.variance / seeds if part else 0.0


def estimate_paired_seed_part(differences: Sequence[float]) -> Part | None:
    """Return the variance of a mean of per-seed differences; None for fewer than two of them."""
    if len(differences) < 2:
        return None
    return Part(statistics.variance(differences) / len(differences), len(differences) - 1)


def estimate_unit_part(draws: NDArray[np.float64], units: int) -> Part | None:
    """Return the variance of a statistic over draws of `units` units with replacement.

    The bootstrap's variance is that of a sample with divisor n, so it is multiplied by n / (n - 1); degrees of freedom
    are n - 1, a little fewer for the finite number of draws. Draws without the objects that the measure needs are NaN
    and left out. None for fewer than two units, and where more than MOST_UNDEFINED of the draws are NaN: the statistic
    rests on one or two units.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 8 (whole units are drawn).
    """
    defined = draws[~np.isnan(draws)]
    if units < 2 or len(defined) < 2 or len(defined) < (1 - MOST_UNDEFINED) * len(draws):
        return None
    freedom = 1 / (1 / (units - 1) + 1 / (len(defined) - 1))
    return Part(float(defined.var(ddof=1)) * units / (units - 1), freedom)
