"""Planning: which settings and runs a study asks for, once each, the baseline first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detstudy.plan import Plan, begin_plan, name_setting, plan_study
from detstudy.plan.designs import Asked, OneFactor
from detstudy.study.spec import load_study
from detstudy.study.study import Study, StudyError

STUDIES = Path(__file__).parents[2] / "studies"


def plan(path: Path, *overrides: str) -> Plan:
    return plan_study(load_study(path, overrides))


def test_the_reference_study_has_nine_settings() -> None:
    planned = plan(STUDIES / "kitti_mots_r50.yaml")
    assert [setting.id for setting in planned.settings] == [
        "baseline",
        "learning_rate=0.001",
        "learning_rate=0.00025",
        "learning_rate=0.0001",
        "batch_size=8",
        "batch_size=16",
        "schedule=warmup_cosine",
        "rpn_pre_nms_top_n_train=9000",
        "rpn_pre_nms_top_n_train=12000",
    ]
    assert len(planned.runs) == 9 * 3


def test_top_k_is_crossed() -> None:
    planned = plan(STUDIES / "kitti_mots_topk.yaml")
    assert len(planned.settings) == 6
    assert planned.settings[0].id == "baseline"
    assert "rpn_post_nms_top_n_train=2000,rpn_pre_nms_top_n_train=12000" in [s.id for s in planned.settings]


def test_a_setting_shared_by_factors_is_planned_once(tiny_study: Callable[..., Path]) -> None:
    planned = plan(tiny_study())
    assert [setting.id for setting in planned.settings] == [
        "baseline",
        "learning_rate=0.04",
        "learning_rate=1",
        "batch_size=16",
    ]
    # The baseline has three seeds, the others one.
    assert [run.seed for run in planned.runs if run.setting_id == "baseline"] == [0, 1, 2]
    assert len(planned.runs) == 6


def test_without_factors_the_baseline_runs_alone(tiny_study: Callable[..., Path]) -> None:
    planned = plan(tiny_study(), "factors={}", "baseline_seeds=[4]")
    assert [(run.setting_id, run.seed) for run in planned.runs] == [("baseline", 4)]


def test_what_follows_the_batch_size_is_what_the_file_says(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={"batch_size": [2, 8]})
    held = plan(path).settings
    assert [s.setting["iterations"] for s in held] == [20, 40, 10]
    assert [s.setting["learning_rate"] for s in held] == [0.004] * 3
    linear = plan(path, "when_batch_size_changes={hold: iterations, learning_rate: linear}").settings
    assert [s.setting["iterations"] for s in linear] == [20, 20, 20]
    assert [s.setting["learning_rate"] for s in linear] == [0.004, 0.002, 0.008]


def test_a_level_that_contradicts_the_baseline_is_refused(tiny_study: Callable[..., Path]) -> None:
    with pytest.raises(
        StudyError, match="setting warmup_iterations=21: warmup_iterations: 21 is more than iterations 20"
    ):
        plan(tiny_study(factors={"warmup_iterations": [0, 21]}))


def test_names_are_as_a_person_writes_them() -> None:
    assert name_setting({}) == "baseline"
    levels = {"schedule": "warmup_cosine", "learning_rate": 1e-4, "milestones": (0.7, 0.9), "micro_batch_size": None}
    assert (
        name_setting(levels) == "learning_rate=0.0001,micro_batch_size=null,milestones=[0.7 0.9],schedule=warmup_cosine"
    )


def test_a_design_may_ask_with_the_numbers_of_numpy(tiny_study: Callable[..., Path]) -> None:
    study = load_study(tiny_study(factors={}))

    class Drawn(OneFactor):
        def begin(self, study: Study) -> list[Asked]:
            rates = np.array([0.01, study.baseline["learning_rate"]])
            return [Asked(levels={"learning_rate": rate}, seeds=tuple(np.arange(4))) for rate in rates]

    step = begin_plan(study, Drawn())
    assert step.runs == (*(("baseline", seed) for seed in range(3)), *(("learning_rate=0.01", s) for s in range(3)),
                         ("baseline", 3), ("learning_rate=0.01", 3))  # fmt: skip
    assert {type(seed) for _, seed in step.runs} == {int}
    assert type(step.settings[0].levels["learning_rate"]) is float


def test_a_design_that_asks_for_what_is_no_hyperparameter_is_refused(tiny_study: Callable[..., Path]) -> None:
    class Wrong(OneFactor):
        def begin(self, study: Study) -> list[Asked]:
            return [Asked(levels={"momentun": 0.8}, seeds=study.seeds)]

    with pytest.raises(StudyError, match="design: asks for momentun, which is no hyperparameter"):
        begin_plan(load_study(tiny_study()), Wrong())


def test_two_settings_of_one_name_are_refused(tiny_study: Callable[..., Path]) -> None:
    class Same(OneFactor):
        def name_setting(self, levels: Mapping[str, Any]) -> str:
            return "changed"

    with pytest.raises(StudyError, match="design: gives two settings one name, among baseline, changed, changed"):
        begin_plan(load_study(tiny_study()), Same())
