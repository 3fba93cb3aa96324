"""What came after the first run is told apart from what was planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from detstudy.analysis.exploration import find_additions
from detstudy.spec import load_study


def test_what_was_planned_is_not_exploratory(tiny_study: Callable[..., Path]) -> None:
    study = load_study(tiny_study())
    assert find_additions(study, study).find_reason("baseline", "learning_rate=0.04") is None
    assert find_additions(None, study).find_reason("learning_rate=0.04") is None


def test_levels_and_seeds_that_came_later_are_named(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004]}, seeds=[0], baseline_seeds=[0, 1]))
    study = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004, 0.02]}, seeds=[0, 1], baseline_seeds=[0, 1]))
    found = find_additions(planned, study)
    assert found.find_reason("learning_rate=0.02") == "added after the first run"
    assert found.find_reason("learning_rate=0.04", "baseline") == "seed 1 added after the first run"
    assert found.find_reason("baseline") is None


def test_another_question_makes_every_verdict_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(objective="mask/AP", smallest_difference_that_matters=0.5))
    study = load_study(tiny_study(objective="box/AP", smallest_difference_that_matters=1.0))
    reason = find_additions(planned, study).find_reason("baseline")
    assert reason == (
        "the objective was mask AP and became box AP after the first run; "
        "the difference that matters was 0.5 and became 1 after the first run"
    )


def test_a_smaller_study_adds_nothing(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study())
    study = load_study(tiny_study(factors={"learning_rate": [0.04]}, baseline_seeds=[0, 1]))
    assert find_additions(planned, study).settings == {}
