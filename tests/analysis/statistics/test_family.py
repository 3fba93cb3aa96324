import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detstudy.analysis.statistics.contrast import Difference, judge_difference
from detstudy.analysis.statistics.family import bound_regret, correlate_contrasts, judge_family, simulate_smallest_p
from detstudy.analysis.statistics.variance import Part

NO_IMAGE_NOISE = Part(0.0, 19)


def correlate_equally(count: int, correlation: float) -> np.ndarray:
    return np.full((count, count), correlation) + (1 - correlation) * np.eye(count)


def make_differences(estimates: list[float], freedom: float, variance: float = 2 / 3) -> list[Difference]:
    parts = [Part(variance, freedom, pooled=True)]
    return [Difference(estimate=value, seed_parts=parts, unit_part=NO_IMAGE_NOISE) for value in estimates]


def test_a_family_of_one_is_judged_as_on_its_own() -> None:
    difference = Difference(estimate=2.0, seed_parts=[Part(0.5, 4, pooled=True)], unit_part=Part(0.3, 19))
    assert judge_family([difference], np.ones((1, 1)), 0.5) == [judge_difference(difference, 0.5)]
    assert judge_family([], None, 0.5) == []


@pytest.mark.parametrize(
    ("settings_", "freedom", "published"),
    [(2, 6, 2.86), (4, 10, 2.89), (4, 20, 2.65), (8, 18, 2.95)],
)
def test_with_equal_seeds_and_no_image_noise_it_is_dunnetts_test(
    settings_: int, freedom: int, published: float
) -> None:
    """The two-sided 5 % points of Dunnett (1964), correlation one half."""
    judged = judge_family(make_differences([1.0] * settings_, freedom), correlate_equally(settings_, 0.5), 0.0)[0]
    assert judged is not None
    assert (judged.high - judged.estimate) / judged.standard_error == pytest.approx(published, rel=0.012)


def test_adjusted_p_are_those_of_dunnetts_test() -> None:
    generator = np.random.default_rng(5)
    control, *others = (generator.normal(mean, 1.0, size=4) for mean in (0.0, 0.3, 1.5, 2.5))
    groups = [control, *others]
    freedom = sum(len(group) - 1 for group in groups)
    variance = sum(group.var(ddof=1) * (len(group) - 1) for group in groups) / freedom * 2 / 4
    differences = make_differences([group.mean() - control.mean() for group in others], freedom, variance)
    judged = judge_family(differences, correlate_equally(3, 0.5), 0.0)
    oracle = stats.dunnett(*others, control=control, rng=np.random.default_rng(0))
    assert [found.p for found in judged if found] == pytest.approx(oracle.pvalue, rel=0.05, abs=0.004)


def test_what_is_the_same_costs_nothing_and_what_is_independent_nearly_as_much_as_bonferroni() -> None:
    differences = make_differences([1.0, 1.0, 1.0], 10)
    same = judge_family(differences, np.ones((3, 3)), 0.0)[0]
    assert same is not None
    assert same.alpha == pytest.approx(0.05)
    apart = [Difference(estimate=1.0, seed_parts=[], unit_part=Part(1.0, 19)) for _ in range(3)]
    independent = judge_family(apart, None, 0.0)[0]
    assert independent is not None
    assert independent.alpha == pytest.approx(1 - 0.95 ** (1 / 3), rel=0.04)


@settings(max_examples=25, deadline=None)
@given(
    estimates=st.lists(st.floats(-8, 8), min_size=2, max_size=5),
    seeds=st.floats(0.01, 5),
    units=st.floats(0.01, 5),
    freedom=st.integers(1, 12),
    shared=st.floats(0, 0.95),
)
def test_adjusted_p_and_simultaneous_interval_never_contradict_each_other(
    estimates: list[float], seeds: float, units: float, freedom: int, shared: float
) -> None:
    differences = [
        Difference(
            estimate=value,
            seed_parts=[Part(seeds * (n + 1), freedom, pooled=n != 1)],
            unit_part=Part(units, 19),
        )
        for n, value in enumerate(estimates)
    ]
    for difference, judged in zip(
        differences, judge_family(differences, correlate_equally(len(estimates), shared), 0.0), strict=True
    ):
        assert judged is not None
        alone = judge_difference(difference, 0.0)
        assert alone is not None
        assert (judged.p < 0.05) == (judged.low > 0 or judged.high < 0)
        assert alone.p <= judged.p <= len(estimates) * alone.p + 1e-12
        assert judged.low <= alone.low
        assert judged.high >= alone.high


