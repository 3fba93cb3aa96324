"""How a run was tried before: what its failed attempts leave to be tried, and with which micro-batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detstudy.study import Study

MAX_ATTEMPTS = 3
"""How often a training is tried before its crash stands."""

KEPT = ("outcome", "reason", "measures", "effective")


def list_attempts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a result's attempts, first to last, each with outcome, reason, measures and effective values."""
    last = {key: result[key] for key in KEPT if key in result}
    return [*result.get("earlier", []), last]


def may_try_again(result: dict[str, Any], load_study: Callable[[], Study]) -> bool:
    """Whether a training that ended so is to be tried again, by the study as it stands now.

    A crash and a run without progress are tried MAX_ATTEMPTS times in all; a run over its hours again once the limit
    has risen; one out of memory in training with a smaller micro-batch, where the study accumulates and there is one.
    """
    outcome, effective = result["outcome"], result.get("effective", {})
    if outcome == "out_of_memory":
        splits = find_largest_micro_batch(result) is not None
        training = effective.get("out_of_memory_in", "training") == "training"
        return splits and training and load_study().on_out_of_memory == "accumulate"
    limit = effective.get("limit_hours")
    if outcome == "timed_out" and limit is not None:
        hours = load_study().limits.hours
        return hours is None or hours > limit
    if outcome not in ("crashed", "timed_out"):
        return False
    expected = [attempt for attempt in list_attempts(result) if _is_expected(attempt)]
    return bool(result["attempts"] - len(expected) < MAX_ATTEMPTS)


def find_largest_micro_batch(result: dict[str, Any] | None) -> int | None:
    """Return half of the smallest micro-batch that ran out of memory, rounded up; None where none did, or 1 did."""
    if result is None:
        return None
    tried = [
        attempt["effective"]["micro_batch_size"]
        for attempt in list_attempts(result)
        if attempt["outcome"] == "out_of_memory" and attempt.get("effective", {}).get("micro_batch_size")
    ]
    return (min(tried) + 1) // 2 if tried and min(tried) > 1 else None


def _is_expected(attempt: dict[str, Any]) -> bool:
    """Whether an attempt ended by memory or by its hours, which says nothing of a fault."""
    return attempt["outcome"] == "out_of_memory" or "limit_hours" in attempt.get("effective", {})
