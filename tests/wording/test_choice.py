import dataclasses

from detstudy.analysis.facts.choice import Certainty, Choice, Ground
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.setting import Accumulation, LevelName, SettingName, UnitCount
from detstudy.wording import say
from detstudy.wording.choice import head_choice, reason_choice

SURE = Certainty(
    baseline_seeds=3, seeds=(1, 1), units=UnitCount(20, "sequence"), measure="mask/AP", seed_sd=0.4, detectable=None
)
BETTER = Contrast(
    a="bb",
    b="baseline",
    measure="mask/AP",
    estimate=3.0,
    low=2.0,
    high=4.0,
    p=0.01,
    degrees_of_freedom=5.0,
    verdict="better",
    reason=None,
    seeds=(1, 3),
    units="20 sequences",
)
TAKEN = Choice(
    setting_id="bb",
    setting="bb",
    ground=Ground.BETTER,
    measure="mask/AP",
    mean=43.0,
    contrast=BETTER,
    compared=3,
    loses_at_most=2.0,
    seconds=100.0,
    time_ratio=1.0,
    memory_bytes=2.1 * 2**30,
    cheaper=None,
    certainty=SURE,
)
KEPT = dataclasses.replace(
    TAKEN,
    setting_id="baseline",
    setting=SettingName(()),
    ground=Ground.NOTHING_BETTER,
    mean=40.0,
    contrast=None,
    time_ratio=None,
)


def test_a_better_setting_is_taken_with_gain_loss_and_cost() -> None:
    assert head_choice(TAKEN) == "Take bb"
    assert say(TAKEN) == (
        "Take bb: +3.0 mask AP over the baseline (95 %: +2.0 to +4.0); at 95 % you lose at most 2.0 mask AP by it; "
        "×1.00 the baseline's time, 2.1 GiB."
    )
    unsure = dataclasses.replace(TAKEN, ground=Ground.LOSES_LEAST, loses_at_most=0.1)
    assert "not shown to be better, but what one loses least by; at 95 % you lose at most 0.1 mask AP" in say(unsure)
    assert say(dataclasses.replace(TAKEN, loses_at_most=None)).startswith(
        "Take bb: +3.0 mask AP over the baseline (95 %: +2.0 to +4.0); what you may lose by it can't be bounded yet;"
    )


def test_the_baseline_is_kept_and_said_why() -> None:
    assert say(KEPT).startswith("Keep the baseline, 40.0 mask AP: nothing else is shown to be better; at 95 % you")
    assert "; 1 min 40 s of training, 2.1 GiB." in say(KEPT)
    assert "at 95 % you lose nothing by it" in say(dataclasses.replace(KEPT, loses_at_most=0.0))
    alone = dataclasses.replace(KEPT, ground=Ground.ONLY_RESULT, compared=1, loses_at_most=None)
    assert reason_choice(alone).startswith("40.0 mask AP: no other setting has a result; 1 min 40 s")
    cheaper = dataclasses.replace(KEPT, cheaper=("bb", 0.6))
    assert say(cheaper).endswith("Cheaper, with no difference that matters: bb (×0.60 the time).")
    level = dataclasses.replace(KEPT, setting=LevelName("learning_rate", 0.004, baseline=True))
    assert head_choice(level) == "Keep learning rate 0.004 (the baseline)"
    in_parts = dataclasses.replace(KEPT, setting=SettingName((), Accumulation(16, (8,), 1, 1)))
    assert head_choice(in_parts) == "Keep the baseline (batch of 16 as 2 × 8)"


def test_a_best_mean_is_taken_for_now_and_said_to_be_no_more() -> None:
    best = dataclasses.replace(TAKEN, ground=Ground.BEST_MEAN, contrast=None, time_ratio=None)
    assert say(best).startswith("Take bb for now, 43.0 mask AP: the baseline has no result, so this is only the best")


def test_better_levels_that_were_never_run_together_are_named() -> None:
    apart = dataclasses.replace(TAKEN, apart=("learning_rate", "batch_size"))
    assert say(apart).endswith(
        "The better levels of learning rate and batch size were not run together: their gains need not add up."
    )


def test_how_sure_says_what_it_rests_on() -> None:
    assert say(SURE) == (
        "3 baseline seeds, 1 seed a setting, 20 sequences; from seed to seed mask AP varies by 0.4 "
        "(standard deviation)."
    )
    unknown = dataclasses.replace(SURE, seeds=(1, 3), seed_sd=None, detectable=1.25)
    assert say(unknown) == (
        "3 baseline seeds, 1 to 3 seeds a setting, 20 sequences; seed noise unknown: no setting gave two different "
        "results; a difference of 1.2 mask AP would be found in 80 % of such studies."
    )
