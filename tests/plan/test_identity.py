"""Identity: the same training has the same folder, whatever cannot change its result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.plan import PlannedRun, identify_evaluation, identify_training, plan_study
from detstudy.study.spec import load_study
from detstudy.trainers.torchvision.hyperparameters import make_setting


def identify(path: Path, *overrides: str, data: str = "d") -> str:
    return identify_training(plan_study(load_study(path, overrides)).runs[0], data)


def test_what_determines_the_result_changes_the_identity(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study()
    same = identify(path)
    assert same.startswith("compact-lr0.004-b4-multistep-k500--s0--")
    assert identify(path, "baseline.weight_decay=0.1") != same
    assert identify(path, "baseline_seeds=[3]") != same
    assert identify(path, data="other") != same


def test_what_does_not_determine_the_result_keeps_it(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study()
    same = identify(path)
    assert identify(path, "baseline.momentum=0.9") == same  # its default, written out
    assert identify(path, "monitoring.log_every=7", "study=other", "factors={}", "limits.memory=1GiB") == same
    assert identify(path, "baseline.box_score_threshold=0.3") == same  # changes evaluation only


@pytest.mark.parametrize(("micro", "expected"), [(None, "0b28ead7"), (4, "2f7045a0"), (2, "f6eebab0")])
def test_of_a_new_schema_are_split_batches_alone(micro: int | None, expected: str) -> None:
    """The first two are as they were before there was a second schema; the third was 6a896191."""
    setting = make_setting(name="compact", learning_rate=0.004, batch_size=4, iterations=100, micro_batch_size=micro)
    run = PlannedRun(setting_id="baseline", setting=setting, seed=0)

    assert identify_training(run, "d").endswith(f"--{expected}")


def test_evaluations_are_told_apart(tiny_study: Callable[..., Path]) -> None:
    plan = plan_study(load_study(tiny_study(factors={"box_score_threshold": [0.05, 0.3]})))
    trainings = {identify_training(run, "d") for run in plan.runs if run.seed == 0}
    evaluations = {identify_evaluation(run.setting) for run in plan.runs}
    assert len(trainings) == 1
    assert len(evaluations) == 2
    assert any(name.startswith("box_score_threshold-0.3--") for name in evaluations)
