from typing import Any

import numpy as np
import pytest
from scipy import stats

from detstudy.analysis.statistics.variance import (
    Part,
    combine_seed_parts,
    estimate_arm_variance,
    estimate_paired_seed_part,
    estimate_unit_part,
    pool_seed_noise,
)

near: Any = pytest.approx  # stands in a record as a number does


def test_seed_variances_are_pooled_by_their_degrees_of_freedom() -> None:
    noise = pool_seed_noise({"baseline": [40.0, 42.0, 41.0], "a": [30.0, 32.0], "b": [50.0]}, keep="baseline")
    # (2 * 1 + 1 * 2) / 3, and a single seed adds nothing
    assert noise.pooled == Part(near(4 / 3), 3)
    assert noise.own == {}


def test_without_a_repeated_setting_the_seed_noise_is_unknown() -> None:
    noise = pool_seed_noise({"baseline": [40.0], "a": [30.0]}, keep="baseline")
    assert noise.pooled is None
    assert combine_seed_parts(noise, [("baseline", 1), ("a", 1)]) is None


def test_a_setting_that_varies_ten_times_as_much_is_not_pooled() -> None:
    steady = {
        name: [40.0 + shift, 41.0 + shift, 40.4 + shift] for shift, name in enumerate(["baseline", "a", "b", "c"])
    }
    noise = pool_seed_noise({**steady, "wild": [5.0, 15.0, 25.0]}, keep="baseline")
    assert noise.own == {"wild": Part(near(100.0), 2)}
    assert noise.pooled == Part(near(np.var([40.0, 41.0, 40.4], ddof=1)), 8)
    ratio = 100.0 / noise.pooled.variance
    assert 2 * stats.f.sf(ratio, 2, 8) < 0.01


def test_of_two_settings_that_differ_the_baseline_stays_in_the_pool() -> None:
    noise = pool_seed_noise({"a": [1.0, 99.0, 50.0, 2.0], "baseline": [40.0, 40.01, 40.02, 40.0]}, keep="baseline")
    assert set(noise.own) == {"a"}
    noise = pool_seed_noise({"a": [40.0, 40.01, 40.02, 40.0], "baseline": [1.0, 99.0, 50.0, 2.0]}, keep="baseline")
    assert set(noise.own) == {"a"}


def test_a_setting_whose_seeds_agree_exactly_is_not_pooled_with_one_that_varies() -> None:
    noise = pool_seed_noise({"baseline": [40.0, 41.0, 42.0], "dead": [0.0, 0.0, 0.0]}, keep="baseline")
    assert noise.own == {"dead": Part(0.0, 2)}
    assert noise.pooled == Part(near(1.0), 2)


def test_arms_that_share_the_pool_are_one_part() -> None:
    noise = pool_seed_noise({"baseline": [40.0, 42.0, 41.0]}, keep="baseline")
    assert combine_seed_parts(noise, [("a", 1), ("baseline", 3)]) == [Part(near(1 + 1 / 3), 2, pooled=True)]


def test_a_setting_that_seems_to_vary_more_is_judged_by_its_own_spread_and_still_counts_in_the_pool() -> None:
    steady = {name: [40.0, 41.0, 40.4] for name in ("baseline", "a", "b", "c")}
    noise = pool_seed_noise({**steady, "lively": [39.0, 40.6, 41.0]}, keep="baseline")
    ratio = np.var([39.0, 40.6, 41.0], ddof=1) / np.var([40.0, 41.0, 40.4], ddof=1)
    assert 0.01 < stats.f.sf(ratio, 2, 8) < 0.1
    assert noise.pooled is not None
    assert noise.pooled.degrees_of_freedom == 10
    own = noise.own["lively"]
    assert own.variance == pytest.approx(np.var([39.0, 40.6, 41.0], ddof=1))
    assert own.degrees_of_freedom == pytest.approx(2 / (1 / 2 + 1 / 10))
    # one that varies less is not the danger
    calm = pool_seed_noise({**steady, "calm": [40.0, 40.3, 40.1]}, keep="baseline")
    assert calm.own == {}
    assert calm.pooled is not None
    assert calm.pooled.degrees_of_freedom == 10


def test_an_arms_variance_is_its_own_where_it_has_one() -> None:
    noise = pool_seed_noise({"baseline": [40.0, 41.0, 42.0], "dead": [0.0, 0.0, 0.0]}, keep="baseline")
    assert estimate_arm_variance(noise, "baseline", 3) == pytest.approx(1 / 3)
    assert estimate_arm_variance(noise, "single", 1) == pytest.approx(1.0)
    assert estimate_arm_variance(noise, "dead", 3) == 0
    assert estimate_arm_variance(pool_seed_noise({"a": [1.0]}, keep="a"), "a", 1) == 0


def test_paired_seeds_need_two_of_them() -> None:
    assert estimate_paired_seed_part([1.0]) is None
    assert estimate_paired_seed_part([1.0, 3.0, 2.0]) == Part(near(1 / 3), 2)


def test_the_bootstrap_of_a_mean_has_the_variance_of_a_mean() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=9)
    draws = generator.multinomial(9, np.full(9, 1 / 9), size=4000) @ values / 9
    part = estimate_unit_part(draws, 9)
    assert part is not None
    assert part.variance == pytest.approx(values.var(ddof=1) / 9, rel=0.08)
    assert part.degrees_of_freedom == pytest.approx(8, abs=0.05)


def test_a_statistic_that_rests_on_one_unit_has_no_variance() -> None:
    draws = np.arange(100.0)
    assert estimate_unit_part(draws, 1) is None
    draws[:4] = np.nan
    assert estimate_unit_part(draws, 5) is not None
    draws[:6] = np.nan
    assert estimate_unit_part(draws, 5) is None
