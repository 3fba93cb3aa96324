from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.confounding import find_caveats, list_accumulations, state_batch_rule
from detstudy.analysis.facts.caveat import (
    BatchRule,
    ImagesDiffer,
    RateNotScaled,
    SeedsInUnlikeParts,
    StepsDiffer,
    TrainedInParts,
)
from detstudy.ledger import Attempt, Effective
from detstudy.study.setting import Setting
from detstudy.study.study import BatchSizeRule, Factor, Study
from detstudy.trainers.torchvision.hyperparameters import make_setting

BASELINE = make_setting(name="compact", learning_rate=0.004, batch_size=4, iterations=1000, warmup_iterations=100)


def change(**fields: Any) -> Setting:
    return BASELINE.replace(**fields)


@dataclasses.dataclass
class Run:
    effective: Effective
    setting: Setting = BASELINE
    outcome: str = "finished"
    setting_id: str = "baseline"
    seed: int = 0
    earlier: tuple[Attempt, ...] = ()


DIFFERS = "batch norm sees 4 images at a time"
SPLIT: Any = Run(
    Effective(micro_batch_size=4, accumulation_differs=DIFFERS),
    setting=change(batch_size=8),
    setting_id="batch_size=8",
    earlier=(Attempt(outcome="out_of_memory", reason=None, measures=()),),
)
WHOLE: Any = Run(Effective(), setting=change(batch_size=8))


def test_a_batch_in_parts_is_told_once_with_what_differs(study: Study) -> None:
    (told, *others) = find_caveats(study, change(batch_size=8), BASELINE, [SPLIT, SPLIT, WHOLE])
    assert told == TrainedInParts(8, 4, ran_out_of_memory=True, differs=DIFFERS)
    assert tuple(others) == find_caveats(study, change(batch_size=8), BASELINE)


def test_batches_split_alike_in_both_settings_are_no_caveat(study: Study) -> None:
    assert find_caveats(study, change(learning_rate=0.04), BASELINE, [SPLIT, SPLIT]) == ()


def test_a_setting_whose_seeds_were_split_differently_says_which() -> None:
    whole = dataclasses.replace(WHOLE, setting_id="batch_size=8")
    asked = dataclasses.replace(SPLIT, earlier=())
    runs = [dataclasses.replace(run, seed=seed) for seed, run in enumerate((whole, asked, whole))]
    assert list_accumulations(runs) == (
        TrainedInParts(8, 4, ran_out_of_memory=False, differs=DIFFERS),
        SeedsInUnlikeParts(8, ((None, (0, 2)), (4, (1,)))),
    )
    assert list_accumulations([whole, whole]) == ()


@dataclasses.dataclass
class Summary:
    setting: Setting
    runs: tuple[Run, ...] = ()


@pytest.fixture
def study(tiny_study: Any) -> Study:
    from detstudy.study.spec import load_study

    return load_study(Path(tiny_study(factors={"batch_size": [4, 8]})))


def test_a_batch_size_alone_carries_the_rate_and_the_images(study: Study) -> None:
    assert find_caveats(study, change(batch_size=8), BASELINE) == (RateNotScaled(), ImagesDiffer(8000, 4000))


def test_held_images_are_fewer_steps(study: Study) -> None:
    fewer = StepsDiffer(364 / 1000 - 1)
    assert find_caveats(study, change(batch_size=11, iterations=364), BASELINE) == (RateNotScaled(), fewer)
    assert find_caveats(study, change(batch_size=11, iterations=364, learning_rate=0.011), BASELINE) == (fewer,)
    assert find_caveats(study, BASELINE, change(batch_size=8, iterations=500, learning_rate=0.008)) == (
        StepsDiffer(1.0),
    )


def test_other_factors_carry_nothing(study: Study) -> None:
    assert find_caveats(study, change(learning_rate=0.04), BASELINE) == ()
    assert find_caveats(study, BASELINE, BASELINE) == ()


def test_iterations_are_a_budget_unless_the_study_asks_for_them(study: Study) -> None:
    longer = change(iterations=2000)
    assert find_caveats(study, longer, BASELINE) == (StepsDiffer(1.0), ImagesDiffer(8000, 4000))
    asked = dataclasses.replace(study, factors=(Factor(name="iterations", levels=(1000, 2000)),))
    assert find_caveats(asked, longer, BASELINE) == ()


def test_the_rule_says_what_it_holds_and_what_it_changes(study: Study) -> None:
    larger = change(batch_size=8, iterations=500, warmup_iterations=50)
    runs = (
        Run(Effective(epochs=2.0)),
        Run(Effective(epochs=None)),
        Run(Effective()),
        Run(Effective(epochs=9.0), outcome="diverged"),
    )
    levels: Any = [(4, Summary(BASELINE, runs)), (8, Summary(larger, runs[:1]))]
    held = dataclasses.replace(study, when_batch_size_changes=BatchSizeRule(hold="images", learning_rate="fixed"))
    assert state_batch_rule(held, levels) == BatchRule(
        holds_images=True,
        scales_rate=False,
        levels=(4, 8),
        iterations=(1000, 500),
        warmup_iterations=(100, 50),
        learning_rates=(0.004, 0.004),
        epochs=(2.0, 2.0),
    )
    scaled = change(batch_size=8, learning_rate=0.008)
    steps = dataclasses.replace(study, when_batch_size_changes=BatchSizeRule(hold="iterations", learning_rate="linear"))
    rule = state_batch_rule(steps, [(4, Summary(BASELINE)), (8, Summary(scaled))])  # type: ignore[list-item]
    assert (rule.holds_images, rule.scales_rate, rule.epochs) == (False, True, (None, None))
