"""Whether the best level of one factor depends on another: a grid analysed as a factorial."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from detstudy.analysis.evidence.confounding import find_accumulation, list_accumulations, name_setting
from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.evidence.runs import drop_copies
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.interaction import (
    BatchesInParts,
    BestLevels,
    EffectVerdict,
    Exchange,
    LeftOut,
    NoAnalysis,
    TooFewLevels,
    TrainsNothing,
    UnlikeNoise,
    VarianceBasis,
)
from detstudy.analysis.records import Effect, Factorial
from detstudy.analysis.statistics.contrast import ALPHA, Difference, Judgement, judge_difference
from detstudy.analysis.statistics.factorial import Term, VarianceTable, analyse_variance, compare_variances, judge_terms
from detstudy.analysis.statistics.variance import Part, combine_seed_parts, estimate_unit_part
from detstudy.ledger import RunRecord
from detstudy.study.setting import Setting

UNLIKE = 0.01
"""Below this p of Bartlett's test the settings' noise is called unlike."""

Cells = dict[tuple[Any, ...], str]
"""A level of each factor → the id of the setting that has them."""

Values = Mapping[tuple[Any, ...], Sequence[float]]
"""A level of each factor → the objective of the setting's runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """The means of two factors' levels, over the same levels of the others; cells without a result are missing."""

    names: tuple[str, str]
    levels: tuple[tuple[Any, ...], tuple[Any, ...]]
    settings: dict[tuple[Any, Any], tuple[str, ...]]  # level of each → ids of the settings averaged
    means: dict[tuple[Any, Any], float]

    def best(self) -> dict[Any, Any]:
        """Return, for each level of the second factor, the level of the first with the highest mean."""
        found = {}
        for other in self.levels[1]:
            means = {level: self.means[level, other] for level in self.levels[0] if (level, other) in self.means}
            if means:
                found[other] = max(means, key=means.__getitem__)
        return found


def analyse_interactions(evidence: Evidence) -> Factorial | None:
    """Return the analysis of variance of the objective over a grid's runs; None where levels are not combined.

    None too where fewer than two factors have two levels. Cells without a result are left out, as are levels without
    any; `reason` says where nothing is left to analyse. An interaction is claimed only where it holds for other
    validation images too, and "the best level depends" only where the exchange of the two best levels is clear both
    ways.
    """
    study = evidence.study
    varied = [factor for factor in study.factors if len(factor.levels) > 1]
    if not evidence.plan.crossed or len(varied) < 2:
        return None
    names = tuple(factor.name for factor in varied)
    cells = {
        tuple(planned.setting[name] for name in names): planned.id
        for planned in evidence.plan.settings
        if all(planned.setting[factor.name] in factor.levels for factor in study.factors)
    }
    results = {cell: _read_results(evidence, id_) for cell, id_ in cells.items()}
    levels = tuple(
        tuple(level for level in factor.levels if any(results[cell] and cell[n] == level for cell in cells))
        for n, factor in enumerate(varied)
    )
    values = {cell: found for cell, found in results.items() if found}
    planned = math.prod(len(factor.levels) for factor in varied)
    grid = Factorial(factors=names, levels=levels, cells=cells)
    reason = _refuse(study.baseline, grid, planned)
    if reason:
        return replace(grid, reason=reason)
    table = analyse_variance(values)
    if table is None:
        single = all(len(found) < 2 for found in values.values())
        return replace(grid, reason=NoAnalysis.ONE_SEED if single else NoAnalysis.NO_NOISE)
    effects, notes = _list_effects(evidence, grid, values, table), _note_basis(evidence, cells, values, table)
    return replace(grid, effects=effects, notes=notes)


def _read_results(evidence: Evidence, setting_id: str) -> list[float]:
    """Return the objective of a setting's finished runs, copies left out."""
    found = (read_value(run, evidence.study.objective) for run in _list_runs(evidence, setting_id))
    return [value for value in found if value is not None]


