import functools
from typing import Any

import pytest
from scipy import optimize, stats

from detstudy.analysis.statistics.contrast import Difference, combine_parts, judge_difference
from detstudy.analysis.statistics.power import (
    detectable_difference,
    find_seeds,
    find_units,
    forecast_paired_part,
    forecast_seed_parts,
)
from detstudy.analysis.statistics.variance import Part, SeedNoise

NOISE = SeedNoise(pooled=Part(1.0, 4), own={"wild": Part(9.0, 2)})
ARMS = [("a", 3), ("baseline", 3)]
FORECAST = functools.partial(forecast_seed_parts, NOISE, ARMS)

near: Any = pytest.approx  # stands in a record as a number does


def judge(estimate: float, seeds: int, unit_part: Part, margin: float) -> str:
    parts = FORECAST(seeds)
    assert parts is not None
    judged = judge_difference(Difference(estimate=estimate, seed_parts=parts, unit_part=unit_part), margin)
    assert judged is not None
    return judged.verdict


def test_more_seeds_shrink_the_variance_and_add_degrees_of_freedom() -> None:
    assert FORECAST(3) == [Part(near(2 / 3), 4, pooled=True)]
    assert FORECAST(10) == [Part(near(2 / 10), 4 + 14, pooled=True)]
    wild = forecast_seed_parts(NOISE, [("wild", 3), ("baseline", 3)], 9)
    assert wild == [Part(near(1.0), 8), Part(near(1 / 9), 4 + 6, pooled=True)]
    assert forecast_seed_parts(SeedNoise(pooled=None), ARMS, 9) is None
    assert forecast_paired_part(Part(0.5, 1), 2, 8) == [Part(0.125, 7)]


@pytest.mark.parametrize(("estimate", "margin"), [(0.8, 0.0), (0.1, 0.7)])
def test_the_fewest_seeds_settle_and_one_fewer_does_not(estimate: float, margin: float) -> None:
    unit_part = Part(0.02, 19)
    seeds = find_seeds(estimate, FORECAST, unit_part, margin)
    assert seeds is not None
    assert judge(estimate, seeds, unit_part, margin) != "cannot tell"
    assert judge(estimate, seeds - 1, unit_part, margin) == "cannot tell"


def test_no_number_of_seeds_helps_where_the_units_alone_are_too_noisy() -> None:
    unit_part = Part(0.5, 19)
    assert find_seeds(0.5, FORECAST, unit_part, 0.2) is None
    forever = FORECAST(100)
    assert forever is not None
    units = find_units(0.5, forever, unit_part, 20, 0.2)
    assert units is not None
    assert units > 20
    for count, settled in ((units, True), (units - 1, False)):
        parts = Part(0.5 * 20 / count, count - 1)
        judged = judge_difference(Difference(estimate=0.5, seed_parts=forever, unit_part=parts), 0.2)
        assert judged is not None
        assert (judged.verdict != "cannot tell") == settled


def test_a_difference_of_just_the_margin_is_settled_by_nothing_but_being_real() -> None:
    assert find_units(0.0, [Part(1.0, 4)], Part(0.5, 19), 20, 0.0) is None
    assert find_seeds(0.0, FORECAST, Part(0.5, 19), 0.0) is None


def test_a_family_needs_more_seeds() -> None:
    alone = find_seeds(0.8, FORECAST, Part(0.02, 19), 0.0)
    together = find_seeds(0.8, FORECAST, Part(0.02, 19), 0.0, alpha=0.015)
    assert alone is not None
    assert together is not None
    assert together > alone


@pytest.mark.parametrize(("freedom", "power", "alpha"), [(2, 0.8, 0.05), (10, 0.8, 0.05), (10, 0.9, 0.015)])
def test_the_detectable_difference_is_that_of_the_noncentral_t(freedom: int, power: float, alpha: float) -> None:
    quantile = stats.t.ppf(1 - alpha / 2, freedom)
    oracle = optimize.brentq(lambda shift: stats.nct.sf(quantile, freedom, shift) - power, 0.1, 20)
    parts = [Part(0.25, freedom)]
    assert detectable_difference(parts, Part(0.0, 19), alpha=alpha, power=power) == pytest.approx(
        0.5 * oracle, rel=1e-6
    )


def test_the_detectable_difference_falls_with_seeds_and_is_nothing_without_noise() -> None:
    few, many = FORECAST(3), FORECAST(12)
    assert few is not None
    assert many is not None
    assert detectable_difference(many, Part(0.1, 19)) < detectable_difference(few, Part(0.1, 19))
    assert detectable_difference([], Part(0.0, 19)) == 0
    assert combine_parts([], Part(0.0, 19))[0] == 0
