"""Settings and levels as a person writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BASELINE = "baseline"


def name_setting(levels: Mapping[str, Any]) -> str:
    """Return "baseline", or the levels as name=value, sorted by name."""
    return ",".join(f"{name}={format_level(levels[name])}" for name in sorted(levels)) or BASELINE


def format_level(level: Any) -> str:
    """Return a level as a person writes it: 0.001, warmup_cosine, [0.7 0.9], null, true."""
    if level is None or isinstance(level, bool):
        return {None: "null", True: "true", False: "false"}[level]
    if isinstance(level, float):
        return f"{level:g}" if float(f"{level:g}") == level else repr(level)
    if isinstance(level, (tuple, list)):
        return "[" + " ".join(format_level(item) for item in level) + "]"
    return str(level)
