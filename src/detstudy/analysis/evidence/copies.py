"""Runs whose results are too alike to be two trainings."""

from __future__ import annotations

from collections.abc import Iterable

from detstudy.ledger import RunRecord
from detstudy.study.study import MEASURES

FEWEST_TELLING = 3
"""Equal AP measures, neither 0 nor 100, from which two runs look copied: what finds nothing has 0 everywhere."""

Cells = tuple[float | None, ...]
"""AP measures of a run, in the order of MEASURES."""


def drop_copies(runs: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """Return the runs of one setting without those that repeat another's AP measures to the last digit.

    Such a run tells nothing of the seeds' noise: counted, it would make that look smaller, down to none at all.
    """
    kept: dict[Cells | str, RunRecord] = {}
    for run in runs:
        cells = read_cells(run)
        kept.setdefault(cells if is_telling(cells) else run.id, run)
    return tuple(kept.values())


def read_cells(run: RunRecord) -> Cells:
    """Return a run's AP measures; None where it has none."""
    found = [run.measures.get(name) for name in MEASURES]
    return tuple(measure.value if measure else None for measure in found)


def is_telling(cells: Cells) -> bool:
    """Whether chance can't make another run the same in all of them."""
    return sum(value is not None and 0 < value < 100 for value in cells) >= FEWEST_TELLING
