import dataclasses
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.effective import (
    check_run,
    compute_rate,
    contradict_contrast,
    find_peak_learning_rate,
)
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.effective import (
    NotAsSet,
    NothingCut,
    NotTrainedAsSet,
    SameProposals,
    SameRates,
    SameValue,
    UnlikeValues,
)
from detstudy.ledger import Attempt, RunRecord, read_effective
from detstudy.study.hyperparameter import Hyperparameter, Proof
from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.schedule import compute_multiplier
from detstudy.wording import say

TRAINING = make_setting(
    name="compact", learning_rate=0.01, batch_size=4, iterations=400, schedule="warmup_cosine", warmup_iterations=40
)


def make_run(setting: Setting = TRAINING, **effective: Any) -> RunRecord:
    return RunRecord(
        id="r",
        setting_id="baseline",
        setting=setting,
        levels={},
        seed=0,
        state="ended",
        outcome="finished",
        effective=read_effective(effective),
        folder=Path("r"),
        evaluation_folder=Path("r"),
    )


def test_a_run_that_did_as_told_gives_no_notes() -> None:
    # half a cosine over the whole run, 0.9755 of its peak at the end of a tenth of warm-up
    assert find_peak_learning_rate(TRAINING) == pytest.approx(0.0097553, rel=1e-4)
    told: dict[str, Any] = {"learning_rate_max": 0.009755, "optimizer_steps": 400, "micro_batch_size": 4}
    told["precision"] = "fp32"
    assert check_run(make_run(**told)) == []
    assert check_run(make_run()) == []
    assert check_run(make_run(micro_batch_size=None)) == []


def test_the_peak_follows_the_schedule() -> None:
    multistep = TRAINING.replace(schedule="warmup_multistep")
    assert find_peak_learning_rate(multistep) == 0.01
    late = multistep.replace(warmup_iterations=400)
    assert find_peak_learning_rate(late) == pytest.approx(0.01 * compute_multiplier(late, 399))
    assert find_peak_learning_rate(TRAINING.replace(schedule="constant")) == 0.01
    assert find_peak_learning_rate(TRAINING.replace(warmup_factor=1.0)) == 0.01


def test_what_did_not_take_effect_is_named() -> None:
    peak = find_peak_learning_rate(TRAINING)
    assert check_run(make_run(learning_rate_max=0.004)) == [NotAsSet("learning_rate_max", 0.004, peak)]
    assert check_run(make_run(optimizer_steps=120)) == [NotAsSet("optimizer_steps", 120, 400)]
    assert check_run(make_run(micro_batch_size=2)) == [NotAsSet("micro_batch_size", 2, 4)]
    assert check_run(make_run(precision="fp16")) == [NotAsSet("precision", "fp16", "fp32")]


@pytest.mark.parametrize("schedule", ["warmup_multistep", "warmup_cosine", "constant"])
@pytest.mark.parametrize("changes", [{}, {"warmup_iterations": 0}, {"warmup_iterations": 400}, {"iterations": 50}])
def test_the_rate_is_the_one_that_is_trained_with(schedule: str, changes: dict[str, Any]) -> None:
    setting = TRAINING.replace(schedule=schedule, **changes)
    rates = [compute_rate(setting, step) for step in range(setting["iterations"])]
    applied = [0.01 * compute_multiplier(setting, step) for step in range(setting["iterations"])]
    assert rates == pytest.approx(applied, rel=1e-12)
    assert find_peak_learning_rate(setting) == pytest.approx(max(applied), rel=1e-12)


def compare(a: Setting, b: Setting, a_values: dict[str, Any], b_values: dict[str, Any]) -> Fact | None:
    a_runs, b_runs = [make_run(a, **a_values)] * 2, [make_run(b, **b_values)]
    return contradict_contrast(a_runs, b_runs)