def _refuse(baseline: Setting, grid: Factorial, planned: int) -> TrainsNothing | TooFewLevels | NoAnalysis | None:
    """Return why a grid can't be analysed whatever its runs gave; None where it can."""
    for name in grid.factors:
        if baseline.declaration(name).part == "evaluation":
            return TrainsNothing(name)
    if len(grid.cells) < planned:
        return NoAnalysis.NO_GRID
    for name, found in zip(grid.factors, grid.levels, strict=True):
        if len(found) < 2:
            return TooFewLevels(name, found[0] if found else None)
    return None


def _list_effects(evidence: Evidence, grid: Factorial, values: Values, table: VarianceTable) -> tuple[Effect, ...]:
    effects = []
    objective = evidence.study.objective
    draws = {cell: evidence.average_draws(_list_runs(evidence, grid.cells[cell]), objective) for cell in values}
    known = {cell: found for cell, found in draws.items() if found is not None}
    on_others: list[float | None] = [None] * len(table.terms)
    if evidence.units and len(known) == len(values):
        on_others = judge_terms(values, known, evidence.units.count, table)
    for term, p_images in zip(table.terms, on_others, strict=True):
        verdict = judge_effect(term, p_images)
        best = None
        if verdict is EffectVerdict.FOUND and len(term.factors) == 2:
            pair = term.factors[0], term.factors[1]
            squares = [tabulate_pair(grid, values, places) for places in (pair, pair[::-1])]
            best = _find_best(evidence, squares)
        effects.append(
            Effect(
                **asdict(term) | {"factors": tuple(grid.factors[factor] for factor in term.factors)},
                objective=objective,
                p_images=p_images,
                verdict=verdict,
                best=best,
            )
        )
    return tuple(effects)


def tabulate_pair(grid: Factorial, values: Values, places: tuple[int, int]) -> Square:
    """Return the means of two factors' levels over those levels of the others that every pair with a result has."""
    first, second = places
    by_pair: dict[tuple[Any, Any], dict[tuple[Any, ...], tuple[Any, ...]]] = {}
    for cell in values:
        rest = tuple(level for place, level in enumerate(cell) if place not in places)
        by_pair.setdefault((cell[first], cell[second]), {})[rest] = cell
    common = set.intersection(*(set(found) for found in by_pair.values()))
    averaged = {pair: [found[rest] for rest in found if rest in common] for pair, found in by_pair.items()}
    return Square(
        names=(grid.factors[first], grid.factors[second]),
        levels=(grid.levels[first], grid.levels[second]),
        settings={pair: tuple(grid.cells[cell] for cell in found) for pair, found in averaged.items()},
        means={
            pair: statistics.fmean(statistics.fmean(values[cell]) for cell in found)
            for pair, found in averaged.items()
            if found
        },
    )


def judge_effect(term: Term, p_images: float | None) -> EffectVerdict:
    """Return whether an effect is found on these validation images, and on others."""
    if term.p_holm is None:
        return EffectVerdict.NOT_TESTED
    if term.p_holm >= ALPHA:
        return EffectVerdict.NOT_FOUND
    return EffectVerdict.ON_THESE_IMAGES if (p_images or 0.0) >= ALPHA else EffectVerdict.FOUND


def _find_best(evidence: Evidence, squares: Sequence[Square]) -> BestLevels:
    """Return how the best level of one of two factors moves with the other's, where that is certain of either.

    `squares` are their means, asked for the best level of either.
    """
    moving = [square for square in squares if len(set(square.best().values())) > 1]
    for square in moving:
        crossing = _find_crossing(evidence, square)
        if crossing:
            made = (Exchange(at, judged.estimate, judged.low, judged.high) for at, judged in crossing.items())
            return BestLevels(*square.names, tuple(square.best().items()), tuple(made))
    square = [*moving, *squares][0]
    return BestLevels(*square.names, tuple(square.best().items()), ())


