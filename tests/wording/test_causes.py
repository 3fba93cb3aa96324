"""Each cause has words, wherever it is said; what is stored of it is a fact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.analysis.facts.reason import WithoutResult
from detstudy.ledger.causes import Cause, Memory, Reason, read_reason
from detstudy.study.size import GIB
from detstudy.testing import FakeTrainer, run_here
from detstudy.trainers.contract import Job, Trained
from detstudy.wording import say


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words_of_its_own(cause: Cause) -> None:
    memory = Memory(worker=2 * GIB, used=15 * GIB, limit=16 * GIB)
    fact = Reason(cause=cause, number=6, iteration=7, text="own words", memory=memory, first="out of memory at 3 GiB")
    assert say(fact)
    others = [say(Reason(cause=each, number=6, iteration=7, text="own words", first="x")) for each in Cause]
    assert len(set(others)) == len(others)


def test_where_and_with_what_it_happened_is_said() -> None:
    fact = Reason(cause=Cause.SIGNAL, number=11, evaluating=True)
    assert say(fact) == "evaluation: the worker was killed by SIGSEGV (see log.txt)"
    assert say(WithoutResult("crashed", fact)) == f"crashed: {say(fact)}"
    full = Reason(cause=Cause.FULL_MEMORY, memory=Memory(worker=GIB, used=3 * GIB, limit=4 * GIB), densest_batch="of 9")
    assert say(WithoutResult("out_of_memory", full)) == (
        "out of memory, by all that is known: killed when 3.0 GiB of 4.0 GiB were in use; it held up to 1.0 GiB of "
        "4.0 GiB; its densest batch so far: of 9"
    )
    assert say(WithoutResult("diverged", None)) == "diverged"


def test_a_cause_is_stored_as_a_fact_and_a_trainer_s_words_as_they_are(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    class Crashing(FakeTrainer):
        def train(self, job: Job) -> Trained:
            if job.seed:
                raise KeyError("x")
            return Trained(outcome="diverged", reason="loss was nan")

    _, ledger = run_here(tiny_study(factors={}, baseline_seeds=[0, 1]), tmp_path / "out", Crashing())
    said, crashed = ledger.read_runs()
    assert (said.reason, crashed.reason) == ("loss was nan", Reason(cause=Cause.ERROR, text="KeyError: 'x'"))
    stored = json.loads((crashed.folder / "result.json").read_text())["reason"]
    assert (stored["cause"], stored["text"]) == ("error", "KeyError: 'x'")
    assert read_reason(stored) == crashed.reason


@pytest.mark.parametrize(
    "value", [3, ["x"], {"cause": "unheard of"}, {"text": "x"}, {"cause": "signal", "number": "6"}]
)
def test_what_is_no_reason_is_not_taken_for_one(value: object) -> None:
    with pytest.raises(ValueError, match=r"Expected|Invalid enum value|missing required"):
        read_reason(value)
