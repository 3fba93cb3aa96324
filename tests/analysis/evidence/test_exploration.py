"""What came after the first run is told apart from what was planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from detstudy.analysis.evidence.exploration import Additions, find_additions
from detstudy.analysis.facts.warning import Departure, MarginChanged, ObjectiveChanged, SeedsChanged
from detstudy.plan import plan_study
from detstudy.study.setting import KittiMotsData
from detstudy.study.spec import load_study
from detstudy.study.study import Study


def find_from(planned: Study | None, study: Study) -> Additions:
    return find_additions(planned, plan_study(planned) if planned else None, study, plan_study(study))


def test_what_was_planned_is_not_exploratory(tiny_study: Callable[..., Path]) -> None:
    study = load_study(tiny_study())
    assert find_from(study, study).find_reasons("baseline", "learning_rate=0.04") == ()
    assert find_from(None, study).find_reasons("learning_rate=0.04") == ()


def test_levels_and_seeds_that_came_later_are_named(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004]}, seeds=[0], baseline_seeds=[0, 1]))
    study = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004, 0.02]}, seeds=[0, 1], baseline_seeds=[0, 1]))
    found = find_from(planned, study)
    assert found.find_reasons("learning_rate=0.02") == (Departure.SETTING_ADDED,)
    assert found.find_reasons("learning_rate=0.04", "baseline") == (SeedsChanged((1,), ()),)
    assert found.find_reasons("baseline") == ()


def test_another_question_makes_every_verdict_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(objective="mask/AP", smallest_difference_that_matters=0.5))
    study = load_study(tiny_study(objective="box/AP", smallest_difference_that_matters=1.0))
    reasons = find_from(planned, study).find_reasons("baseline")
    assert reasons == (ObjectiveChanged("mask/AP", "box/AP"), MarginChanged(0.5, 1.0))


def test_levels_that_were_left_out_change_nothing(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study())
    study = load_study(tiny_study(factors={"learning_rate": [0.04]}))
    assert find_from(planned, study).settings == {}


def test_a_level_in_place_of_another_is_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(factors={"learning_rate": [0.04, 0.004]}))
    study = load_study(tiny_study(factors={"learning_rate": [0.02, 0.004]}))
    assert find_from(planned, study).settings == {"learning_rate=0.02": Departure.SETTING_ADDED}


def test_seeds_that_were_left_out_after_a_look_are_named(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study(seeds=[0], baseline_seeds=[0, 1, 2]))
    study = load_study(tiny_study(seeds=[0], baseline_seeds=[0, 1, 5]))
    found = find_from(planned, study)
    assert found.settings == {"baseline": SeedsChanged((5,), (2,))}


def test_another_baseline_makes_every_setting_new(tiny_study: Callable[..., Path]) -> None:
    sections = {"factors": {"batch_size": [8]}, "when_batch_size_changes": {"hold": "images", "learning_rate": "fixed"}}
    baseline = {"learning_rate": 0.004, "batch_size": 4, "iterations": 20, "optimizer": "adamw"}
    planned = load_study(tiny_study(baseline=baseline, **sections))
    study = load_study(tiny_study(baseline={**baseline, "learning_rate": 0.01}, **sections))
    assert set(find_from(planned, study).settings) == {"baseline", "batch_size=8"}


def test_other_validation_data_makes_every_verdict_exploratory(tiny_study: Callable[..., Path]) -> None:
    planned = load_study(tiny_study())
    assert isinstance(planned.data, KittiMotsData)
    data = dataclasses.replace(planned.data, validation=planned.data.validation[1:])
    assert find_from(planned, dataclasses.replace(planned, data=data)).find_reasons("baseline") == (
        Departure.DATA_CHANGED,
    )
    moved = dataclasses.replace(planned.data, root="/elsewhere")
    assert find_from(planned, dataclasses.replace(planned, data=moved)).question == ()