def told(setting: Setting, **changes: Any) -> dict[str, Any]:
    """What a trainer that did as told records."""
    rates = [setting["learning_rate"] * compute_multiplier(setting, step) for step in range(setting["iterations"])]
    return {
        "learning_rate_max": max(rates),
        "learning_rate_last": rates[-1],
        "optimizer_steps": setting["iterations"],
        "images_seen": setting["iterations"] * setting["batch_size"],
        "micro_batch_size": setting["micro_batch_size"] or setting["batch_size"],
        "precision": setting["precision"],
        "proposals_entered": 3.0 * setting["rpn_pre_nms_top_n_train"],
        "proposals_survived": 3000.0,
        "proposals_kept": min(3000.0, setting["rpn_post_nms_top_n_train"]),
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.02},
        {"batch_size": 8},
        {"batch_size": 8, "iterations": 200, "warmup_iterations": 20},
        {"iterations": 800},
        {"schedule": "warmup_multistep"},
        {"schedule": "warmup_multistep", "milestones": (0.6, 0.8)},
        {"warmup_iterations": 80},
        {"micro_batch_size": 2},
        {"precision": "bf16"},
        {"rpn_pre_nms_top_n_train": 4000},
        {"rpn_post_nms_top_n_train": 1000},
        {"weight_decay": 0.01},
    ],
)
def test_arms_that_differ_as_their_settings_do_are_judged(changes: dict[str, Any]) -> None:
    other = TRAINING.replace(**changes)
    assert compare(other, TRAINING, told(other), told(TRAINING)) is None
    assert compare(other, TRAINING, {}, {}) is None  # a trainer that records nothing
    assert compare(other, TRAINING, dict.fromkeys(told(other)), told(TRAINING)) is None


@pytest.mark.parametrize(
    ("changes", "recorded", "reason"),
    [
        ({"learning_rate": 0.02}, {"learning_rate_max": 0.00975}, "the largest learning rate applied was 0.00975, not"),
        ({}, {"learning_rate_last": 0.01}, "the learning rate ended at 0.01, not 1.54e-07"),
        ({"iterations": 800}, {"optimizer_steps": 400, "images_seen": 1600}, "400 of 800 optimizer steps were taken"),
        ({"batch_size": 8}, {"images_seen": 1600}, "1,600 images were seen, not 3,200"),
        ({}, {"optimizer_steps": 300, "skipped_steps": 100}, "300 of 400 optimizer steps were taken"),
    ],
)
def test_a_run_that_was_not_trained_as_set_allows_no_verdict(
    changes: dict[str, Any], recorded: dict[str, Any], reason: str
) -> None:
    other = TRAINING.replace(**changes)
    found = compare(other, TRAINING, told(other, **recorded), told(TRAINING))
    assert found is not None
    assert isinstance(found, NotTrainedAsSet)
    assert say(found).startswith(f"baseline, seed 0, was not trained as set: {reason}")


def test_steps_left_out_for_overflow_are_taken_as_long_as_they_are_few() -> None:
    assert compare(TRAINING, TRAINING, told(TRAINING, optimizer_steps=397, skipped_steps=3), told(TRAINING)) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"learning_rate": 0.0102}, "the learning rate did nothing: in both the learning rate peaked at 0.00976"),
        ({"schedule": "warmup_multistep", "warmup_iterations": 1}, "the schedule did nothing: in both the learning"),
        ({"micro_batch_size": 2}, "the micro batch size did nothing: it was 4 in both"),
        ({"precision": "bf16"}, "the precision did nothing: it was fp32 in both"),
        (
            {"rpn_pre_nms_top_n_train": 9000},
            "the level did nothing: 6,000 proposals an image entered NMS at 2000, 6,000",
        ),
        ({"rpn_post_nms_top_n_train": 5000}, "the level did nothing: NMS left 1,500 proposals an image, and neither"),
    ],
)
def test_a_factor_that_did_nothing_allows_no_verdict(changes: dict[str, Any], reason: str) -> None:
    """The first arm's trainer did what the second's did."""
    other = TRAINING.replace(**changes)
    same = told(TRAINING, proposals_survived=1500.0, proposals_kept=1500.0)
    if "schedule" in changes:
        same["learning_rate_last"] = 2e-4  # within what either schedule is allowed at its end
    found = compare(other, TRAINING, same, same)
    assert found is not None
    assert isinstance(found, SameRates | SameValue | SameProposals | NothingCut)
    assert say(found).startswith(reason)


