"""A number of each of a setting's runs, as mean and spread over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A measure over a setting's finished seeds. `values` are by seed; `sd` is None for fewer than two."""

    mean: float
    sd: float | None
    values: dict[int, float]


def spread_values(values: Mapping[int, float | None]) -> Spread | None:
    """Return mean and standard deviation of values by seed, those that are None left out; None where none is left."""
    known = {seed: value for seed, value in values.items() if value is not None}
    if not known:
        return None
    deviation = statistics.stdev(known.values()) if len(known) > 1 else None
    return Spread(mean=statistics.fmean(known.values()), sd=deviation, values=known)