def test_the_adjusted_p_rises_with_p() -> None:
    smallest = simulate_smallest_p(make_differences([0.0] * 4, 4), correlate_equally(4, 0.5), one_sided=False)
    grid = np.linspace(0, 1, 4001)
    adjusted = np.array([smallest.adjust(p) for p in grid])
    assert adjusted[0] == 0
    assert adjusted[-1] == 1
    assert (np.diff(adjusted) >= 0).all()
    assert smallest.adjust(smallest.find_alpha(0.05)) == pytest.approx(0.05)


def test_a_difference_without_any_noise_is_not_judged_and_does_not_count() -> None:
    still = Difference(estimate=0.0, seed_parts=[Part(0.0, 4)], unit_part=NO_IMAGE_NOISE)
    one = Difference(estimate=2.0, seed_parts=[Part(0.5, 4)], unit_part=Part(0.3, 19))
    assert judge_family([still, one], np.eye(2), 0.5) == [None, judge_difference(one, 0.5)]


def test_equivalence_is_each_ones_own_whatever_the_family() -> None:
    differences = make_differences([0.1] * 6, 40, variance=0.01)
    judged = judge_family(differences, correlate_equally(6, 0.5), 0.3)
    assert [found.verdict for found in judged if found] == ["no difference that matters"] * 6


def test_contrasts_correlate_by_what_their_baseline_and_their_units_share() -> None:
    generator = np.random.default_rng(0)
    common, *own = generator.normal(size=(3, 20_000))
    draws = np.stack([own[0] - common, own[1] - common], axis=1)
    unit_part = Part(2.0 * 20 / 19, 19)
    differences = [Difference(estimate=0.0, seed_parts=[Part(4 / 3, 4)], unit_part=unit_part) for _ in range(2)]
    draws[0, 0] = np.nan
    correlation = correlate_contrasts(differences, 1 / 3, draws, 20)
    expected = (1 / 3 + 20 / 19) / (4 / 3 + 2 * 20 / 19)
    assert correlation == pytest.approx(np.array([[1, expected], [expected, 1]]), abs=0.01)
    apart = correlate_contrasts(differences, np.zeros((2, 2)), draws, 20)
    assert apart[0, 1] == pytest.approx(20 / 19 / (4 / 3 + 2 * 20 / 19), abs=0.01)


def test_the_bound_on_regret_is_dunnetts_one_sided_one() -> None:
    """Dunnett (1955): the one-sided 5 % point for four settings and ten degrees of freedom is 2.47."""
    differences = make_differences([-1.0, 0.2, -3.0, -0.5], 10)
    error = differences[0].standard_error
    assert bound_regret(differences, correlate_equally(4, 0.5)) == pytest.approx(0.2 + 2.47 * error, rel=0.01)


def test_regret_is_never_negative() -> None:
    assert bound_regret([], None) == 0
    assert bound_regret(make_differences([-50.0], 10), None) == 0
    still = Difference(estimate=0.4, seed_parts=[], unit_part=NO_IMAGE_NOISE)
    assert bound_regret([still, *make_differences([-50.0], 10)], None) == 0.4


def test_a_bound_on_one_other_setting_is_the_upper_end_of_its_90_percent_interval() -> None:
    difference = Difference(estimate=-0.2, seed_parts=[Part(0.5, 4)], unit_part=Part(0.3, 19))
    reach = stats.t.ppf(0.95, difference.degrees_of_freedom) * difference.standard_error
    assert bound_regret([difference], None) == pytest.approx(-0.2 + reach)


def test_the_chosen_best_loses_more_than_its_bound_in_few_studies() -> None:
    """Five settings, truths about as far apart as the noise, the best mean chosen: it must hold in 95 %."""
    generator = np.random.default_rng(11)
    studies, lost = 150, 0
    for _ in range(studies):
        truth = generator.normal(0, 0.6, size=5)
        values = truth[:, None] + generator.normal(size=(5, 3))
        means, variance = values.mean(axis=1), values.var(axis=1, ddof=1).mean() * 2 / 3
        chosen = int(means.argmax())
        others = [float(mean - means[chosen]) for n, mean in enumerate(means) if n != chosen]
        bound = bound_regret(make_differences(others, 10, variance), correlate_equally(4, 0.5))
        lost += truth.max() - truth[chosen] > bound
    assert lost / studies < 0.06
