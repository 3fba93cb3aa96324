"""What goes with a verdict in the objective, and what would settle a contrast that the data leaves open."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

from detstudy.analysis.contrasts.arm import Pair, Sample, list_seeds, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import Remedy
from detstudy.analysis.findings.convergence import find_improving
from detstudy.analysis.findings.errors import summarise_kinds
from detstudy.analysis.records import Convergence
from detstudy.analysis.statistics.power import find_seeds, find_units, forecast_paired_part, forecast_seed_parts
from detstudy.analysis.statistics.variance import Part

ENOUGH_SEEDS = 5
"""Seeds an arm for which the number of units is computed, where more seeds alone are not enough."""


def complete_contrast(
    evidence: Evidence, pair: Pair, contrast: Contrast, convergences: Mapping[str, Convergence | None]
) -> Contrast:
    """Add what goes with a verdict: an arm that still rose, the kinds of error that differ, what would settle it."""
    if contrast.verdict is None:
        return contrast
    a, b, rising = pair.a, pair.b, None
    if not share_weights(a.finished[0].setting, b.finished[0].setting):
        rising = find_improving({contrast.a: a.label, contrast.b: b.label}, contrast, convergences)
    return dataclasses.replace(
        contrast,
        caveats=(*contrast.caveats, rising) if rising else contrast.caveats,
        kinds=summarise_kinds(evidence, pair),
        remedy=find_remedy(evidence, pair, contrast),
    )


def find_remedy(evidence: Evidence, pair: Pair, contrast: Contrast) -> Remedy | None:
    """Return what would settle a contrast without a verdict; None where it has one or can't be judged."""
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


def _forecast_parts(evidence: Evidence, pair: Pair, sample: Sample, measure: str) -> Callable[[int], list[Part] | None]:
    """Return the function that gives the seeds' parts for a number of seeds an arm."""
    if sample.paired:
        (part,) = sample.difference.seed_parts
        return functools.partial(forecast_paired_part, part, sample.paired)
    return functools.partial(forecast_seed_parts, evidence.seed_noise(measure), list_seeds(evidence, pair.a, pair.b))
