import dataclasses

from detstudy.analysis import Contrast
from detstudy.analysis.facts.caveat import RateNotScaled
from detstudy.analysis.facts.contrast import ErrorKinds
from detstudy.analysis.facts.reason import Remedy
from detstudy.analysis.facts.warning import Departure
from detstudy.wording import say
from detstudy.wording.contrast import describe_contrast, state_verdict

BETTER = Contrast(
    a="learning_rate=0.001",
    b="baseline",
    measure="mask/AP",
    estimate=2.14,
    low=0.4,
    high=3.88,
    p=0.0312,
    degrees_of_freedom=7.5,
    verdict="better",
    reason=None,
    seeds=(1, 3),
    units="20 sequences",
    a_value=38.24,
    b_value=36.1,
    seed_variance=0.3,
    unit_variance=0.1,
)

KINDS = ErrorKinds(score_threshold=0.5, changed=(), unchanged=("duplicate",), reach=0.5, unsure=())


def test_a_contrast_is_one_line() -> None:
    assert describe_contrast(BETTER) == "mask/AP: 38.2 against 36.1, +2.1 (95 %: +0.4 to +3.9; p 0.031): better"
    unsure = dataclasses.replace(BETTER, low=None, high=None, p=None, verdict=None, reason="seed noise unknown")
    assert describe_contrast(unsure) == "mask/AP: 38.2 against 36.1, +2.1: no verdict (seed noise unknown)"
    files = dataclasses.replace(BETTER, verdict=None, p_randomisation=0.04)
    assert describe_contrast(files).endswith("(95 %: +0.4 to +3.9; p 0.031); p 0.04 by swapping")
    undefined = dataclasses.replace(unsure, measure="box/APl", estimate=None, reason="no large objects")
    assert describe_contrast(undefined) == "box/APl: no result (no large objects)"


def test_sentences_begin_with_the_verdict() -> None:
    basis = "1 against 3 seeds, 20 sequences"
    assert state_verdict("X", BETTER, 0.5) == f"Better: X changes mask AP by +2.1 (95 %: +0.4 to +3.9; {basis})."
    worse = dataclasses.replace(BETTER, estimate=-35.2, low=-39.4, high=-31.0, verdict="worse", seeds=(2, 2))
    assert state_verdict("X", worse, 0.5) == (
        "Worse: X changes mask AP by −35.2 (95 %: −39.4 to −31.0; 2 seeds each, 20 sequences)."
    )
    alike = dataclasses.replace(BETTER, estimate=0.1, low=-0.3, high=0.5, verdict="no difference that matters")
    assert state_verdict("X", alike, 0.5) == (
        f"No difference that matters: X changes mask AP by +0.1 (95 %: −0.3 to +0.5; at 90 % within ±0.5; {basis})."
    )


def test_what_goes_with_a_verdict_follows_it() -> None:
    full = dataclasses.replace(
        BETTER,
        exploratory=(Departure.SETTING_ADDED,),
        caveats=(RateNotScaled(),),
        kinds=KINDS,
        remedy=Remedy(3, None, 20, "sequence", 5),
    )
    text = state_verdict("X", full, 0.5)
    assert text.startswith("Exploratory (added after the first run). Better: X changes mask AP by +2.1 (")
    assert text.endswith(
        "The learning rate was not scaled with the batch size. "
        f"{say(KINDS)} If the difference stays as it is, 3 seeds each would tell."
    )
