from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from detstudy.analysis.statistics.contrast import Difference, judge_difference
from detstudy.analysis.statistics.factorial import (
    adjust_by_holm,
    analyse_variance,
    compare_variances,
    estimate_omega,
    judge_terms,
)
from detstudy.analysis.statistics.variance import Part

Table = dict[tuple[object, ...], list[float]]


def draw_table(shape: tuple[int, ...], runs: list[int], seed: int = 0, effect: float = 1.0) -> Table:
    generator = np.random.default_rng(seed)
    cells = list(itertools.product(*(range(levels) for levels in shape)))
    return {
        cell: list(generator.normal(40 + effect * (cell[0] + cell[0] * cell[1]), 1.0, number))
        for cell, number in zip(cells, itertools.cycle(runs), strict=False)
    }


def make_frame(table: Table) -> pd.DataFrame:
    rows = [(*cell, value) for cell, values in table.items() for value in values]
    return pd.DataFrame(rows, columns=[*"abc"[: len(next(iter(table)))], "y"])


def test_a_table_worked_by_hand() -> None:
    # cell means 2, 4, 6, 12; grand mean 6; each pair of runs is one above and one below its mean
    table: Table = {(0, 0): [1, 3], (0, 1): [3, 5], (1, 0): [5, 7], (1, 1): [11, 13]}
    found = analyse_variance(table)
    assert found is not None
    assert (found.noise, found.degrees_of_freedom) == pytest.approx((2.0, 4))
    # a: rows 3 and 9, so 4 * 3² * 2; b: columns 4 and 8, so 4 * 2² * 2; together: (12 - 4 - 6 + 2)² / 4 * 2
    assert [term.sum_of_squares for term in found.terms] == pytest.approx([72.0, 32.0, 8.0])
    assert [term.f for term in found.terms] == pytest.approx([36.0, 16.0, 4.0])
    assert [term.omega_squared for term in found.terms] == pytest.approx([35 / 43, 15 / 23, 3 / 11])


@pytest.mark.parametrize(("shape", "runs"), [((2, 3), [3]), ((3, 2), [1, 2, 4]), ((3, 3), [3, 1])])
def test_two_factors_as_statsmodels_has_them(shape: tuple[int, ...], runs: list[int]) -> None:
    table = draw_table(shape, runs)
    found = analyse_variance(table)
    assert found is not None
    oracle = anova_lm(ols("y ~ C(a, Sum) * C(b, Sum)", make_frame(table)).fit(), typ=2)
    assert [term.factors for term in found.terms] == [(0,), (1,), (0, 1)]
    assert [term.sum_of_squares for term in found.terms] == pytest.approx(oracle["sum_sq"].iloc[:3].tolist())
    assert [term.degrees_of_freedom for term in found.terms] == oracle["df"].iloc[:3].tolist()
    assert [term.p for term in found.terms] == pytest.approx(oracle["PR(>F)"].iloc[:3].tolist())
    holm = multipletests(oracle["PR(>F)"].iloc[:3], method="holm")[1]
    assert [term.p_holm for term in found.terms] == pytest.approx(holm)


def test_three_factors_are_held_against_the_seeds_alone() -> None:
    table = draw_table((2, 2, 3), [2, 3])
    found = analyse_variance(table)
    assert found is not None
    frame = make_frame(table)
    two_way = anova_lm(ols("y ~ (C(a, Sum) + C(b, Sum) + C(c, Sum)) ** 2", frame).fit(), typ=2)
    assert [term.sum_of_squares for term in found.terms] == pytest.approx(two_way["sum_sq"].iloc[:6].tolist())
    full = ols("y ~ C(a) * C(b) * C(c)", frame).fit()
    assert found.noise == pytest.approx(full.mse_resid)
    assert found.degrees_of_freedom == full.df_resid


def test_an_empty_cell_costs_the_interaction_a_degree_of_freedom() -> None:
    table = draw_table((3, 3), [3])
    del table[2, 2]
    found = analyse_variance(table)
    assert found is not None
    frame = make_frame(table)
    frame["cell"] = frame["a"] * 3 + frame["b"]
    fits = {terms: ols(f"y ~ {terms}", frame).fit() for terms in ("C(a)", "C(b)", "C(a) + C(b)", "C(cell)")}
    for term, small, large in zip(
        found.terms, ("C(b)", "C(a)", "C(a) + C(b)"), ("C(a) + C(b)", "C(a) + C(b)", "C(cell)"), strict=True
    ):
        squares = fits[small].ssr - fits[large].ssr
        degrees = fits[small].df_resid - fits[large].df_resid
        assert (term.sum_of_squares, term.degrees_of_freedom) == pytest.approx((squares, degrees))
        assert term.f == pytest.approx(squares / degrees / fits["C(cell)"].mse_resid)


def test_where_cells_do_not_cross_there_is_no_interaction_to_test() -> None:
    table: Table = {(0, 0): [1.0, 2.0], (0, 1): [2.0, 4.0], (1, 0): [3.0, 3.5]}
    found = analyse_variance(table)
    assert found is not None
    interaction = found.terms[2]
    assert (interaction.degrees_of_freedom, interaction.p, interaction.p_holm) == (0, None, None)
    assert found.terms[0].p_holm is not None


