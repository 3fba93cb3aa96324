"""Each number is said one way."""

from __future__ import annotations

import pytest

from detstudy.numbers import (
    describe_interval,
    format_ap,
    format_change,
    format_cost,
    format_interval,
    format_p,
    format_rate,
    format_rate_change,
    format_ratio,
    format_share,
    format_size,
    format_time,
    format_time_change,
)


def test_a_missing_value_is_a_dash_and_never_zero() -> None:
    assert {form(None) for form in (format_ap, format_change, format_time, format_size, format_rate)} == {"–"}
    assert format_interval(None, 1.0) == ""


def test_ap_shows_one_decimal_and_the_seeds_spread() -> None:
    assert [format_ap(39.26), format_ap(39.26, 0.44), format_ap(-3.26)] == ["39.3", "39.3 ± 0.4", "−3.3"]


@pytest.mark.parametrize(("value", "text"), [(0.44, "+0.4"), (-1.25, "−1.2"), (-0.04, "0.0"), (0.0, "0.0")])
def test_changes_have_a_sign_unless_they_round_to_nothing(value: float, text: str) -> None:
    assert format_change(value) == text


def test_an_interval_always_carries_its_signs() -> None:
    assert format_interval(-0.3, 2.71) == "−0.3 to +2.7"
    assert describe_interval(-37.6, -32.8) == "95 %: −37.6 to −32.8"
    assert describe_interval(0.4, 2.9, confidence=90) == "90 %: +0.4 to +2.9"
    assert describe_interval(-0.2, -0.04, format_rate_change) == "95 %: −0.20 to −0.040"


def test_p_is_said_down_to_a_thousandth() -> None:
    assert [format_p(0.0312), format_p(0.0004)] == ["p 0.031", "p < 0.001"]


def test_mean_counts_keep_two_or_three_digits() -> None:
    assert [format_rate(value) for value in (0.0, 0.0001, 0.0344, 0.21, 3.456, 12.34, 1204.4)] == [
        "0",
        "0",
        "0.034",
        "0.21",
        "3.46",
        "12.3",
        "1,204",
    ]
    assert [format_rate_change(value) for value in (-0.2, 0.2, 0.0, -0.0001)] == ["−0.20", "+0.20", "0", "0"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.0312, "31.2 ms"),
        (0.9996, "1.0 s"),
        (3.36, "3.4 s"),
        (9.96, "10 s"),
        (57.2, "57 s"),
        (59.7, "1 min"),
        (112.3, "1 min 52 s"),
        (3599.7, "1 h"),
        (6972.0, "1 h 56 min"),
        (360_000.0, "100 h"),
    ],
)
def test_a_time_has_two_or_three_digits(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


def test_costs_have_units() -> None:
    costs = [(6972, "s"), (812 * 2**20, "bytes"), (0.0291, "s an image")]
    assert [format_cost(*cost) for cost in costs] == ["1 h 56 min", "812 MiB", "29.1 ms an image"]
    assert [format_size(size) for size in (2.1 * 2**30, 3000 * 10**9)] == ["2.1 GiB", "2,794.0 GiB"]
    assert [format_time_change(0.0123), format_time_change(-112)] == ["+12.3 ms", "−1 min 52 s"]
    assert [format_ratio(0.876), format_share(0.62)] == ["×0.88", "62 %"]