def test_what_differed_unasked_allows_no_verdict() -> None:
    faster = TRAINING.replace(learning_rate=0.02)
    found = compare(faster, TRAINING, told(faster, precision="fp16"), told(TRAINING))
    assert found == UnlikeValues("precision", (("fp16",), ("fp32",)))


def test_a_batch_that_a_trainer_had_to_split_is_still_a_batch() -> None:
    larger = TRAINING.replace(batch_size=8)
    assert compare(larger, TRAINING, told(larger, micro_batch_size=4), told(TRAINING)) is None


def test_a_batch_in_parts_is_a_caveat_and_no_contradiction() -> None:
    """One arm at the same batch size had to be split: judged, and neither a note nor "did nothing" hides it."""
    more = TRAINING.replace(rpn_pre_nms_top_n_train=9000)
    split = {"micro_batch_size": 2, "accumulation": "4 as 2 × 2"}
    had_to = dataclasses.replace(
        make_run(more, **told(more, **split)), earlier=(Attempt(outcome="out_of_memory", reason=None, measures=()),)
    )
    whole = make_run(**told(TRAINING))
    assert contradict_contrast([had_to, had_to], [whole]) is None
    assert check_run(had_to) == []
    for_no_reason = dataclasses.replace(had_to, earlier=())
    found = contradict_contrast([for_no_reason], [whole])
    assert found == UnlikeValues("micro_batch_size", ((2,), (4,)))
    assert check_run(for_no_reason) == [NotAsSet("micro_batch_size", 2, 4)]
    asked = TRAINING.replace(micro_batch_size=2)
    found = compare(asked, TRAINING, told(asked), told(TRAINING, **split))
    assert found == SameValue("micro_batch_size", 2)


def test_top_k_above_every_level_says_why_it_did_nothing() -> None:
    more = TRAINING.replace(rpn_pre_nms_top_n_train=9000)
    entered = {"proposals_entered": 2500.0, "anchors_per_level": [1200.0, 900.0, 400.0]}
    found = compare(more, TRAINING, told(more, **entered), told(TRAINING, **entered))
    assert found is not None
    assert say(found).endswith("2,500 at 9000, since no feature level has more than 1,200 anchors")
    # frames of other sizes came by: a little more or less of the same
    jitter = told(TRAINING, **{**entered, "proposals_entered": 2499.0})
    assert compare(more, TRAINING, told(more, **entered), jitter) is not None


def test_what_a_trainer_declares_of_its_own_is_proved_as_it_says() -> None:
    declared = (
        Hyperparameter(name="mixup", type=float, proof=Proof(value="mixup_seen")),
        Hyperparameter(name="queries", type=int, proof=Proof(value="queries_used", how="more")),
        Hyperparameter(name="free", type=int, default=0),
    )
    less, more = (Setting(declared, {"mixup": 0.1, "queries": queries}) for queries in (100, 300))
    mixed = less.replace(mixup=0.2)
    assert compare(less, mixed, {"mixup_seen": 0.1}, {"mixup_seen": 0.2}) is None
    assert compare(less, mixed, {"mixup_seen": 0.1}, {"mixup_seen": 0.1}) == SameValue("mixup", 0.1)
    assert compare(less, more, {"queries_used": 90.0}, {"queries_used": 250.0}) is None
    assert compare(less, more, {"queries_used": 90.0}, {"queries_used": 90.0}) == SameValue("queries", 90.0)
    assert compare(less, less.replace(free=1), {}, {}) is None
    assert check_run(make_run(mixed, mixup_seen=0.1)) == [NotAsSet("mixup", 0.1, 0.2)]
