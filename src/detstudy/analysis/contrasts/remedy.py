"""What would tell where the data can't: so many seeds, or so many validation images or sequences."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from detstudy.analysis.contrasts.arm import Pair, Sample, list_seeds, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.records import Contrast
from detstudy.analysis.statistics.power import find_seeds, find_units, forecast_paired_part, forecast_seed_parts
from detstudy.wording.labels import count

ENOUGH_SEEDS = 5
"""Seeds an arm with which the number of units is reckoned, where seeds alone won't do."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would settle a contrast whose difference stays where it is; None where that would not."""

    seeds: int | None  # an arm
    units: int | None
    text: str


def find_remedy(evidence: Evidence, pair: Pair, contrast: Contrast) -> Remedy | None:
    """Return what would settle a contrast that can't be told; None where it has a verdict or can't be judged."""
    if contrast.verdict != "cannot tell" or evidence.units is None:
        return None
    sample = prepare_contrast(evidence, pair, contrast.measure)[1]
    if sample is None:
        return None
    difference, margin = sample.difference, evidence.study.smallest_difference_that_matters
    forecast = _forecast_parts(evidence, pair, sample, contrast.measure)
    seeds = find_seeds(difference.estimate, forecast, difference.unit_part, margin, level=contrast.level)
    if seeds is not None:
        return Remedy(seeds, None, f"If the difference stays as it is, {count(seeds, 'seed')} each would tell.")
    trained = max(ENOUGH_SEEDS, *contrast.seeds)
    parts = forecast(trained) or difference.seed_parts
    level, units, noun = contrast.level, evidence.units.count, f"{evidence.units.noun}s"
    wanted = find_units(difference.estimate, parts, difference.unit_part, units, margin, level=level)
    if wanted is None:
        text = f"If the difference stays as it is, no number of seeds and no affordable number of {noun} will tell."
    else:
        text = (
            "If the difference stays as it is, no number of seeds will tell; "
            f"{wanted:,} validation {noun} with {trained} seeds each would (now {units:,})."
        )
    return Remedy(None, wanted, text)


def _forecast_parts(evidence: Evidence, pair: Pair, sample: Sample, measure: str) -> functools.partial:  # type: ignore[type-arg]
    """Return the function that gives the seeds' parts for a number of seeds an arm."""
    if sample.paired:
        (part,) = sample.difference.seed_parts
        return functools.partial(forecast_paired_part, part, sample.paired)
    return functools.partial(forecast_seed_parts, evidence.seed_noise(measure), list_seeds(evidence, pair.a, pair.b))
