"""Analysis of variance of a grid: what each factor does, and what two of them do together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.statistics.contrast import combine_parts
from detstudy.analysis.statistics.variance import MOST_UNDEFINED, Part

Levels = tuple[Any, ...]
"""A cell: one level of each factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the table: a main effect (one factor) or an interaction (two). Without degrees of freedom no test."""

    factors: tuple[int, ...]  # which, by their place in a cell
    sum_of_squares: float
    degrees_of_freedom: int
    f: float | None
    p: float | None
    p_holm: float | None  # adjusted over the terms that have a p
    omega_squared: float | None  # partial, not below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceTable:
    """The terms with the noise they are held against: the variance within cells."""

    terms: tuple[Term, ...]
    noise: float  # AP²
    degrees_of_freedom: int


def analyse_variance(values: Mapping[Levels, Sequence[float]]) -> VarianceTable | None:
    """Return the type-II table of main effects and two-way interactions of runs by cell.

    Sums of squares are differences between least-squares fits without and with a term, next to every term that does
    not contain it; degrees of freedom are differences of rank. So unequal numbers of runs are handled, and cells
    without runs too: an interaction is then tested on what the others determine. (Programs that test the coefficients
    of a full design instead go wrong with empty cells.) The noise is the variance within cells, so that with three
    factors a three-way interaction is not taken for noise. Effect sizes are partial omega squared, which does not
    grow with few runs as eta squared does. None where no cell has two runs or nothing varies within cells.

    Source: Langsrud, Statistics and Computing 13 (2003), for type II; Holm, Scand. J. Statistics 6 (1979); Olejnik and
    Algina, Psychological Methods 8 (2003), for omega squared.
    """
    from scipy.special import fdtrc

    cells = [cell for cell, found in values.items() for _ in found]
    response = np.array([value for found in values.values() for value in found])
    within = sum(float(np.sum((np.array(found) - np.mean(found)) ** 2)) for found in values.values() if found)
    freedom = len(response) - sum(bool(found) for found in values.values())
    if freedom <= 0 or within <= 1e-12 * len(response):
        return None
    noise = within / freedom
    mains = [(factor,) for factor in range(len(cells[0]))]
    factors = [*mains, *itertools.combinations(range(len(cells[0])), 2)]
    rows = []
    for term in factors:
        rest = [other for other in factors if not set(term) <= set(other)]
        small, large = _fit(cells, response, rest), _fit(cells, response, [*rest, term])
        squares, degrees = max(0.0, small[0] - large[0]), large[1] - small[1]
        rows.append((term, squares, degrees, squares / degrees / noise if degrees else None))
    p_values = [None if f is None else float(fdtrc(degrees, freedom, f)) for _, _, degrees, f in rows]
    adjusted = iter(adjust_by_holm([p for p in p_values if p is not None]))
    return VarianceTable(
        terms=tuple(
            Term(
                factors=term,
                sum_of_squares=squares,
                degrees_of_freedom=degrees,
                f=f,
                p=p,
                p_holm=None if p is None else next(adjusted),
                omega_squared=None if f is None else estimate_omega(f, degrees, len(response)),
            )
            for (term, squares, degrees, f), p in zip(rows, p_values, strict=True)
        ),
        noise=noise,
        degrees_of_freedom=freedom,
    )


def judge_terms(
    values: Mapping[Levels, Sequence[float]],
    draws: Mapping[Levels, NDArray[np.float64]],
    units: int,
    table: VarianceTable,
) -> list[float | None]:
    """Return for each term of the table the p of its effect on other images too, adjusted by Holm.

    `draws` are each cell's mean over its runs in draws of `units` units. The cell means' share in the term is held
    against its expectation from both noises, seeds within cells and units; its distribution is Box's F, whose
    numerator has the degrees of freedom of the two noises' covariance and whose denominator those of
    `combine_parts`. Every cell counts alike. None where a term has no degrees of freedom or draws are undefined.

    Source: Box, Annals of Mathematical Statistics 25 (1954); Brunner, Dette and Munk, J. American Statistical
    Association 92 (1997), for its use on cell means.
    """
    from scipy.special import fdtrc

    cells = list(values)
    drawn = np.column_stack([draws[cell] for cell in cells])
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    if units < 2 or len(drawn) < (1 - MOST_UNDEFINED) * len(draws[cells[0]]):
        return [None] * len(table.terms)
    means = np.array([np.mean(values[cell]) for cell in cells])
    seeds = np.diag([table.noise / len(values[cell]) for cell in cells])
    images = np.cov(drawn, rowvar=False) * units / (units - 1)
    p_values: list[float | None] = []
    for term in table.terms:
        rest = [other.factors for other in table.terms if not set(term.factors) <= set(other.factors)]
        share = _project(cells, [*rest, term.factors]) - _project(cells, rest)
        if round(float(np.trace(share))) < 1:
            p_values.append(None)
            continue
        parts = [
            Part(float(np.trace(share @ noise)), freedom)
            for noise, freedom in ((seeds, table.degrees_of_freedom), (images, units - 1))
        ]
        variance, freedom = combine_parts(parts[:1], parts[1])
        spread = share @ (seeds + images)
        numerator = variance**2 / float(np.trace(spread @ spread))
        p_values.append(float(fdtrc(numerator, freedom, float(means @ share @ means) / variance)))
    adjusted = iter(adjust_by_holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _project(cells: Sequence[Levels], terms: Collection[tuple[int, ...]]) -> NDArray[np.float64]:
    """Return the projection of cell means onto what some terms can explain."""
    design = _make_design(cells, terms)
    return design @ np.linalg.pinv(design)


def adjust_by_holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that may each be compared with the alpha of the whole family, in the given order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def compare_variances(values: Mapping[Levels, Sequence[float]]) -> float | None:
    """Return the p of Bartlett's test that all cells have one variance; None where fewer than two cells can say.

    Source: Bartlett, Proc. Royal Society A 160 (1937). A cell with one run, or with equal ones, is left out.
    """
    from scipy.special import chdtrc

    parts = [(float(np.var(found, ddof=1)), len(found) - 1) for found in values.values() if len(found) > 1]
    parts = [(variance, freedom) for variance, freedom in parts if variance > 0]
    if len(parts) < 2:
        return None
    total = sum(freedom for _, freedom in parts)
    pooled = sum(variance * freedom for variance, freedom in parts) / total
    ratio = sum(freedom * math.log(pooled / variance) for variance, freedom in parts)
    correction = 1 + (sum(1 / freedom for _, freedom in parts) - 1 / total) / (3 * (len(parts) - 1))
    return float(chdtrc(len(parts) - 1, ratio / correction))


def estimate_omega(f: float, degrees: int, runs: int) -> float:
    """Return partial omega squared: the share of variance that a term makes, the other terms set aside."""
    excess = degrees * (f - 1)
    return max(0.0, excess / (excess + runs))


def _fit(
    cells: Sequence[Levels], response: NDArray[np.float64], terms: Collection[tuple[int, ...]]
) -> tuple[float, int]:
    """Return the residual sum of squares and the rank of the least-squares fit of some terms."""
    design = _make_design(cells, terms)
    solution, _, rank, _ = np.linalg.lstsq(design, response)
    return float(np.sum((response - design @ solution) ** 2)), int(rank)


def _make_design(cells: Sequence[Levels], terms: Collection[tuple[int, ...]]) -> NDArray[np.float64]:
    columns = [np.ones(len(cells))]
    for term in terms:
        parts = [tuple(cell[factor] for factor in term) for cell in cells]
        columns += [np.array([part == level for part in parts], dtype=float) for level in dict.fromkeys(parts)]
    return np.column_stack(columns)
