"""The one way to say each number: AP, counts, p, times, sizes, ratios and intervals; every package may import it.

Minus signs are true ones; None is a dash where a table may hold it, never 0.
"""

from __future__ import annotations

from collections.abc import Callable

from detstudy.study.size import GIB, MIB

DASH = "–"


def format_ap(value: float | None, sd: float | None = None) -> str:
    """Return AP points with one decimal: "39.3", "39.3 ± 0.4" with a standard deviation over seeds."""
    if value is None:
        return DASH
    text = _sign(value, f"{abs(value):.1f}", "")
    return text if sd is None else f"{text} ± {sd:.1f}"


def format_change(value: float | None) -> str:
    """Return a difference of AP: "+1.2", "−0.8", "0.0"."""
    return DASH if value is None else _sign(value, f"{abs(value):.1f}")


def format_interval(low: float | None, high: float | None, form: Callable[[float], str] = format_change) -> str:
    """Return the interval of a difference, "−0.3 to +2.7"; "" where there is none."""
    return "" if low is None or high is None else f"{form(low)} to {form(high)}"


def describe_interval(
    low: float, high: float, form: Callable[[float], str] = format_change, confidence: int = 95
) -> str:
    """Return an interval in a sentence: "95 %: −0.3 to +2.7"."""
    return f"{confidence} %: {format_interval(low, high, form)}"


def format_p(p: float) -> str:
    """Return "p 0.003", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def format_rate(value: float | None) -> str:
    """Return a mean count, as of errors an image: "0", "0.034", "0.21", "3.46", "12.3", "1,204"."""
    if value is None:
        return DASH
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    text = f"{value:,.{digits}f}"
    return text if text.strip("0.") else "0"


def format_rate_change(value: float) -> str:
    """Return a difference of mean counts: "−0.20", "+0.034", "0"."""
    return _sign(value, format_rate(abs(value)))


def format_time(seconds: float | None) -> str:
    """Return a time with two or three digits: "31.2 ms", "3.4 s", "57 s", "1 min 52 s", "1 h 56 min"."""
    if seconds is None:
        return DASH
    if not seconds:
        return "0 s"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole, units = (round(seconds), ("min", "s")) if seconds < 3599.5 else (round(seconds / 60), ("h", "min"))
    return " ".join(f"{number:,} {unit}" for number, unit in zip(divmod(whole, 60), units, strict=True) if number)


def quote_seconds(seconds: float) -> str:
    """Return a time of a published table to its last second, "6,972 s", where digits are the evidence."""
    return f"{seconds:,.0f} s"


def format_time_change(seconds: float) -> str:
    """Return a difference of times: "+12.3 ms", "−1 min 52 s"."""
    return _sign(seconds, format_time(abs(seconds)))


def format_size(size: float | None) -> str:
    """Return memory: "812 MiB", "11.2 GiB"."""
    if size is None:
        return DASH
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / MIB:,.0f} MiB"


def format_cost(value: float, unit: str) -> str:
    """Return a cost by its unit ("s", "bytes" or "s an image"): "1 h 56 min", "1.3 GiB", "29.1 ms an image"."""
    if unit == "bytes":
        return format_size(value)
    return format_time(value) if unit == "s" else f"{format_time(value)} an image"


def format_ratio(ratio: float) -> str:
    """Return how often a cost holds another: "×0.88", "×2.30"."""
    return f"×{ratio:.2f}"


def format_share(share: float) -> str:
    """Return a share of 1 in percent: "62 %"."""
    return f"{_sign(share, f'{abs(100 * share):.0f}', '')} %"


def rounds_to_nothing(points: float) -> bool:
    """Whether so many AP read "0.0"."""
    return not float(f"{points:.1f}")


def _sign(value: float, text: str, plus: str = "+") -> str:
    """Return an absolute value's text with the value's sign; none where it rounds to nothing."""
    if not any(digit in text for digit in "123456789"):
        return text
    return f"−{text}" if value < 0 else f"{plus}{text}"
