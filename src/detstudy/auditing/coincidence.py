"""How likely it is that trainings of their own show the same numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import combinations

from detstudy.auditing.published import PublishedTable, Row

SHARED = 2.0
"""Cells of a row move together: where some agree, others do more easily. Each one's chance is taken times this."""

_ROUND = (5, 10, 30, 60, 100, 300, 600, 900, 1800, 3600)


def rate_columns(table: PublishedTable) -> dict[str, float]:
    """Return by measure the chance that two rows show the same number, from how the column scatters.

    Two draws of a normal distribution with standard deviation s, rounded to steps h, agree with probability
    h / (2 s sqrt(pi)). s comes from the median difference of two rows (0.954 s), which a few far rows do not move;
    then times SHARED, and at least 1 %. Columns with fewer than three numbers are taken to scatter by 0.5 AP.
    """
    chances = {}
    for name in table.measures:
        cells = [row.cells[name] for row in table.rows if row.cells[name].value is not None]
        values = [cell.value for cell in cells if cell.value is not None]
        gaps = [abs(a - b) for a, b in combinations(values, 2)]
        spread = statistics.median(gaps) / 0.954 if len(values) > 2 else 0.5
        step = max((cell.step for cell in cells), default=0.1)
        chance = step / (2 * spread * math.sqrt(math.pi)) if spread else 1.0
        chances[name] = min(0.9, max(0.01, SHARED * chance))
    return chances


def list_shared(a: Row, b: Row) -> tuple[list[str], list[str]]:
    """Return the measures in which two rows show the same number, and all those that both have."""
    common = [name for name in a.cells if a.cells[name].value is not None and b.cells[name].value is not None]
    return [name for name in common if a.cells[name].value == b.cells[name].value], common


def add_tail(chances: Sequence[float], least: int) -> float:
    """Return the probability that at least so many of independent events happen (Poisson binomial)."""
    counts = [1.0]
    for chance in chances:
        padded = [*counts, 0.0]
        counts = [padded[n] * (1 - chance) + (padded[n - 1] * chance if n else 0) for n in range(len(padded))]
    return min(1.0, sum(counts[least:]))


def rate_times(times: Sequence[float], step: float) -> float:
    """Return the chance that some two of the times are equal to the step.

    Times within 3 % are taken to be of equal work and to scatter by 1 % (standard deviation); others can't agree.
    """
    expected = 0.0
    for a, b in combinations(times, 2):
        if abs(a - b) <= 0.03 * max(a, b) and a > 0:
            expected += min(1.0, step / (2 * 0.01 * max(a, b) * math.sqrt(math.pi)))
    return 1 - math.exp(-expected)


def find_step(times: Sequence[float], step: float) -> float:
    """Return the step that times seem rounded to, in seconds: 300 for 3600, 6900 and 7200, whatever their digits."""
    whole = [round(time / step) for time in times]
    rounded = [size for size in _ROUND if len(set(whole)) > 1 and all(time % size == 0 for time in whole)]
    return max(rounded, default=1) * step


def add_poisson_tail(seen: int, expected: float) -> float:
    """Return the probability of seeing so many events, or more, of so many expected."""
    from scipy.special import gammainc

    return float(gammainc(seen, expected)) if seen else 1.0
