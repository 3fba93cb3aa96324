"""Numbers as a reader wants them: AP with one decimal, true minus signs, units, and a dash where there is no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detstudy.plan import format_level
from detstudy.study.size import format_size
from detstudy.wording.labels import format_change, format_points

DASH = "–"


def format_ap(value: float | None, sd: float | None = None) -> str:
    """Return "39.3", "39.3 ± 0.4" with a seed standard deviation, or a dash."""
    if value is None:
        return DASH
    text = format_points(value)
    return text if sd is None else f"{text} ± {sd:.1f}"


def format_difference(value: float | None) -> str:
    """Return "+1.2", "−0.8", "0.0", or a dash."""
    return DASH if value is None else format_change(value)


def format_interval(low: float | None, high: float | None) -> str:
    """Return "−0.3 to +2.7", or nothing where there is no interval."""
    return "" if low is None or high is None else f"{format_difference(low)} to {format_difference(high)}"


def format_seconds(value: float | None) -> str:
    """Return "0.031 s", "71.2 s", "6,972 s", or a dash: one unit, so that rows compare."""
    if value is None:
        return DASH
    if value < 1:
        return f"{value:.3g} s"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def format_bytes(value: float | None) -> str:
    """Return "812 MiB" or "11.2 GiB", or a dash."""
    return DASH if value is None else format_size(value)


def format_count(value: float | None) -> str:
    """Return a mean count: "0.21", "3.4", "1,204", or a dash."""
    if value is None:
        return DASH
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def format_ratio(value: float | None, base: float | None) -> str:
    """Return how a cost compares with the baseline's: "as much as", "12 % less than", "2.3 times". "" if unknown."""
    if value is None or not base:
        return ""
    ratio = value / base
    if abs(ratio - 1) < 0.02:
        return "as much as the baseline"
    if ratio >= 2:
        return f"{ratio:.1f} times the baseline's"
    return f"{abs(ratio - 1):.0%}".replace("%", " %") + f" {'more' if ratio > 1 else 'less'} than the baseline"


def format_value(value: Any) -> str:
    """Return any JSON value on one line, floats with six digits."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(format_value(item) for item in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return DASH if value is None else format_level(value)
