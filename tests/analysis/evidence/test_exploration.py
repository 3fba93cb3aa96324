"""What came after the first run is told apart from what was planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from detstudy.analysis.evidence.exploration import find_additions
from detstudy.study.spec import load_study


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


def test_levels_that_were_left_out_change_nothing(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study())
    study = load_study(tiny_study(factors={"learning_rate": [0.04]}))
    assert find_additions(planned, study).settings == {}


def test_a_level_in_place_of_another_is_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004]}))
    study = load_study(tiny_study(factors={"learning_rate": [0.02, 0.004]}))
    assert find_additions(planned, study).settings == {"learning_rate=0.02": "added after the first run"}


def test_seeds_that_were_left_out_after_a_look_are_named(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(seeds=[0], baseline_seeds=[0, 1, 2]))
    study = load_study(tiny_study(seeds=[0], baseline_seeds=[0, 1, 5]))
    found = find_additions(planned, study)
    assert found.settings == {"baseline": "seed 5 added and seed 2 left out after the first run"}


def test_another_baseline_makes_every_setting_new(tiny_study: Callable[..., Path]) -> None:
    sections = {"factors": {"batch_size": [8]}, "when_batch_size_changes": {"hold": "images", "learning_rate": "fixed"}}
    baseline = {"learning_rate": 0.004, "batch_size": 4, "iterations": 20, "optimizer": "adamw"}
    planned = load_study(tiny_study(baseline=baseline, **sections))
    study = load_study(tiny_study(baseline={**baseline, "learning_rate": 0.01}, **sections))
    assert set(find_additions(planned, study).settings) == {"baseline", "batch_size=8"}


def test_other_validation_data_makes_every_verdict_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study())
    data = dataclasses.replace(planned.data, validation=planned.data.validation[1:])
    assert find_additions(planned, dataclasses.replace(planned, data=data)).find_reason("baseline") == (
        "the data changed after the first run"
    )
    moved = dataclasses.replace(planned.data, root="/elsewhere")
    assert find_additions(planned, dataclasses.replace(planned, data=moved)).question is None
