"""Durations as a person writes them: 3d, 12h, 1h30min."""

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
