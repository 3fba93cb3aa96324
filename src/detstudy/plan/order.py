"""The order in which runs are worth doing: a study that is stopped anywhere has an answer to give."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.study.study import Factor, Study

FIRST_REPEATS = 3
"""Seeds of the baseline that come before anything else: without repeats no difference is more than noise."""

UNRANKED = 3
"""The rank of a level that is no extreme."""


def order_runs(study: Study, settings: Sequence[tuple[Mapping[str, Any], Sequence[int]]]) -> list[tuple[int, int]]:
    """Return (index of the setting, seed) of every run, the most useful first.

    `settings` are the levels in which each setting differs from the baseline, and its seeds, the baseline's first. The
    order: the baseline with its first FIRST_REPEATS seeds; every setting with the first seed, each factor's extreme
    levels before the rest; then more seeds, one round after the other, the baseline ahead in each.
    """
    ranks = {factor.name: rank_levels(factor, study.baseline[factor.name]) for factor in study.factors}
    ordered = sorted(range(len(settings)), key=lambda index: _rate_setting(settings[index][0], ranks))
    first, *others = (settings[index][1] for index in ordered)
    wanted = [first[FIRST_REPEATS:], *others]
    seeds = dict.fromkeys(itertools.chain(*others, wanted[0]))
    runs = [(ordered[0], seed) for seed in first[:FIRST_REPEATS]]
    return runs + [(index, seed) for seed in seeds for index, mine in zip(ordered, wanted, strict=True) if seed in mine]


def rank_levels(factor: Factor, baseline: Any) -> dict[Any, int]:
    """Return the rank of each of a factor's levels but the baseline's: 1 and 2 for the extremes, 3 for the rest.

    Of numbers the largest and the smallest are extreme, the one whose ratio to the baseline is larger comes first (of
    numbers that are not all positive the one farther away); of anything else the last listed and the first.
    """
    levels = [level for level in factor.levels if level != baseline]
    numbers = [*levels, baseline]
    if not all(isinstance(level, int | float) and not isinstance(level, bool) for level in numbers):
        extremes = [levels[-1], levels[0]] if levels else []
    else:
        extremes = [level for level in (max(numbers), min(numbers)) if level != baseline]
        if all(level > 0 for level in numbers):
            extremes.sort(key=lambda level: -max(level / baseline, baseline / level))
        else:
            extremes.sort(key=lambda level: -abs(level - baseline))
    ranks = {level: rank for rank, level in enumerate(dict.fromkeys(extremes), start=1)}
    return {level: ranks.get(level, UNRANKED) for level in levels}


def _rate_setting(levels: Mapping[str, Any], ranks: dict[str, dict[Any, int]]) -> tuple[int, int]:
    """Return what settings are sorted by: the baseline first, then by their least extreme level and how many differ."""
    found = (ranks.get(name, {}).get(level, UNRANKED) for name, level in levels.items())
    return max(found, default=0), len(levels)
