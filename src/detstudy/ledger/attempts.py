"""How a run was tried before: what its failed attempts leave to be tried, and with which micro-batch."""

from __future__ import annotations

from collections.abc import Callable

from detstudy.ledger.effective import read_effective
from detstudy.ledger.records import Attempt, Result
from detstudy.study.study import Study

MAX_ATTEMPTS = 3
"""How often a training is tried before its crash is final."""


def list_attempts(result: Result) -> tuple[Attempt, ...]:
    """Return a result's attempts, first to last."""
    last = Attempt(outcome=result.outcome, reason=result.reason, measures=result.measures, effective=result.effective)
    return (*result.earlier, last)


def may_try_again(result: Result, load_study: Callable[[], Study]) -> bool:
    """Whether a training that ended so is to be tried again, by the study as it is now.

    A crash and a run without progress are tried MAX_ATTEMPTS times in all; a run that ended at a limit of the study
    again once that has risen; one out of memory in training with a smaller micro-batch, where the study accumulates and
    there is one.
    """
    outcome, effective = result.outcome, read_effective(result.effective)
    if _has_more_room(result, load_study):
        return True
    if outcome == "out_of_memory":
        training = effective.out_of_memory_in in (None, "training")
        return training and find_largest_micro_batch(result, load_study) is not None
    if outcome not in ("crashed", "timed_out") or effective.limit_hours is not None:
        return False
    expected = [attempt for attempt in list_attempts(result) if _is_expected(attempt)]
    return result.attempts - len(expected) < MAX_ATTEMPTS


def may_evaluate_again(result: Result, load_study: Callable[[], Study]) -> bool:
    """Whether an evaluation that ended so is tried again: after a fault, or when the memory's limit has risen."""
    fault = result.outcome in ("crashed", "timed_out")
    return (fault and result.attempts < MAX_ATTEMPTS) or _has_more_room(result, load_study)


def list_shortages(result: Result, load_study: Callable[[], Study]) -> list[Attempt]:
    """Return the attempts that ran out of memory and would again: not those at a limit that has risen since."""
    shortages = [attempt for attempt in list_attempts(result) if attempt.outcome == "out_of_memory"]
    return [attempt for attempt in shortages if not _has_more_room(attempt, load_study)]


def find_largest_micro_batch(result: Result, load_study: Callable[[], Study]) -> int | None:
    """Return half of the smallest micro-batch that is too large for memory, rounded up.

    None where none is known to be, where one image is, and where the study does not accumulate.
    """
    shortages = list_shortages(result, load_study)
    tried = [size for attempt in shortages if (size := read_effective(attempt.effective).micro_batch_size)]
    if not tried or min(tried) == 1 or load_study().on_out_of_memory != "accumulate":
        return None
    return int((min(tried) + 1) // 2)


def _is_expected(attempt: Attempt) -> bool:
    """Whether an attempt ended by memory or by its hours, which says nothing of a fault."""
    return attempt.outcome == "out_of_memory" or read_effective(attempt.effective).limit_hours is not None


def _has_more_room(attempt: Attempt, load_study: Callable[[], Study]) -> bool:
    """Whether an attempt ended at a limit of the study that is higher now, or gone."""
    if attempt.outcome not in ("timed_out", "out_of_memory"):
        return False
    effective, limits = read_effective(attempt.effective), load_study().limits
    hours = effective.limit_hours, limits.hours
    then, now = hours if attempt.outcome == "timed_out" else (effective.limit_memory_bytes, limits.memory)
    return then is not None and (now is None or now > then)
