"""Sizes of memory as a person writes them: 11GiB, 900MiB."""

from __future__ import annotations

import math
import re

MIB, GIB = 2**20, 2**30
UNITS = {"MiB": MIB, "GiB": GIB, "MB": 10**6, "GB": 10**9}


def parse_size(text: str) -> int | None:
    """Return the bytes that a text such as 11GiB or 900MiB means; None for anything else and for nothing."""
    match = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*({'|'.join(UNITS)})\s*", text)
    size = float(match[1]) * UNITS[match[2]] if match else 0.0
    return int(size) or None if math.isfinite(size) else None