def _find_crossing(evidence: Evidence, square: Square) -> dict[Any, Judgement] | None:
    """Return two levels of the second factor at which the exchange of their best levels is clearly good and bad.

    Of all pairs it is the one whose less certain difference is the most certain. The p of both must hold for every
    other level that could have looked best, at every other level of the second factor.
    """
    best, needed = square.best(), ALPHA / math.prod(len(levels) - 1 for levels in square.levels)
    found: tuple[float, dict[Any, Judgement]] | None = None
    for one, two in itertools.combinations(best, 2):
        pairs = {at: ((best[one], at), (best[two], at)) for at in (one, two)}
        if best[one] == best[two] or not all(pair in square.means for both in pairs.values() for pair in both):
            continue
        judged = {at: _judge(evidence, square.settings[a], square.settings[b]) for at, (a, b) in pairs.items()}
        known = {at: judgement for at, judgement in judged.items() if judgement is not None}
        if len(known) == 2:
            worst = max(judgement.p for judgement in known.values())
            if worst <= needed and (found is None or worst < found[0]):
                found = worst, known
    return found[1] if found else None


def _judge(evidence: Evidence, plus: Sequence[str], minus: Sequence[str]) -> Judgement | None:
    """Judge the mean of some settings against that of as many others by the noise of seeds and of images."""
    objective, units = evidence.study.objective, evidence.units
    runs = {id_: _list_runs(evidence, id_) for id_ in (*plus, *minus)}
    seed_parts = combine_seed_parts(evidence.seed_noise(objective), [(id_, len(runs[id_])) for id_ in runs])
    if seed_parts is None or units is None:
        return None
    estimate, weighted = 0.0, []
    for sign, ids in ((1 / len(plus), plus), (-1 / len(minus), minus)):
        for id_ in ids:
            draws = evidence.average_draws(runs[id_], objective)
            if draws is None:
                return None
            weighted.append(sign * draws)
            estimate += sign * statistics.fmean(read_value(run, objective) or 0.0 for run in runs[id_])
    unit_part = estimate_unit_part(sum(weighted[1:], start=weighted[0]), units.count)
    if unit_part is None:
        return None
    scaled = [Part(part.variance / len(plus) ** 2, part.degrees_of_freedom) for part in seed_parts]
    difference = Difference(estimate=estimate, seed_parts=scaled, unit_part=unit_part)
    return judge_difference(difference, evidence.study.smallest_difference_that_matters)


def _list_runs(evidence: Evidence, setting_id: str) -> tuple[RunRecord, ...]:
    finished = [run for run in evidence.runs_of(setting_id) if read_value(run, evidence.study.objective) is not None]
    return drop_copies(finished)


def _note_basis(evidence: Evidence, cells: Cells, values: Values, table: VarianceTable) -> tuple[Fact, ...]:
    """Return what the analysis rests on: its noise, missing cells, settings that vary otherwise."""
    basis = VarianceBasis(
        objective=evidence.study.objective,
        runs=sum(map(len, values.values())),
        settings=len(values),
        effects=len(table.terms),
        noise=math.sqrt(table.noise),
        degrees_of_freedom=table.degrees_of_freedom,
        units=evidence.counted_units,
    )
    notes: list[Fact] = [basis]
    missing = [id_ for cell, id_ in cells.items() if cell not in values]
    if missing:
        notes.append(LeftOut(_name_settings(evidence, missing)))
    split = {id_: runs for cell, id_ in cells.items() if find_accumulation(runs := _list_runs(evidence, id_))}
    if split:
        how = (fact for runs in split.values() for fact in list_accumulations(runs))
        notes.append(BatchesInParts(_name_settings(evidence, split), tuple(dict.fromkeys(how))))
    p = compare_variances(values)
    if p is not None and p < UNLIKE:
        notes.append(UnlikeNoise(p))
    return tuple(notes)


def _name_settings(evidence: Evidence, ids: Iterable[str]) -> tuple[Fact, ...]:
    return tuple(name_setting(evidence.plan.setting(id_).levels, evidence.runs_of(id_)) for id_ in ids)
