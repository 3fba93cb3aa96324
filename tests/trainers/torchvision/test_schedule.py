from __future__ import annotations

import bisect
import csv
import math
from pathlib import Path
from typing import Any

import pytest

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.schedule import compute_multiplier, find_milestones

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "data" / "schedules" / "detectron2.csv"
NAMES = {"WarmupMultiStepLR": "warmup_multistep", "WarmupCosineLR": "warmup_cosine"}


def make_run(**fields: Any) -> Setting:
    return make_setting(**{"name": "compact", "learning_rate": 1.0, "batch_size": 1, "iterations": 200, **fields})


def test_multistep_equals_its_closed_form_at_every_iteration() -> None:
    setting = make_run(schedule="warmup_multistep", warmup_iterations=50, warmup_factor=0.01)

    for iteration in range(200):
        steps = 1.0 * 0.1 ** ((iteration >= 140) + (iteration >= 180))
        expected = 0.01 + 0.99 * iteration / 50 if iteration < 50 else steps
        assert compute_multiplier(setting, iteration) == pytest.approx(expected, rel=1e-12), iteration


def test_cosine_is_joined_where_warm_up_ends_and_ends_at_nought() -> None:
    setting = make_run(schedule="warmup_cosine", warmup_iterations=50)

    def follow(iteration: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * iteration / 200))

    for iteration in range(200):
        expected = 0.001 + (follow(50) - 0.001) * iteration / 50 if iteration < 50 else follow(iteration)
        assert compute_multiplier(setting, iteration) == pytest.approx(expected, rel=1e-12), iteration
    assert compute_multiplier(setting, 200) == pytest.approx(0, abs=1e-15)


def compose(setting: Setting, iteration: int) -> float:
    """Return the multiplier as detectron2's `build_lr_scheduler` puts it together of fvcore's parts of a run in [0, 1].

    A line up to the end of warm-up, then the schedule ("fixed": it goes on as if there had been no warm-up).
    """
    length = setting["iterations"]
    milestones = [math.ceil(milestone * length - 1e-9) for milestone in setting["milestones"]]

    def follow(where: float) -> float:
        if setting["schedule"] == "warmup_cosine":
            return 0.5 * (1 + math.cos(math.pi * where))
        values = [0.1**k for k in range(len(milestones) + 1)]
        return values[bisect.bisect_right(milestones, int((where + 1e-6) * length))]

    where, warmup = iteration / length, min(setting["warmup_iterations"] / length, 1.0)
    if where >= warmup:
        return follow(where)
    share = where / warmup
    return follow(warmup) * share + setting["warmup_factor"] * follow(0) * (1 - share)


@pytest.mark.parametrize("schedule", sorted(NAMES.values()))
@pytest.mark.parametrize(("iterations", "warmup"), [(200, 50), (100, 0), (40, 10), (30, 40), (7, 7)])
def test_equals_detectron2s_composition_at_every_iteration(schedule: Any, iterations: int, warmup: int) -> None:
    setting = make_run(
        schedule=schedule, iterations=iterations, warmup_iterations=warmup, milestones=(0.7, 0.9), warmup_factor=0.001
    )
    for iteration in range(iterations):
        expected = compose(setting, iteration)
        assert compute_multiplier(setting, iteration) == pytest.approx(expected, rel=1e-9, abs=1e-12), iteration


def test_equals_detectron2_at_every_published_iteration() -> None:
    if not PUBLISHED.is_file():
        pytest.skip("detectron2's multipliers are not beside this checkout (../shared/data/schedules)")
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))

    assert len(rows) > 700
    for row in rows:
        length = int(row["iterations"])
        setting = make_run(
            schedule=NAMES[row["schedule"]],
            iterations=length,
            warmup_iterations=int(row["warmup_iterations"]),
            milestones=tuple(int(milestone) / length for milestone in row["milestones"].split()),
        )
        found = compute_multiplier(setting, int(row["iteration"]))
        assert compose(setting, int(row["iteration"])) == pytest.approx(float(row["multiplier"]), rel=1e-9, abs=1e-12)
        assert found == pytest.approx(float(row["multiplier"]), rel=1e-9, abs=1e-12), row


def test_a_constant_schedule_is_constant_after_its_warm_up() -> None:
    setting = make_run(schedule="constant", warmup_iterations=4, warmup_factor=0.5)

    assert [compute_multiplier(setting, i) for i in (0, 1, 2, 3, 4, 199)] == [0.5, 0.625, 0.75, 0.875, 1, 1]


def test_milestones_are_the_first_iterations_at_or_past_their_fractions() -> None:
    assert find_milestones(make_run(iterations=200, milestones=(0.7, 0.9))) == (140, 180)
    assert find_milestones(make_run(iterations=5, milestones=(0.9, 0.7))) == (4, 5)


def test_a_warm_up_longer_than_the_run_is_cut_at_its_end() -> None:
    setting = make_run(schedule="warmup_multistep", iterations=30, warmup_iterations=400, milestones=(0.5,))

    assert compute_multiplier(setting, 29) == pytest.approx(0.001 + (0.1 - 0.001) * 29 / 30)
