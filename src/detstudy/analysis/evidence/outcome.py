"""Runs without a result, and why they have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.note import SeedsLeftOut
from detstudy.analysis.facts.reason import WithoutResult
from detstudy.analysis.facts.setting import About
from detstudy.ledger import RunRecord


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
