"""What a run's files say of it."""

from __future__ import annotations

import pytest

from detstudy.ledger.causes import CurveDamaged, Stopped, Unfinished, Why
from detstudy.wording import say


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (Unfinished.EVALUATION_MISSING, "trained; its evaluation is missing"),
        (Unfinished.RESULT_DAMAGED, "result.json is damaged; `detstudy run` goes on from its checkpoint"),
        (Stopped(5), "stopped at iteration 5; `detstudy run` goes on from its checkpoint"),
        (Stopped(None), "stopped before its first point; `detstudy run` goes on from its checkpoint"),
        (CurveDamaged(2), "curves.jsonl: 2 damaged lines are left out; its AP is not touched; delete the run's folder "
         "to train it again"),
        (CurveDamaged(0), "curves.jsonl: it is not as it was written; its AP is not touched; delete the run's folder "
         "to train it again"),
    ],
)  # fmt: skip
def test_the_remedy_is_said(fact: Why, words: str) -> None:
    assert say(fact) == words


def test_every_file_that_may_be_missing_has_words() -> None:
    assert all("evaluation" in say(fact) or "result.json" in say(fact) for fact in Unfinished)
