"""Durations in words: "48 s", "7 min", "3 h 20 min"; importable by every package."""

from __future__ import annotations

import math
import re

UNITS = {"d": 86400, "h": 3600, "min": 60}


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as 3d, 12h, 90min or 1h30min; None where it is none."""
    match = re.fullmatch(r"\s*".join(rf"(?:(\d+(?:\.\d+)?)\s*{unit})?" for unit in UNITS), text.strip())
    seconds = (
        sum(float(n or 0) * scale for n, scale in zip(match.groups(), UNITS.values(), strict=True)) if match else 0
    )
    return seconds if 0 < seconds < math.inf else None


def format_duration(seconds: float) -> str:
    """Return a duration as a person says it: 48 s, 7 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
