"""Runs without a result, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from detstudy.ledger import RunRecord
from detstudy.wording.labels import label_outcome


def name_state(run: RunRecord) -> str:
    """Return a run's outcome, or "planned" or "running" where it has not ended."""
    return run.outcome if run.state == "ended" and run.outcome else run.state


def count_states(runs: Sequence[RunRecord]) -> dict[str, int]:
    """Return how many runs there are by outcome or state."""
    return dict(Counter(name_state(run) for run in runs))


def describe_run(run: RunRecord) -> str:
    """Return why a run has no result: "out of memory at 11.2 GiB", "diverged: loss is not finite", "not run yet"."""
    if run.state != "ended":
        return run.reason or {"planned": "not run yet", "running": "still running"}[run.state]
    outcome = label_outcome(name_state(run))
    if not run.reason:
        return outcome
    return run.reason if run.reason.lower().startswith(outcome) else f"{outcome}: {run.reason}"


def describe_failure(runs: Sequence[RunRecord]) -> str:
    """Return why a setting has no result: the first run's reason, one that ended before one that did not."""
    unfinished = [run for run in runs if run.outcome != "finished"]
    if not unfinished:
        return "no run is planned"
    return describe_run(min(unfinished, key=lambda run: run.state != "ended"))


def list_unfinished(label: str, runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return a note where some runs of a setting have no result, with their reasons; none where all finished."""
    reasons = Counter(describe_run(run) for run in runs if run.outcome != "finished")
    if not reasons:
        return ()
    listed = "; ".join(f"{number} {reason}" for reason, number in reasons.items())
    return (f"{label}: {sum(reasons.values())} of {len(runs)} seeds left out ({listed})",)
