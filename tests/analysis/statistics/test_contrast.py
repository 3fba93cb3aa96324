import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detstudy.analysis.statistics.contrast import Difference, add_parts, combine_parts, decide_verdict, judge_difference
from detstudy.analysis.statistics.variance import Part, combine_seed_parts, pool_seed_noise

A, B = [41.0, 43.5, 42.2, 40.9], [39.0, 40.5, 39.7]
NO_IMAGE_NOISE = Part(0.0, 19)


def test_without_image_noise_and_without_pooling_it_is_welchs_test() -> None:
    parts = [Part(float(np.var(values, ddof=1)) / len(values), len(values) - 1) for values in (A, B)]
    difference = Difference(estimate=float(np.mean(A) - np.mean(B)), seed_parts=parts, unit_part=NO_IMAGE_NOISE)
    judged = judge_difference(difference, 0.5)
    oracle = stats.ttest_ind(A, B, equal_var=False)
    assert judged is not None
    assert judged.p == pytest.approx(oracle.pvalue, rel=1e-12)
    assert judged.degrees_of_freedom == pytest.approx(oracle.df, rel=1e-12)
    interval = oracle.confidence_interval()
    assert (judged.low, judged.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_without_image_noise_and_with_pooling_it_is_students_test() -> None:
    noise = pool_seed_noise({"baseline": B, "a": A}, keep="baseline")
    parts = combine_seed_parts(noise, [("a", len(A)), ("baseline", len(B))])
    assert parts is not None
    difference = Difference(estimate=float(np.mean(A) - np.mean(B)), seed_parts=parts, unit_part=NO_IMAGE_NOISE)
    judged = judge_difference(difference, 0.5)
    oracle = stats.ttest_ind(A, B, equal_var=True)
    assert judged is not None
    assert judged.p == pytest.approx(oracle.pvalue, rel=1e-12)
    assert judged.degrees_of_freedom == pytest.approx(oracle.df, rel=1e-12)


def test_without_seed_noise_it_is_the_paired_t_test_over_units() -> None:
    values = np.random.default_rng(3).normal(0.4, 1.0, size=20)
    unit_part = Part(values.var(ddof=1) / 20, 19)
    judged = judge_difference(Difference(estimate=values.mean(), seed_parts=[Part(0.0, 2)], unit_part=unit_part), 0.1)
    oracle = stats.ttest_1samp(values, 0.0)
    assert judged is not None
    assert judged.p == pytest.approx(oracle.pvalue, rel=1e-12)
    interval = oracle.confidence_interval()
    assert (judged.low, judged.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_seeds_parts_are_added_as_satterthwaite_does() -> None:
    variance, freedom = add_parts([Part(1.0, 2), Part(1.0, 19)])
    assert variance == 2.0
    assert freedom == pytest.approx(4 / (1 / 2 + 1 / 19))
    assert add_parts([Part(1e-300, 2)]) == (1e-300, 2)
    assert add_parts([]) == (0.0, math.inf)


def test_seeds_and_units_share_their_degrees_of_freedom_by_variance() -> None:
    assert combine_parts([Part(1.0, 2)], Part(3.0, 19)) == (4.0, pytest.approx(1 / (0.25 / 2 + 0.75 / 19)))


@given(
    seeds=st.floats(1e-6, 1e3),
    units=st.floats(1e-6, 1e3),
    few=st.integers(1, 10),
    many=st.integers(1, 60),
)
def test_the_degrees_of_freedom_lie_between_the_parts_and_below_satterthwaites(
    seeds: float, units: float, few: int, many: int
) -> None:
    variance, freedom = combine_parts([Part(seeds, few)], Part(units, many))
    assert variance == seeds + units
    assert min(few, many) - 1e-9 <= freedom <= max(few, many) + 1e-9
    assert freedom <= add_parts([Part(seeds, few), Part(units, many)])[1] * (1 + 1e-12)


def test_where_nothing_varies_nothing_is_judged() -> None:
    assert combine_parts([Part(0.0, 2)], NO_IMAGE_NOISE) == (0.0, math.inf)
    assert judge_difference(Difference(estimate=1.0, seed_parts=[Part(0.0, 2)], unit_part=NO_IMAGE_NOISE), 0.5) is None


@given(
    estimate=st.floats(-20, 20),
    seeds=st.floats(0, 50),
    units=st.floats(1e-3, 50),
    few=st.integers(1, 12),
)
def test_p_and_interval_never_contradict_each_other(estimate: float, seeds: float, units: float, few: int) -> None:
    judged = judge_difference(
        Difference(estimate=estimate, seed_parts=[Part(seeds, few)], unit_part=Part(units, 19)), 0.0
    )
    assert judged is not None
    assert (judged.p < 0.05) == (judged.low > 0 or judged.high < 0)
    assert (judged.p < 0.05) == (judged.verdict in ("better", "worse"))


@pytest.mark.parametrize(
    ("interval95", "interval90", "margin", "verdict"),
    [
        ((0.2, 2.0), (0.4, 1.8), 0.5, "better"),
        ((-2.0, -0.2), (-1.8, -0.4), 0.5, "worse"),
        ((-0.2, 2.0), (0.1, 1.8), 0.5, "cannot tell"),
        ((-0.45, 0.45), (-0.4, 0.4), 0.5, "no difference that matters"),
        ((-0.55, 0.5), (-0.45, 0.4), 0.5, "no difference that matters"),
        ((0.1, 0.4), (0.12, 0.38), 0.5, "no difference that matters"),  # significant, and too small to matter
        ((-0.4, -0.1), (-0.38, -0.12), 0.5, "no difference that matters"),
        ((-0.1, 0.1), (-0.05, 0.05), 0.0, "cannot tell"),
        ((-0.6, 0.6), (-0.5, 0.5), 0.5, "cannot tell"),  # the margin itself matters
    ],
)
def test_verdicts(
    interval95: tuple[float, float], interval90: tuple[float, float], margin: float, verdict: str
) -> None:
    assert decide_verdict(interval95, interval90, margin) == verdict


@pytest.mark.parametrize(("seeds_a", "seeds_b", "units"), [(1, 3, 9), (2, 2, 20), (3, 3, 9)])
def test_false_claims_stay_near_five_percent(seeds_a: int, seeds_b: int, units: int) -> None:
    """Two equal settings, seed sd 1.0 and image noise of 0.75: how often is one called better or worse?"""
    generator = np.random.default_rng(seeds_a * 100 + units)
    studies, claims = 600, 0
    for _ in range(studies):
        values = {"a": generator.normal(size=seeds_a).tolist(), "baseline": generator.normal(size=seeds_b).tolist()}
        by_unit = generator.normal(0, 0.75 * math.sqrt(units), size=units)
        difference = np.mean(values["a"]) - np.mean(values["baseline"]) + by_unit.mean()
        parts = combine_seed_parts(pool_seed_noise(values, keep="baseline"), [("a", seeds_a), ("baseline", seeds_b)])
        assert parts is not None
        unit_part = Part(by_unit.var(ddof=1) / units, units - 1)
        judged = judge_difference(Difference(estimate=float(difference), seed_parts=parts, unit_part=unit_part), 0.0)
        assert judged is not None
        claims += judged.verdict in ("better", "worse")
        assert (judged.p < 0.05) == (judged.verdict in ("better", "worse"))
    # 600 studies know it to a standard error of 0.9 %; docs/benchmarks/calibration.md has more of them
    assert 0.01 < claims / studies < 0.08