def test_without_repeats_or_noise_there_is_no_table() -> None:
    assert analyse_variance(draw_table((2, 2), [1])) is None
    assert analyse_variance({(a, b): [40.0 + a, 40.0 + a] for a in (0, 1) for b in (0, 1)}) is None


def test_variances_are_compared_by_bartletts_test() -> None:
    table = draw_table((2, 3), [3, 2, 5])
    assert compare_variances(table) == pytest.approx(stats.bartlett(*table.values()).pvalue)
    assert compare_variances({**table, (9, 9): [1.0], (8, 8): [2.0, 2.0]}) == compare_variances(table)
    assert compare_variances(draw_table((2, 2), [1])) is None


def draw_units(table: Table, units: int, sd: float, seed: int = 1) -> dict[tuple[object, ...], np.ndarray]:
    """Each cell's mean in 200 bootstrap draws of units, on which the cells differ by chance."""
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(units, [1 / units] * units, size=200) / units
    return {cell: weights @ generator.normal(0, sd * units**0.5, units) for cell in table}


def test_with_image_noise_two_by_two_is_a_difference_of_differences() -> None:
    table, units = draw_table((2, 2), [3, 2], effect=0.7), 12
    draws = draw_units(table, units, 0.5)
    found = analyse_variance(table)
    assert found is not None
    p_values = judge_terms(table, draws, units, found)
    contrasts = [{cell: (-1) ** sum(cell[n] for n in term.factors) for cell in table} for term in found.terms]  # type: ignore[misc]
    expected = []
    for signs in contrasts:
        drawn = sum(sign * draws[cell] for cell, sign in signs.items())
        seeds = found.noise * sum(1 / len(values) for values in table.values())
        judged = judge_difference(
            Difference(
                estimate=sum(sign * np.mean(table[cell]) for cell, sign in signs.items()),
                seed_parts=[Part(seeds, found.degrees_of_freedom)],
                unit_part=Part(np.var(drawn, ddof=1) * units / (units - 1), units - 1),
            ),
            0.5,
        )
        assert judged is not None
        expected.append(judged.p)
    assert p_values == pytest.approx(adjust_by_holm(expected))


def test_image_noise_that_is_not_known_gives_no_p() -> None:
    table = draw_table((2, 2), [2])
    found = analyse_variance(table)
    assert found is not None
    assert judge_terms(table, dict.fromkeys(table, np.full(200, np.nan)), 12, found) == [None] * 3
    assert judge_terms(table, draw_units(table, 12, 0.5), 1, found) == [None] * 3


@pytest.mark.parametrize("shape", [(2, 2), (3, 3)])
def test_what_only_the_validation_images_show_is_seldom_claimed(shape: tuple[int, ...]) -> None:
    """Equal cells whose images differ by chance: seeds alone would claim often, both noises at most 5 %."""
    generator = np.random.default_rng(8)
    weights = generator.multinomial(15, [1 / 15] * 15, size=200) / 15
    claims = alone = 0
    studies = 300
    for _ in range(studies):
        table: Table = {}
        draws = {}
        for cell in itertools.product(*map(range, shape)):
            images = generator.normal(0, 0.75 * 15**0.5, 15)
            table[cell] = list(images.mean() + generator.normal(0, 1.0, 3))
            draws[cell] = np.mean(table[cell]) - images.mean() + weights @ images
        found = analyse_variance(table)
        assert found is not None
        claims += any(p is not None and p < 0.05 for p in judge_terms(table, draws, 15, found))
        alone += any(term.p_holm < 0.05 for term in found.terms)
    assert claims / studies < 0.08
    assert alone / studies > 0.15


def test_holm_and_omega_keep_their_bounds() -> None:
    assert adjust_by_holm([0.5, 0.01, 0.04]) == pytest.approx([0.5, 0.03, 0.08])
    assert adjust_by_holm([0.9, 0.8]) == [1.0, 1.0]
    assert adjust_by_holm([]) == []
    assert estimate_omega(0.3, 2, 12) == 0.0


@pytest.mark.parametrize(("shape", "runs", "missing"), [((3, 2), [3], ()), ((3, 3), [2, 3], ((2, 2),))])
def test_an_additive_grid_seldom_shows_an_interaction(
    shape: tuple[int, ...], runs: list[int], missing: tuple[tuple[int, ...], ...]
) -> None:
    """Both main effects are large: that must not leak into the interaction, whose 5 % hold."""
    generator = np.random.default_rng(5)
    template = draw_table(shape, runs)
    claims = adjusted = 0
    studies = 600
    for _ in range(studies):
        table: Table = {
            cell: list(3.0 * cell[0] - 5.0 * cell[1] + generator.normal(size=len(values)))  # type: ignore[operator]
            for cell, values in template.items()
            if cell not in missing
        }
        found = analyse_variance(table)
        assert found is not None
        claims += found.terms[2].p < 0.05
        adjusted += found.terms[2].p_holm < 0.05
    assert claims / studies == pytest.approx(0.05, abs=0.024)  # 2.7 standard errors
    assert adjusted <= claims
