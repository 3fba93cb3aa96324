"""The order of runs: wherever a study is stopped, what is done answers as much as that time can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detstudy.plan import plan_study
from detstudy.plan.order import rank_levels
from detstudy.study.spec import load_study
from detstudy.study.study import Factor

STUDIES = Path(__file__).parents[2] / "studies"


def list_runs(path: Path, *overrides: str) -> list[tuple[str, int]]:
    return [(run.setting_id, run.seed) for run in plan_study(load_study(path, overrides)).runs]


def test_the_reference_study_begins_with_its_baseline_and_the_extremes() -> None:
    runs = list_runs(STUDIES / "kitti_mots_r50.yaml")
    assert runs[:3] == [("baseline", 0), ("baseline", 1), ("baseline", 2)]
    assert runs[3:11] == [
        ("learning_rate=0.0001", 0),
        ("batch_size=16", 0),
        ("schedule=warmup_cosine", 0),
        ("rpn_pre_nms_top_n_train=12000", 0),
        ("learning_rate=0.001", 0),
        ("learning_rate=0.00025", 0),
        ("batch_size=8", 0),
        ("rpn_pre_nms_top_n_train=9000", 0),
    ]
    assert [seed for _, seed in runs[11:]] == [1] * 8 + [2] * 8


def test_every_run_stands_once(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(seeds=[3, 1], baseline_seeds=[1, 2, 3, 4, 5], factors={"learning_rate": [0.04, 0.4, 0.004]})
    runs = list_runs(path)
    assert runs == [
        *[("baseline", seed) for seed in (1, 2, 3)],
        *[("learning_rate=0.4", 3), ("learning_rate=0.04", 3), ("learning_rate=0.4", 1), ("learning_rate=0.04", 1)],
        *[("baseline", seed) for seed in (4, 5)],
    ]


def test_a_grid_begins_with_its_corners(tiny_study: Callable[..., Path]) -> None:
    factors = {"learning_rate": [0.0004, 0.004, 0.04], "rpn_pre_nms_top_n_train": [100, 500, 1000]}
    runs = list_runs(tiny_study(factors=factors, design="grid", baseline_seeds=[0]))
    assert runs[0] == ("baseline", 0)
    corners = {name for name, _ in runs[1:] if "learning_rate" in name and "rpn" in name}
    assert len(runs) == 9
    assert len(corners) == 4
    assert runs[1:3] == [("rpn_pre_nms_top_n_train=100", 0), ("learning_rate=0.04", 0)]


@pytest.mark.parametrize(
    ("levels", "baseline", "expected"),
    [
        ((1, 2, 4, 8), 2, {8: 1, 1: 2, 4: 3}),  # ratios 4 and 2
        ((0.0, 0.5, 1.0), 0.6, {0.0: 1, 1.0: 2, 0.5: 3}),  # no ratios to zero: farther first
        ((2, 4, 8), 2, {8: 1, 4: 3}),  # the baseline is an extreme itself
        (("a", "b", "c", "d"), "b", {"d": 1, "a": 2, "c": 3}),
        ((None, 1, 2), None, {2: 1, 1: 2}),
        ((True, False), True, {False: 1}),
        ((0.004,), 0.004, {}),
    ],
)
def test_extremes_come_first(levels: tuple[Any, ...], baseline: Any, expected: dict[Any, int]) -> None:
    assert rank_levels(Factor(name="any", levels=levels), baseline) == expected
