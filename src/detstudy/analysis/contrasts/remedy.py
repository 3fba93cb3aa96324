"""What would tell where the data can't: so many seeds, or so many validation images or sequences."""

from __future__ import annotations

import functools

from detstudy.analysis.contrasts.arm import Pair, Sample, list_seeds, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.note import Remedy
from detstudy.analysis.statistics.power import find_seeds, find_units, forecast_paired_part, forecast_seed_parts

ENOUGH_SEEDS = 5
"""Seeds an arm with which the number of units is reckoned, where seeds alone won't do."""


def find_remedy(evidence: Evidence, pair: Pair, contrast: Contrast) -> Remedy | None:
    """Return what would settle a contrast that can't be told; None where it has a verdict or can't be judged."""
    if contrast.verdict != "cannot tell" or evidence.units is None:
        return None
    sample = prepare_contrast(evidence, pair, contrast.measure)[1]
    if sample is None:
        return None
    difference, margin = sample.difference, evidence.study.smallest_difference_that_matters
    forecast = _forecast_parts(evidence, pair, sample, contrast.measure)
    alpha, units, noun = contrast.alpha, evidence.units.count, evidence.units.noun
    trained = max(ENOUGH_SEEDS, *contrast.seeds)
    seeds = find_seeds(difference.estimate, forecast, difference.unit_part, margin, alpha=alpha)
    wanted = None
    if seeds is None:
        parts = forecast(trained) or difference.seed_parts
        wanted = find_units(difference.estimate, parts, difference.unit_part, units, margin, alpha=alpha)
    return Remedy(seeds=seeds, units=wanted, units_now=units, noun=noun, seeds_each=trained)


def _forecast_parts(evidence: Evidence, pair: Pair, sample: Sample, measure: str) -> functools.partial:  # type: ignore[type-arg]
    """Return the function that gives the seeds' parts for a number of seeds an arm."""
    if sample.paired:
        (part,) = sample.difference.seed_parts
        return functools.partial(forecast_paired_part, part, sample.paired)
    return functools.partial(forecast_seed_parts, evidence.seed_noise(measure), list_seeds(evidence, pair.a, pair.b))
