from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.confounding import describe_batch_rule, describe_splits, find_caveats
from detstudy.study.setting import EvaluationSetting, ModelSetting, Setting, TrainingSetting
from detstudy.study.study import BatchSizeRule, Factor, Study

BASELINE = Setting(
    model=ModelSetting(name="compact"),
    training=TrainingSetting(learning_rate=0.004, batch_size=4, iterations=1000, warmup_iterations=100),
    evaluation=EvaluationSetting(),
)


@dataclasses.dataclass
class Run:
    effective: dict[str, Any]
    outcome: str = "finished"
    setting_id: str = "baseline"
    seed: int = 0
    earlier: tuple[dict[str, Any], ...] = ()


DIFFERS = "batch norm sees 4 images at a time"
SPLIT: Any = Run(
    {"accumulation": "8 as 2 × 4", "accumulation_differs": DIFFERS},
    setting_id="batch_size=8",
    earlier=({"outcome": "out_of_memory"},),
)
WHOLE: Any = Run({})


def test_a_batch_in_parts_is_told_once_with_what_differs(study: Study) -> None:
    (told, *others) = find_caveats(study, change(batch_size=8), BASELINE, [SPLIT, SPLIT, WHOLE])
    assert told == f"batch of 8 as 2 × 4, gradients accumulated since the whole batch ran out of memory: {DIFFERS}"
    assert tuple(others) == find_caveats(study, change(batch_size=8), BASELINE)


def test_batches_split_alike_in_both_settings_are_no_caveat(study: Study) -> None:
    assert find_caveats(study, change(learning_rate=0.04), BASELINE, [SPLIT, SPLIT]) == ()


def test_a_setting_whose_seeds_were_split_differently_says_which() -> None:
    whole = dataclasses.replace(WHOLE, setting_id="batch_size=8")
    asked = dataclasses.replace(SPLIT, earlier=())
    runs = [dataclasses.replace(run, seed=seed) for seed, run in enumerate((whole, asked, whole))]
    assert describe_splits(runs) == (
        f"batch of 8 as 2 × 4, gradients accumulated as the setting asks: {DIFFERS}",
        "not all seeds had their batches split alike (whole: seed 0 and 2; 8 as 2 × 4: seed 1), which adds to the "
        "noise of the seeds",
    )
    assert describe_splits([whole, whole]) == ()


@dataclasses.dataclass
class Summary:
    setting: Setting
    runs: tuple[Run, ...] = ()


def change(**fields: Any) -> Setting:
    return dataclasses.replace(BASELINE, training=dataclasses.replace(BASELINE.training, **fields))


@pytest.fixture
def study(tiny_study: Any) -> Study:
    from detstudy.study.spec import load_study

    return load_study(Path(tiny_study(factors={"batch_size": [4, 8]})))


def test_a_batch_size_alone_carries_the_rate_and_the_images(study: Study) -> None:
    assert find_caveats(study, change(batch_size=8), BASELINE) == (
        "the learning rate was not scaled with the batch size",
        "unequal budgets: images seen differ (8,000 against 4,000)",
    )


def test_held_images_are_fewer_steps(study: Study) -> None:
    assert find_caveats(study, change(batch_size=11, iterations=364), BASELINE) == (
        "the learning rate was not scaled with the batch size",
        "64 % fewer steps",
    )
    assert find_caveats(study, change(batch_size=11, iterations=364, learning_rate=0.011), BASELINE) == (
        "64 % fewer steps",
    )
    assert find_caveats(study, BASELINE, change(batch_size=8, iterations=500, learning_rate=0.008)) == (
        "100 % more steps",
    )


def test_other_factors_carry_nothing(study: Study) -> None:
    assert find_caveats(study, change(learning_rate=0.04), BASELINE) == ()
    assert find_caveats(study, BASELINE, BASELINE) == ()


def test_iterations_are_a_budget_unless_the_study_asks_for_them(study: Study) -> None:
    longer = change(iterations=2000)
    assert find_caveats(study, longer, BASELINE) == (
        "100 % more steps",
        "unequal budgets: images seen differ (8,000 against 4,000)",
    )
    asked = dataclasses.replace(study, factors=(Factor(name="iterations", levels=(1000, 2000)),))
    assert find_caveats(asked, longer, BASELINE) == ()


def test_the_rule_is_printed_with_what_it_changes(study: Study) -> None:
    larger = change(batch_size=8, iterations=500, warmup_iterations=50)
    runs = (Run({"epochs": 2.0}), Run({"epochs": None}), Run({}), Run({"epochs": 9.0}, outcome="diverged"))
    levels: Any = [(4, Summary(BASELINE, runs)), (8, Summary(larger, runs[:1]))]
    held = dataclasses.replace(study, when_batch_size_changes=BatchSizeRule(hold="images", learning_rate="fixed"))
    assert describe_batch_rule(held, levels) == (
        "Images seen are held fixed, so steps change with the batch size (4: 1,000, 8: 500) and warm-up too (4: 100, "
        "8: 50); the learning rate is not scaled with it, so learning rate / batch size, the scale of the gradient's "
        "noise, changes too (4: 0.001, 8: 0.0005). Epochs: 4: 2.0, 8: 2.0."
    )
    scaled = change(batch_size=8, learning_rate=0.008)
    steps = dataclasses.replace(study, when_batch_size_changes=BatchSizeRule(hold="iterations", learning_rate="linear"))
    assert describe_batch_rule(steps, [(4, Summary(BASELINE)), (8, Summary(scaled))]) == (  # type: ignore[list-item]
        "Steps are held fixed, so images seen change with the batch size (4: 4,000, 8: 8,000) and images in warm-up "
        "too (4: 400, 8: 800); the learning rate is scaled with it (4: 0.004, 8: 0.008)."
    )
