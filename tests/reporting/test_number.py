"""Numbers as texts."""

from __future__ import annotations

from detstudy.reporting.number import (
    format_ap,
    format_bytes,
    format_difference,
    format_interval,
    format_ratio,
    format_seconds,
    format_value,
)


def test_a_missing_value_is_a_dash_and_never_zero() -> None:
    assert {format_ap(None), format_difference(None), format_seconds(None), format_bytes(None)} == {"–"}
    assert format_value(None) == "–"
    assert format_interval(None, 1.0) == ""


def test_ap_shows_one_decimal_and_the_seeds_spread() -> None:
    assert format_ap(39.26) == "39.3"
    assert format_ap(39.26, 0.44) == "39.3 ± 0.4"


def test_differences_carry_their_sign_but_nothing_has_none() -> None:
    assert [format_difference(x) for x in (1.23, -0.84, 0.04, -0.04)] == ["+1.2", "−0.8", "0.0", "0.0"]
    assert format_interval(-0.3, 2.71) == "−0.3 to +2.7"


def test_costs_have_units() -> None:
    assert [format_seconds(x) for x in (0.0312, 71.24, 6972)] == ["0.0312 s", "71.2 s", "6,972 s"]
    assert [format_bytes(x) for x in (812 * 2**20, 11.2 * 2**30)] == ["812 MiB", "11.2 GiB"]


def test_a_cost_is_compared_in_words() -> None:
    assert format_ratio(101, 100) == "as much as the baseline"
    assert format_ratio(88, 100) == "12 % less than the baseline"
    assert format_ratio(150, 100) == "50 % more than the baseline"
    assert format_ratio(230, 100) == "2.3 times the baseline's"
    assert format_ratio(1, None) == ""


def test_any_json_value_fits_on_a_line() -> None:
    assert format_value({"torch": "2.11", "cuda": None}) == "torch 2.11, cuda –"
    assert format_value([0.1, 12_000, True]) == "0.1, 12,000, true"
