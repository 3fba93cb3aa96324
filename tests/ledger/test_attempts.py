"""Which failed attempts are tried again, and how."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from detstudy.ledger.attempts import find_largest_micro_batch, list_attempts, may_evaluate_again, may_try_again
from detstudy.ledger.records import Result
from detstudy.study.size import GIB


def end(outcome: Any, *earlier: Result, **effective: Any) -> Result:
    """Return a result as the ledger writes it after earlier ones."""
    past = list_attempts(earlier[-1]) if earlier else ()
    attempts = len(past) + 1
    return Result(outcome=outcome, reason="r", measures=(), effective=effective, attempts=attempts, earlier=past)


def study(on_out_of_memory: str = "accumulate", hours: float | None = None, memory: int | None = None) -> Any:
    limits = SimpleNamespace(hours=hours, memory=memory)
    return lambda: SimpleNamespace(on_out_of_memory=on_out_of_memory, limits=limits)


@pytest.mark.parametrize("fault", ["crashed", "timed_out"])
def test_a_fault_is_tried_three_times_in_all(fault: str) -> None:
    first = end(fault)
    second = end(fault, first)
    assert may_try_again(first, study())
    assert may_try_again(second, study())
    assert not may_try_again(end(fault, second), study())


def test_running_out_of_memory_is_no_fault() -> None:
    shortages = end("out_of_memory", end("out_of_memory", micro_batch_size=16), micro_batch_size=8)
    crashes = end("crashed", end("crashed", shortages))
    assert crashes.attempts == 4
    assert may_try_again(crashes, study())
    assert not may_try_again(end("crashed", crashes), study())
    assert find_largest_micro_batch(crashes, study()) == 4
    assert find_largest_micro_batch(crashes, study("stop")) is None  # as the study stands now


def test_micro_batches_are_halved_down_to_one_image() -> None:
    sizes, result = [], end("out_of_memory", micro_batch_size=11)
    while may_try_again(result, study()):
        size = find_largest_micro_batch(result, study())
        sizes.append(size)
        result = end("out_of_memory", result, micro_batch_size=size)
    assert sizes == [6, 3, 2, 1]


def test_without_accumulation_out_of_memory_is_the_end() -> None:
    result = end("out_of_memory", micro_batch_size=16)
    assert may_try_again(result, study("accumulate"))
    assert not may_try_again(result, study("stop"))
    assert not may_try_again(end("out_of_memory"), study())  # a trainer that does not tell


@pytest.mark.parametrize("doing", ["validation", "loading"])
def test_what_no_smaller_micro_batch_helps_is_not_tried_again(doing: str) -> None:
    assert not may_try_again(end("out_of_memory", micro_batch_size=16, out_of_memory_in=doing), study())


def test_a_run_over_its_hours_waits_for_a_higher_limit() -> None:
    result = end("timed_out", limit_hours=2.0)
    assert not may_try_again(result, study(hours=2.0))
    assert not may_try_again(result, study(hours=1.0))
    assert may_try_again(result, study(hours=3.0))
    assert may_try_again(result, study(hours=None))


def test_a_run_at_the_memory_s_limit_waits_for_a_higher_one() -> None:
    result = end("out_of_memory", micro_batch_size=16, limit_memory_bytes=2 * GIB)
    assert not may_try_again(result, study("stop", memory=2 * GIB))
    assert not may_try_again(result, study("stop", memory=GIB))
    assert may_try_again(result, study("stop", memory=3 * GIB))
    assert may_try_again(result, study("stop"))
    assert may_try_again(end("out_of_memory", limit_memory_bytes=GIB, out_of_memory_in="loading"), study())
    assert may_evaluate_again(end("out_of_memory", limit_memory_bytes=GIB), study(memory=2 * GIB))
    assert not may_evaluate_again(end("out_of_memory", limit_memory_bytes=GIB), study(memory=GIB))


@pytest.mark.parametrize("limit", [None, GIB, 100 * GIB])
def test_no_limit_helps_a_run_that_the_machine_has_no_room_for(limit: int | None) -> None:
    result = end("out_of_memory", micro_batch_size=16)
    assert not may_try_again(result, study("stop", memory=limit))
    assert not may_evaluate_again(result, study("stop", memory=limit))


def test_what_ran_out_at_a_lower_limit_says_nothing_of_a_micro_batch() -> None:
    first = end("out_of_memory", micro_batch_size=16, limit_memory_bytes=GIB)
    second = end("out_of_memory", first, micro_batch_size=8, limit_memory_bytes=GIB)
    assert find_largest_micro_batch(second, study(memory=GIB)) == 4
    assert find_largest_micro_batch(second, study(memory=2 * GIB)) is None
    third = end("out_of_memory", second, micro_batch_size=16)  # the machine's own memory this time
    assert find_largest_micro_batch(third, study(memory=2 * GIB)) == 8


@pytest.mark.parametrize("outcome", ["finished", "diverged", "stopped_early"])
def test_what_has_ended_has_ended(outcome: str) -> None:
    assert not may_try_again(end(outcome), study())
