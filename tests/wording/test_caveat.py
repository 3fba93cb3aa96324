from detstudy.analysis.facts.caveat import (
    BatchRule,
    ImagesDiffer,
    RateNotScaled,
    SeedsInUnlikeParts,
    StepsDiffer,
    TrainedInParts,
)
from detstudy.analysis.facts.convergence import BothImproving
from detstudy.analysis.facts.setting import SettingName
from detstudy.wording import say
from detstudy.wording.caveat import say_caveats

HELD = BatchRule(
    holds_images=True,
    scales_rate=False,
    levels=(4, 8),
    iterations=(1000, 500),
    warmup_iterations=(100, 50),
    learning_rates=(0.004, 0.004),
    epochs=(2.0, 2.0),
)
SCALED = BatchRule(
    holds_images=False,
    scales_rate=True,
    levels=(4, 8),
    iterations=(1000, 1000),
    warmup_iterations=(100, 100),
    learning_rates=(0.004, 0.008),
    epochs=(None, None),
)


def test_the_rule_is_printed_with_what_it_changes() -> None:
    assert say(HELD) == (
        "Images seen are held fixed, so steps change with the batch size (4: 1,000, 8: 500) and warm-up too (4: 100, "
        "8: 50); the learning rate is not scaled with it, so learning rate / batch size, the scale of the gradient's "
        "noise, changes too (4: 0.001, 8: 0.0005). Epochs: 4: 2.0, 8: 2.0."
    )
    assert say(SCALED) == (
        "Steps are held fixed, so images seen change with the batch size (4: 4,000, 8: 8,000) and images in warm-up "
        "too (4: 400, 8: 800); the learning rate is scaled with it (4: 0.004, 8: 0.008)."
    )


def test_budgets_that_differ_are_said_with_their_numbers() -> None:
    assert say(StepsDiffer(-0.636)) == "64 % fewer steps"
    assert say(StepsDiffer(1.0)) == "100 % more steps"
    assert say(ImagesDiffer(8000, 4000)) == "unequal budgets: images seen differ (8,000 against 4,000)"


def test_a_batch_in_parts_says_why_and_what_differs() -> None:
    differs = "batch norm sees 4 images at a time"
    assert say(TrainedInParts(8, 4, ran_out_of_memory=True, differs=differs)) == (
        f"batch of 8 as 2 × 4, gradients accumulated since the whole batch ran out of memory: {differs}"
    )
    assert say(TrainedInParts(5, 2, ran_out_of_memory=False, differs=None)) == (
        "batch of 5 as 2 × 2 + 1, gradients accumulated as the setting asks"
    )
    assert say(SeedsInUnlikeParts(8, ((None, (0, 2)), (4, (1,))))) == (
        "not all seeds had their batches divided alike (whole: seed 0 and 2; 8 as 2 × 4: seed 1), which adds to the "
        "noise of the seeds"
    )


def test_a_sentence_of_caveats_names_its_setting_once() -> None:
    fast = SettingName((("learning_rate", 0.04),))
    both = BothImproving((fast, SettingName(())), stepped=False)
    assert say_caveats(fast, (both,)).startswith("Learning rate 0.04 and the baseline were both still improving when")
    assert say_caveats(fast, (StepsDiffer(1.0), RateNotScaled())) == (
        "learning rate 0.04: 100 % more steps; the learning rate was not scaled with the batch size."
    )
