"""Whether the best level of one factor depends on another: a grid analysed as a factorial, in words."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detstudy.analysis.evidence.confounding import find_accumulation, list_accumulations, name_setting
from detstudy.analysis.evidence.copies import drop_copies
from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.records import Effect, Factorial
from detstudy.analysis.statistics.contrast import ALPHA, Difference, Judgement, judge_difference
from detstudy.analysis.statistics.factorial import Term, VarianceTable, analyse_variance, compare_variances, judge_terms
from detstudy.analysis.statistics.variance import Part, combine_seed_parts, estimate_unit_part
from detstudy.ledger import RunRecord
from detstudy.numbers import describe_interval, format_ap, format_change, format_p
from detstudy.study.setting import Setting
from detstudy.wording.labels import count, label_factor, label_level, label_measure, name_level
from detstudy.wording.say import say

UNLIKE = 0.01
"""Below this p of Bartlett's test the settings' noise is called unlike."""

Cells = dict[tuple[Any, ...], str]
"""A level of each factor → the id of the setting that has them."""


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
    reason = _refuse(study.baseline, names, levels, cells, planned)
    table = None if reason else analyse_variance(values)
    if table is None and not reason:
        reason = _explain_no_noise(values)
    return Factorial(
        factors=names,
        levels=levels,
        cells=cells,
        effects=_describe_effects(evidence, names, levels, cells, values, table) if table else (),
        reason=reason,
        notes=_describe_basis(evidence, cells, values, table) if table else (),
    )


def _read_results(evidence: Evidence, setting_id: str) -> list[float]:
    """Return the objective of a setting's finished runs, copies left out."""
    found = (read_value(run, evidence.study.objective) for run in _list_runs(evidence, setting_id))
    return [value for value in found if value is not None]


def _refuse(
    baseline: Setting, names: Sequence[str], levels: Sequence[tuple[Any, ...]], cells: Cells, planned: int
) -> str | None:
    """Return why a grid can't be analysed whatever its runs gave; None where it can."""
    for name in names:
        if baseline.declaration(name).part == "evaluation":
            return f"{label_factor(name)} trains nothing: settings that share their trainings are not independent"
    if len(cells) < planned:
        return (
            "the settings are no grid, since learning rate or iterations follow the batch size; let "
            "when_batch_size_changes hold what is a factor itself"
        )
    for name, found in zip(names, levels, strict=True):
        if len(found) < 2:
            have = f"only {label_level(name, found[0])} has" if found else f"no level of {label_factor(name)} has"
            return f"{have} a result"
    return None


def _explain_no_noise(values: Mapping[tuple[Any, ...], Sequence[float]]) -> str:
    if all(len(found) < 2 for found in values.values()):
        return "one seed a setting leaves no noise to hold it against; give each two or more (seeds: [0, 1, 2])"
    return "nothing varies over seeds, so there is no noise to hold it against"


def _describe_effects(
    evidence: Evidence,
    names: tuple[str, ...],
    levels: tuple[tuple[Any, ...], ...],
    cells: Cells,
    values: Mapping[tuple[Any, ...], Sequence[float]],
    table: VarianceTable,
) -> tuple[Effect, ...]:
    effects = []
    objective = evidence.study.objective
    draws = {cell: evidence.average_draws(_list_runs(evidence, cells[cell]), objective) for cell in values}
    known = {cell: found for cell, found in draws.items() if found is not None}
    on_others: list[float | None] = [None] * len(table.terms)
    if evidence.units and len(known) == len(values):
        on_others = judge_terms(values, known, evidence.units.count, table)
    for term, p_images in zip(table.terms, on_others, strict=True):
        if len(term.factors) == 1:
            sentence = state_main_effect(label_factor(names[term.factors[0]]), objective, term, p_images)
        else:
            pair = term.factors[0], term.factors[1]
            squares = [tabulate_pair(names, levels, cells, values, places) for places in (pair, pair[::-1])]
            sentence = _state_interaction(evidence, squares, term, p_images)
        effects.append(
            Effect(
                factors=tuple(names[factor] for factor in term.factors),
                sum_of_squares=term.sum_of_squares,
                degrees_of_freedom=term.degrees_of_freedom,
                f=term.f,
                p=term.p,
                p_holm=term.p_holm,
                p_images=p_images,
                omega_squared=term.omega_squared,
                sentence=sentence,
            )
        )
    return tuple(effects)


def tabulate_pair(
    names: tuple[str, ...],
    levels: tuple[tuple[Any, ...], ...],
    cells: Cells,
    values: Mapping[tuple[Any, ...], Sequence[float]],
    places: tuple[int, int],
) -> Square:
    """Return the means of two factors' levels over those levels of the others that every pair with a result has."""
    first, second = places
    by_pair: dict[tuple[Any, Any], dict[tuple[Any, ...], tuple[Any, ...]]] = {}
    for cell in values:
        rest = tuple(level for place, level in enumerate(cell) if place not in places)
        by_pair.setdefault((cell[first], cell[second]), {})[rest] = cell
    common = set.intersection(*(set(found) for found in by_pair.values()))
    averaged = {pair: [found[rest] for rest in found if rest in common] for pair, found in by_pair.items()}
    return Square(
        names=(names[first], names[second]),
        levels=(levels[first], levels[second]),
        settings={pair: tuple(cells[cell] for cell in found) for pair, found in averaged.items()},
        means={
            pair: statistics.fmean(statistics.fmean(values[cell]) for cell in found)
            for pair, found in averaged.items()
            if found
        },
    )


