"""How a run was tried before: what its failed attempts leave to be tried, and with which micro-batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detstudy.ledger.shapes import keep_readable
from detstudy.study.study import Study

MAX_ATTEMPTS = 3
"""How often a training is tried before its crash stands."""

KEPT = ("outcome", "reason", "measures", "effective")

LIMIT_HOURS = "limit_hours"
LIMIT_MEMORY = "limit_memory_bytes"
"""The effective values that tell the limit of the study (limits.hours, limits.memory) at which an attempt ended."""


def list_attempts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a result's attempts, first to last, each with outcome, reason, measures and effective values."""
    last = {key: result[key] for key in KEPT if key in result}
    return [*result.get("earlier", []), last]


def may_try_again(result: dict[str, Any], load_study: Callable[[], Study]) -> bool:
    """Whether a training that ended so is to be tried again, by the study as it stands now.

    A crash and a run without progress are tried MAX_ATTEMPTS times in all; a run that ended at a limit of the study
    again once that has risen; one out of memory in training with a smaller micro-batch, where the study accumulates and
    there is one.
    """
    outcome, effective = result["outcome"], _read_effective(result)
    if _has_more_room(result, load_study):
        return True
    if outcome == "out_of_memory":
        training = effective.get("out_of_memory_in", "training") == "training"
        return training and find_largest_micro_batch(result, load_study) is not None
    if outcome not in ("crashed", "timed_out") or LIMIT_HOURS in effective:
        return False
    expected = [attempt for attempt in list_attempts(result) if _is_expected(attempt)]
    return bool(result["attempts"] - len(expected) < MAX_ATTEMPTS)


def may_evaluate_again(result: dict[str, Any], load_study: Callable[[], Study]) -> bool:
    """Whether an evaluation that ended so is tried again: after a fault, or when the memory's limit has risen."""
    fault = result["outcome"] in ("crashed", "timed_out")
    return (fault and result["attempts"] < MAX_ATTEMPTS) or _has_more_room(result, load_study)


def list_shortages(result: dict[str, Any], load_study: Callable[[], Study]) -> list[dict[str, Any]]:
    """Return the attempts that ran out of memory and would again: not those at a limit that has risen since."""
    shortages = [attempt for attempt in list_attempts(result) if attempt["outcome"] == "out_of_memory"]
    return [attempt for attempt in shortages if not _has_more_room(attempt, load_study)]


def find_largest_micro_batch(result: dict[str, Any], load_study: Callable[[], Study]) -> int | None:
    """Return half of the smallest micro-batch that is too large for memory, rounded up.

    None where none is known to be, where one image is, and where the study does not accumulate.
    """
    shortages = list_shortages(result, load_study)
    tried = [size for attempt in shortages if (size := _read_effective(attempt).get("micro_batch_size"))]
    if not tried or min(tried) == 1 or load_study().on_out_of_memory != "accumulate":
        return None
    return int((min(tried) + 1) // 2)


def _is_expected(attempt: dict[str, Any]) -> bool:
    """Whether an attempt ended by memory or by its hours, which says nothing of a fault."""
    return attempt["outcome"] == "out_of_memory" or LIMIT_HOURS in _read_effective(attempt)


def _read_effective(attempt: dict[str, Any]) -> dict[str, Any]:
    return keep_readable(attempt.get("effective", {}))


def _has_more_room(attempt: dict[str, Any], load_study: Callable[[], Study]) -> bool:
    """Whether an attempt ended at a limit of the study that is higher now, or gone."""
    effective = _read_effective(attempt)
    if attempt["outcome"] == "timed_out" and LIMIT_HOURS in effective:
        then, now = effective[LIMIT_HOURS], load_study().limits.hours
    elif attempt["outcome"] == "out_of_memory" and LIMIT_MEMORY in effective:
        then, now = effective[LIMIT_MEMORY], load_study().limits.memory
    else:
        return False
    return now is None or bool(now > then)
