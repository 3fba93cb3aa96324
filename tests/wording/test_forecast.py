"""What a study will cost and be able to tell, in words."""

from __future__ import annotations

import dataclasses
import enum
import inspect

import pytest

from detstudy.analysis.facts.setting import UnitCount
from detstudy.analysis.statistics.variance import Part
from detstudy.forecast import facts
from detstudy.wording import say

SCENES = facts.Noise(1.6**2, Part(1.8**2, 19), UnitCount(20, "sequence"))
SEEN = facts.Foresight(
    factor="learning_rate",
    settings=("learning_rate=0.04",),
    objective="mask/AP",
    matters=0.5,
    seeds=(1, 3),
    units=UnitCount(20, "sequence"),
    detectable=6.24,
    noise=SCENES,
)


def test_every_fact_of_a_forecast_has_words() -> None:
    kinds = [kind for _, kind in inspect.getmembers(facts, inspect.isclass) if kind.__module__ == facts.__name__]
    assert len(kinds) > 8
    for kind in kinds:
        assert say.dispatch(kind) is not say.dispatch(object)
        if issubclass(kind, enum.Enum):
            assert len({say(member) for member in kind}) == len(kind)


def test_what_will_be_found_is_said_with_what_will_go_unseen() -> None:
    assert say(SEEN) == (
        "learning_rate: a true difference of 6.2 in mask/AP shows in four of five studies (1 against 3 seeds on 20 "
        "sequences; 0.5 AP, which matters, will mostly go unseen)"
    )
    assert say(dataclasses.replace(SEEN, matters=8.0)).endswith("on 20 sequences)")
    blind = dataclasses.replace(SEEN, detectable=facts.Blind.NO_SETTING_TWICE)
    assert say(blind) == ("learning_rate: can't tell anything: no setting has two seeds; add baseline_seeds: [0, 1, 2]")


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (SCENES, "assumed as in the scenes study: 1.6 AP over seeds, 1.8 over 20 sequences"),
        (
            facts.Noise(0.49, Part(0.25, 5), None),
            "this study's own runs: 0.7 AP over seeds, 0.5 of a difference over the images",
        ),
        (facts.OverLimit(12 * 2**30, 11 * 2**30), "needs about 12.0 GiB, the limit is 11.0 GiB"),
        (facts.FirstInTime(5, 9, "baseline"), "The first 5 of 9 trainings end in time, baseline the last:"),
        (facts.SeedsInTime(1), "With 1 seed of every setting all end in time:"),
    ],
)
def test_facts_are_said_with_their_numbers(fact: object, text: str) -> None:
    assert say(fact) == text
