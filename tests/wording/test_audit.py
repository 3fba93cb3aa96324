"""What the audit finds, in words."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from pathlib import Path

import pytest

from detstudy.auditing import audit_table, facts
from detstudy.wording import say
from detstudy.wording.audit import join_labels

DECK = Path(__file__).parents[1] / "auditing" / "deck.csv"


def test_every_fact_of_the_audit_has_words() -> None:
    kinds = [kind for _, kind in inspect.getmembers(facts, inspect.isclass) if kind.__module__ == facts.__name__]
    assert len(kinds) > 25
    for kind in kinds:
        if issubclass(kind, enum.Enum):
            assert all(say(member).endswith(".") for member in kind)
        assert dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum)
        assert say.dispatch(kind) is not say.dispatch(object)


def test_the_deck_is_explained_with_its_numbers() -> None:
    audited = audit_table(DECK)
    texts = [say(finding.fact) for finding in audited.findings]
    for words in (
        "batch 8 and top-k 9000 share 11 of 12 cells (they differ in box APs 25.9 against 25.5)",
        "5,383 s and 10,383 s, end in the same three digits",
        "box AP 44.4 does not go with its AP50 57.9 and AP75 45.8",
        "batch 8 and cosine took the same 5,383 s: by chance",
        "learning rate 0.0001 8,494 s (×1.22)",
        "5 of 6 differences in box AP",
        "batch 16 has no result",
    ):
        assert any(words in text for text in texts), words
    assert [say(fact).partition(" took ×1.79 ")[0] for fact in audited.conclusions] == ["top-k 12000"]


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            facts.LabelsDisagree("a", "learning_rate", (("lr 0.01", "setting"), ("0.001", "learning rate"))),
            "a: learning rate is given as 'lr 0.01' (column setting) and '0.001' (column learning rate): which one",
        ),
        (facts.OneResultTwice("a", 2), "a stands 2 times with the same numbers: it is one result, not 2"),
        (facts.BlockCopied("a", 6, 6), "box and mask show the same number in 6 of 6 measures"),
        (facts.UnequalBudgets((("iterations", 5000, 9000),)), "iterations from 5,000 to 9,000"),
        (facts.BudgetUntold(length=False, batches=True), "Batch sizes are compared"),
        (facts.NoSeeds(3, 3, False, 1.6, 4.4, 1, 2, "AP", "a"), "1.6 AP, as this project measured on its drawn scenes"),
        (
            facts.NoSeeds(3, 3, True, 0.5, 1.386, 1, 2, "AP", "a"),
            "up to 1.4 AP in 19 of 20 cases with the seed's standard deviation of 0.5 AP that you state",
        ),
        (facts.BestOfMany("row g", "AP", 30.9, 7, 1.35, 1.0), "stands about 1.4 AP above their mean by luck"),
        (facts.BeyondSeeds("b", "mask/AP", 5.6, "a", 1.2, 2), "b: +5.6 mask AP against a, beyond what seeds do (±1.2"),
        (facts.TrainSeeds(1.0, 16), "1 AP needs about 16 seeds a setting"),
    ],
)
def test_facts_are_said_with_their_numbers(fact: object, words: str) -> None:
    assert words in say(fact)


def test_of_many_rows_three_are_named() -> None:
    assert join_labels(["a", "b"]) == "a and b"
    assert join_labels(list("abcde")) == "a, b, c and 2 others"
