"""A setting's runs: which have a result, why others have none, and which are too alike to be two trainings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.reason import SeedsLeftOut, WithoutResult
from detstudy.analysis.facts.setting import About
from detstudy.ledger import RunRecord
from detstudy.study.study import MEASURES

FEWEST_TELLING = 3
"""Equal AP measures, neither 0 nor 100, from which two runs look copied: what finds nothing has 0 everywhere."""

Cells = tuple[float | None, ...]
"""AP measures of a run, in the order of MEASURES."""


def name_state(run: RunRecord) -> str:
    """Return a run's outcome, or "planned" or "running" where it has not ended."""
    return run.outcome if run.state == "ended" and run.outcome else run.state


def count_states(runs: Sequence[RunRecord]) -> dict[str, int]:
    """Return how many runs there are by outcome or state."""
    return dict(Counter(name_state(run) for run in runs))


def explain_run(run: RunRecord) -> WithoutResult:
    """Return why a run has no result."""
    return WithoutResult(name_state(run), run.reason)


def find_failure(runs: Sequence[RunRecord]) -> Fact:
    """Return why a setting has no result: the first run's reason, one that ended before one that did not."""
    unfinished = [run for run in runs if run.outcome != "finished"]
    return (
        explain_run(min(unfinished, key=lambda run: run.state != "ended"))
        if unfinished
        else WithoutResult("not_planned", None)
    )


def list_unfinished(setting: Fact, runs: Sequence[RunRecord]) -> tuple[Fact, ...]:
    """Return a note where some runs of a setting have no result, with their reasons; none where all finished."""
    reasons = Counter(explain_run(run) for run in runs if run.outcome != "finished")
    return (About(setting, SeedsLeftOut(len(runs), tuple(reasons.items()))),) if reasons else ()


def drop_copies(runs: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """Return the runs of one setting without those that repeat another's AP measures to the last digit.

    Such a run says nothing about the seeds' noise: if it counted, the noise would look smaller, or be 0.
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
