"""Numbers of JSON files, or of what a trainer hands over, where numpy's may stand for Python's."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST_INTEGER = 2**63 - 1
LARGEST_FLOAT = 1e150  # its square, an area, is a float too
_NUMBERS: tuple[type[Any], ...] = (float, int, np.floating, np.integer)


def read_integer(value: object) -> int | None:
    """Return a whole number of 64 bits, as pycocotools and every array keep ids; None for anything else.

    3.0 is one (some exporters write so), true is not.
    """
    if isinstance(value, float | np.floating | np.integer) and value == value // 1:
        value = int(value)
    # (the type, not isinstance: every annotation comes here three times)
    return value if type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER else None


def is_number(value: object) -> bool:
    """Whether the value is a number, neither infinite nor NaN, with a square that fits a float; true is none."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and -LARGEST_FLOAT < value < LARGEST_FLOAT
