from detstudy.analysis.facts.effective import (
    NotAsSet,
    NothingCut,
    NotTrainedAsSet,
    SameProposals,
    SameRates,
    SameValue,
    UnlikeValues,
)
from detstudy.analysis.facts.setting import About, RunName, SettingName
from detstudy.wording import say

FAST = SettingName((("learning_rate", 0.04),))


def test_what_was_not_as_set_is_said_with_what_was_asked() -> None:
    steps, peak = NotAsSet("optimizer_steps", 120, 400), NotAsSet("learning_rate_max", 0.004, 0.0097553)
    assert say(peak) == "the largest learning rate applied was 0.004, not 0.00976"
    assert say(NotAsSet("learning_rate_last", 0.01, 1.54e-7)) == "the learning rate ended at 0.01, not 1.54e-07"
    assert say(steps) == "120 of 400 optimizer steps were taken"
    assert say(NotAsSet("images_seen", 1600, 3200)) == "1,600 images were seen, not 3,200"
    assert say(NotAsSet("micro_batch_size", 2, 4)) == "micro batch size was 2, not 4"
    assert say(About(FAST, steps)) == "learning rate 0.04: 120 of 400 optimizer steps were taken"
    assert say(NotTrainedAsSet(RunName(FAST, 1), (steps, peak))) == (
        "learning rate 0.04, seed 1, was not trained as set: 120 of 400 optimizer steps were taken; the largest "
        "learning rate applied was 0.004, not 0.00976"
    )


def test_a_factor_that_did_nothing_is_said_with_what_was_the_same() -> None:
    assert say(SameRates("learning_rate", 0.00976, 1e-7)) == (
        "the learning rate did nothing: in both the learning rate peaked at 0.00976 and ended at 1e-07"
    )
    assert say(SameValue("precision", "fp32")) == "the precision did nothing: it was fp32 in both"
    assert say(UnlikeValues("precision", (("bf16", "fp16"), ("fp32",)))) == (
        "the precision differed though the settings do not ask for it: bf16, fp16 against fp32"
    )
    assert say(SameProposals(2000, 9000, (2500, 2500), (2499, 2500), 1200)) == (
        "the level did nothing: 2,500 proposals an image entered NMS at 2000, 2,499 to 2,500 at 9000, since no feature "
        "level has more than 1,200 anchors"
    )
    assert say(NothingCut((1500, 1500))) == (
        "the level did nothing: NMS left 1,500 proposals an image, and neither limit cut any"
    )