def state_main_effect(label: str, objective: str, term: Term, p_images: float | None) -> str:
    """Return what a factor does, averaged over the levels of the others, as a sentence."""
    if term.p_holm is None:
        return f"The effect of the {label} can't be told from those of the other factors: too few cells have a result."
    p, others = max(term.p_holm, p_images or 0.0), "averaged over the other factors' levels"
    if term.p_holm >= ALPHA:
        return (
            f"No effect of the {label} on {label_measure(objective)} was found, {others} ({format_p(p)}); that is not "
            "proof of none."
        )
    size = f"partial ω² {term.omega_squared:.2f}"
    if p >= ALPHA:
        return (
            f"The {label} changes {label_measure(objective)} on these validation images, {others} "
            f"({format_p(term.p_holm)}, {size}), but on others it may not ({format_p(p)})."
        )
    return f"The {label} changes {label_measure(objective)}, {others} ({format_p(p)}, {size})."


def _state_interaction(evidence: Evidence, squares: Sequence[Square], term: Term, p_images: float | None) -> str:
    """Return what two factors do together; `squares` are their means, asked for the best level of either."""
    first, second = (label_factor(name) for name in squares[0].names)
    if term.p_holm is None:
        return f"Whether {first} and {second} interact can't be told: too few of their combinations have a result."
    p = format_p(max(term.p_holm, p_images or 0.0))
    if term.p_holm >= ALPHA:
        return f"No interaction was found between {first} and {second} ({p}); that is not proof of none."
    if p_images is not None and p_images >= ALPHA:
        return (
            f"No interaction between {first} and {second} is certain: there is one on these validation images "
            f"({format_p(term.p_holm)}), but on others it may be gone ({p})."
        )
    moving = [square for square in squares if len(set(square.best().values())) > 1]
    for square in moving:
        crossing = _find_crossing(evidence, square)
        if crossing:
            return _state_best(evidence.study.objective, square, crossing, p)
    if moving:
        first, second = (label_factor(name) for name in moving[0].names)
        return (
            f"What the {first} does depends on the {second} ({p}). The highest means are {_list_best(moving[0])}, but "
            "which level is best is not certain at each."
        )
    (level,) = set(squares[0].best().values())
    return (
        f"What the {first} does depends on the {second} ({p}), though {name_level(level)} has the highest mean at each."
    )


def _state_best(objective: str, square: Square, crossing: Mapping[Any, Judgement], p: str) -> str:
    """Return how the best level of the first factor moves with the second, and what the wrong one costs."""
    first, second = (label_factor(name) for name in square.names)
    changes = " and ".join(
        f"{format_change(judged.estimate)} {label_measure(objective)} at {name_level(at)} "
        f"({describe_interval(judged.low, judged.high)})"
        for at, judged in crossing.items()
    )
    levels = [name_level(square.best()[at]) for at in crossing]
    return (
        f"The best {first} depends on the {second}: {_list_best(square)} ({p}). {levels[0]} in place of {levels[1]} "
        f"makes {changes}."
    )


def _list_best(square: Square) -> str:
    return ", ".join(f"{name_level(level)} at {name_level(at)}" for at, level in square.best().items())


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


def _describe_basis(
    evidence: Evidence, cells: Cells, values: Mapping[tuple[Any, ...], Sequence[float]], table: VarianceTable
) -> tuple[str, ...]:
    """Return what the analysis rests on: its noise, missing cells, settings that vary otherwise."""
    measure = label_measure(evidence.study.objective)
    freedom = count(table.degrees_of_freedom, "degree") + " of freedom"
    notes = [
        f"Analysis of variance, type II, of {measure} over {count(sum(map(len, values.values())), 'run')} in "
        f"{count(len(values), 'setting')}; each p is Holm's over {count(len(table.terms), 'effect')}. Its noise is the "
        f"seeds' ({format_ap(math.sqrt(table.noise))}, {freedom}) on these validation images; what is said to hold "
        f"holds for other images too ({say(evidence.counted_units)}), and its p counts both."
    ]
    missing = [id_ for cell, id_ in cells.items() if cell not in values]
    if missing:
        notes.append(f"Without a result, and left out: {_list_labels(evidence, missing)}.")
    split = {id_: runs for cell, id_ in cells.items() if find_accumulation(runs := _list_runs(evidence, id_))}
    if split:
        texts = dict.fromkeys(say(fact) for runs in split.values() for fact in list_accumulations(runs))
        notes.append(f"Batches in parts: {_list_labels(evidence, list(split))} ({'; '.join(texts)}).")
    p = compare_variances(values)
    if p is not None and p < UNLIKE:
        notes.append(
            f"The seeds' noise is not the same in all settings (Bartlett's test, {format_p(p)}); the analysis of "
            "variance takes one for all, so its own p are rough."
        )
    return tuple(notes)


def _list_labels(evidence: Evidence, ids: Sequence[str]) -> str:
    return "; ".join(say(name_setting(evidence.plan.setting(id_).levels, evidence.runs_of(id_))) for id_ in ids)
