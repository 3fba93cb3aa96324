"""Costs, convergence, proposals, interactions and kinds of error, in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from detstudy.analysis.facts import contrast, convergence, cost, interaction, proposal
from detstudy.analysis.facts.interaction import BestLevels, EffectVerdict, Exchange
from detstudy.analysis.facts.setting import SettingName, UnitCount
from detstudy.analysis.facts.spread import spread_values
from detstudy.analysis.records import Convergence, Effect, Price, TradeGap, TradeOff, TradePoint
from detstudy.wording import say
from detstudy.wording.error_kind import name_errors


def make_point(name: str, ap: float, seconds: float, error: float | None, share: float | None) -> TradePoint:
    ends: dict[str, Any] = dict.fromkeys(("ap_low", "ap_high", "cost_low", "cost_high"))
    return TradePoint(id=name, label=name, ap=ap, ap_error=error, cost=seconds, front=True, share=share, **ends)


def make_step(low: int, high: int, **changes: dict[int, float]) -> proposal.ProposalStep:
    spreads = {name: spread_values(changes.get(name, {})) for name in ("recall", "false_positives", "seconds")}
    return proposal.ProposalStep(low=low, high=high, **spreads)


def make_price(a: str, b: str) -> Price:
    return Price(cheaper=a, dearer=b, gain=0.6, extra=3411.0, price=None, low=None, high=None, reason=None)


TOP_K = TradeOff(
    measure="train/seconds",
    unit="s",
    objective="mask/AP",
    points=(
        make_point("6000", 39.3, 6972.0, 0.6, 0.1),
        make_point("9000", 39.9, 10383.0, 0.6, 0.7),
        make_point("12000", 40.4, 12485.0, 0.0, 0.2),
    ),
    missing=(),
    best="12000",
    choice="9000",
    tolerance=None,
    saving=(0.83, 0.83, 0.83),
    gives_up_at_most=1.7,
    prices=(make_price("6000", "9000"), make_price("9000", "12000")),
    unjudged=(),
    reason=None,
    notes=(),
)


def test_the_cheapest_that_is_good_enough_is_said_with_what_one_may_lose() -> None:
    assert say(TOP_K) == (
        "More training time than 9000 takes is not worth it: 39.9 mask AP for 2 h 53 min, 0.5 behind 12000, which is "
        "within one standard error (0.6), at ×0.83 the training time; at 95 % you lose at most 1.7 mask AP by it. "
        "Repeated with other seeds and images, the choice would fall on it in 70 %, on 12000 in 20 %, on 6000 in 10 %."
    )
    tolerated = say(dataclasses.replace(TOP_K, tolerance=1.2, saving=(0.83, 0.8, 0.9)))
    assert "0.5 behind 12000, which is within the tolerance of 1.2 AP, at ×0.83 the training time (95 %: ×0.80 to" in (
        tolerated
    )
    strict = dataclasses.replace(TOP_K, choice="12000", tolerance=0.2)
    assert say(strict).startswith(
        "Nothing cheaper than 12000, the best mean, comes within the tolerance of 0.2 AP of it: 40.4 mask AP for 3 h 28"
    )
    assert say(dataclasses.replace(strict, prices=())).startswith("Nothing takes measurably less than 12000")
    assert "; at 95 % you lose nothing by it. Repeated" in say(dataclasses.replace(TOP_K, gives_up_at_most=0.0))
    alone = dataclasses.replace(TOP_K, points=TOP_K.points[:1], choice="6000", best="6000")
    assert say(alone) == "Only 6000 has a result: 39.3 mask AP for 1 h 56 min."


def test_what_is_unknown_of_a_trade_off_is_said() -> None:
    why = "seed noise unknown: no setting was trained with two seeds"
    blind = tuple(dataclasses.replace(point, ap_error=None, share=None) for point in TOP_K.points)
    unknown = dataclasses.replace(TOP_K, points=blind, choice=None, saving=None, gives_up_at_most=None, reason=why)
    assert say(unknown).startswith(
        f"Can't tell from where on more training time is not worth it: {why}. By the means alone no setting beats 6000 "
        "(39.3 for 1 h 56 min), 9000 (39.9 for 2 h 53 min), 12000 "
    )
    notes = (cost.SharedMachine(2), cost.UnlikeMachines(("A", "B")))
    text = say(dataclasses.replace(TOP_K, unjudged=("3000",), reason=why, gives_up_at_most=None, notes=notes))
    assert "what you may lose by it can't be bounded, since the noise of some differences is unknown. " in text
    assert text.endswith(
        f"Cheaper, but not to be judged: 3000 ({why}). Times are rough: 2 runs shared the machine. Times come from "
        "different hardware (A, B): they can't be compared."
    )
    told = dataclasses.replace(TOP_K, points=blind, tolerance=0.5)
    assert say(told).startswith("More training time than 9000 takes is not worth it by the means alone: ")


def test_steps_without_a_price_and_settings_without_a_result_say_why() -> None:
    assert say(cost.NoPrice(0.6, None)) == "can't be priced: the noise is unknown"
    assert say(cost.NoPrice(0.6, (-0.66, 1.86))) == (
        "can't be priced: +0.6 AP (95 %: −0.7 to +1.9) can't be told from 0"
    )
    gap = TradeGap(label="batch size 16", reason="out of memory", cost=2000.0, unit="s")
    assert say(gap) == "batch size 16: out of memory; 33 min 20 s"
    assert say(dataclasses.replace(gap, reason=None, cost=None)) == "batch size 16: not measured"


CURVE = Convergence(
    state="rising",
    by="mask/AP",
    gain=1.3,
    low=0.4,
    high=2.9,
    margin=0.5,
    points=12,
    start=1600.0,
    end=2400.0,
    stepped=False,
    rate_left=0.5,
)
GAIN = convergence.Gain("mask/AP", 1.3, 0.4, 2.9)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "rising"),
        ({"rate_left": 0.01}, "rising, while its learning rate fell"),
        ({"stepped": True, "end": 1680.0}, "rising when the learning rate was stepped down at iteration 1,680"),
        ({"state": "flat"}, "flat under its schedule"),
        (
            {"state": "flat", "rate_left": 0.0},
            "flat under its schedule, whose learning rate had fallen to almost nothing",
        ),
        ({"state": "unclear"}, "unclear"),
    ],
)
def test_a_curves_verdict_is_said_with_its_schedule(changes: dict[str, Any], text: str) -> None:
    assert say(dataclasses.replace(CURVE, **changes)) == text


def test_why_a_curve_is_unclear_says_what_to_set() -> None:
    counts = (("mask/AP", 0), ("validation/loss", 0), ("training/loss", 4))
    few = convergence.TooFewPoints(counts, needed=8, stepped=False, validate_every=100)
    assert say(few) == (
        "too few points in its last third (0 of mask AP, 0 of validation loss, 4 of training loss; 8 are needed): set "
        "monitoring.validate_every to 100 or less"
    )
    short = dataclasses.replace(few, stepped=True, validate_every=None)
    assert say(short).startswith("too few points in the last third before the learning rate's step (")
    assert say(short).endswith(": train for more iterations")
    assert say(convergence.GainUnclear(5.0, of_loss=True)).startswith("the gain's interval holds 5 %, from which it")


@pytest.mark.parametrize(
    ("standing", "flat", "text"),
    [
        (
            "behind",
            True,
            "0.00025 is behind, but was still improving when the iterations ended (at that pace +1.3 mask AP",
        ),
        ("behind", True, "this compares speed, not the end result"),
        ("even", True, "0.00025 was still improving"),
        ("ahead", True, "0.00025 is ahead and was still improving"),
        ("ahead", True, "the direction is safe, the size may grow"),
        ("ahead", False, "the size of the difference is not final"),
    ],
)
def test_an_arm_that_still_rose_is_said_with_its_standing(standing: Any, flat: bool, text: str) -> None:
    assert text in say(convergence.OneImproving("0.00025", False, GAIN, standing, flat))


def test_gains_and_two_rising_arms() -> None:
    assert say(GAIN) == "+1.3 mask AP (90 %: +0.4 to +2.9)"
    loss = convergence.Gain("validation/loss", 12.0, -3.0, 17.0)
    assert say(loss) == "validation loss lower by 12 % (90 %: −3 % to 17 %)"
    both = convergence.BothImproving((SettingName((("learning_rate", 0.04),)), SettingName(())), stepped=True)
    assert say(both).startswith(
        "learning rate 0.04 and the baseline were both still improving when the learning rate was stepped down: "
    )


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (
            proposal.ProposalCounts("test", ((20, 60.0, 30.0, None), (100, 260.0, 90.0, 50.0))),
            "Proposals an image that entered NMS at test time and survived it, mean: 20: 60 entered, 30 survived; "
            "100: 260 entered, 90 survived, 50 kept by the cut after it.",
        ),
        (
            proposal.LevelIdle(1000, 2000, keeps=False),
            "1000 and 2000 let the same number of proposals in: between them the level did nothing.",
        ),
        (
            proposal.LevelIdle(500, 1000, keeps=True),
            "500 and 1000 keep the same number of proposals: between them the level did nothing.",
        ),
        (
            proposal.Saturation((("P4", 6552.0), ("P5", 1638.0), ("P6", 441.0)), ("P2", "P3")),
            "P4, P5 and P6 have 6,552, 1,638 and 441 anchors an image: above that, k changes nothing there; from 6,552 "
            "on only P2 and P3 react.",
        ),
        (
            proposal.Saturation((("P2", 104_832.0),), ()),
            "P2 has 104,832 anchors an image: above that, k changes nothing there; from 104,832 on k changes nothing "
            "at all.",
        ),
        (
            proposal.NoSaturation("P6", 441.0, 400),
            "No feature level is saturated: P6 has the fewest anchors an image, 441, and the largest k is 400.",
        ),
        (
            proposal.RecallByLevel(((1000, 70.0), (2000, 70.0)), make_step(1000, 2000, recall={0: 0.0, 1: 0.0})),
            "Objects covered by proposals (proposal AR1000, 0 to 100): 70.0 at 1,000, 70.0 at 2,000; the step from "
            "1,000 to 2,000 changes it by 0.0 ± 0.0 (2 seeds).",
        ),
        (
            proposal.RecallCut((100, 300), "rpn_post_nms_top_n_test", 64),
            "Proposal AR100 and AR300 see at most 64 proposals an image: RPN post-NMS top-k (test) is 64.",
        ),
        (
            proposal.StepCost(
                make_step(6000, 9000, seconds={0: 0.3, 1: 0.4}, false_positives={0: -0.67}), "training", "mask"
            ),
            "From 6,000 to 9,000: training time an iteration +350 ms ± 70.7 ms (2 seeds); mask false positives an "
            "image −0.67 (1 seed).",
        ),
    ],
)
def test_what_became_of_proposals_is_said(fact: object, text: str) -> None:
    assert say(fact) == text


EFFECT = Effect(
    objective="mask/AP",
    factors=("learning_rate", "batch_size"),
    sum_of_squares=4.0,
    degrees_of_freedom=1,
    f=9.0,
    p=0.0001,
    p_holm=0.0001,
    p_images=0.0002,
    omega_squared=0.93,
    verdict=EffectVerdict.FOUND,
    best=BestLevels(
        "learning_rate",
        "batch_size",
        ((4, 0.004), (8, 0.04)),
        (Exchange(4, 5.1, 3.0, 7.2), Exchange(8, -4.9, -7, -2.8)),
    ),
)


def test_a_best_level_that_moves_is_said_with_its_price() -> None:
    assert say(EFFECT) == (
        "The best learning rate depends on the batch size: 0.004 at 4, 0.04 at 8 (p < 0.001). 0.004 in place of 0.04 "
        "makes +5.1 mask AP at 4 (95 %: +3.0 to +7.2) and −4.9 mask AP at 8 (95 %: −7.0 to −2.8)."
    )
    assert EFFECT.best is not None
    uncertain = dataclasses.replace(EFFECT, best=dataclasses.replace(EFFECT.best, exchange=()))
    assert say(uncertain) == (
        "What the learning rate does depends on the batch size (p < 0.001). The highest means are 0.004 at 4, 0.04 at "
        "8, but which level is best is not certain at each."
    )
    same = BestLevels("learning_rate", "batch_size", ((4, 0.004), (8, 0.004)), ())
    assert say(dataclasses.replace(EFFECT, best=same)).endswith(", though 0.004 has the highest mean at each.")


def test_effects_that_are_not_certain_are_said_so() -> None:
    none = dataclasses.replace(EFFECT, p_holm=0.3, p_images=None, verdict=EffectVerdict.NOT_FOUND, best=None)
    assert say(none) == (
        "No interaction was found between learning rate and batch size (p 0.3); that is not proof of none."
    )
    here = dataclasses.replace(EFFECT, p_holm=0.01, p_images=0.2, verdict=EffectVerdict.ON_THESE_IMAGES, best=None)
    assert say(here).startswith("No interaction between learning rate and batch size is certain: there is one on these")
    blank = dataclasses.replace(EFFECT, p_holm=None, verdict=EffectVerdict.NOT_TESTED, best=None)
    assert say(blank).startswith("Whether learning rate and batch size interact can't be told: ")
    alone: dict[str, Any] = {"factors": ("learning_rate",), "best": None}
    assert say(dataclasses.replace(EFFECT, **alone)) == (
        "The learning rate changes mask AP, averaged over the other factors' levels (p < 0.001, partial ω² 0.93)."
    )
    assert say(dataclasses.replace(none, **alone)).startswith("No effect of the learning rate on mask AP was found, ")
    assert ", but on others it may not (p 0.2)." in say(dataclasses.replace(here, **alone))
    assert say(dataclasses.replace(blank, **alone)).startswith("The effect of the learning rate can't be told from ")


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (interaction.TrainsNothing("box_nms_threshold"), "box NMS threshold trains nothing: "),
        (interaction.TooFewLevels("batch_size", 4), "only batch size 4 has a result"),
        (interaction.TooFewLevels("learning_rate", None), "no level of learning rate has a result"),
        (interaction.NoAnalysis.NO_GRID, "the settings are no grid, since "),
        (interaction.NoAnalysis.ONE_SEED, "one seed a setting leaves no noise to hold it against"),
        (
            interaction.VarianceBasis("mask/AP", 12, 4, 3, 0.5, 8, UnitCount(20, "sequence")),
            "over 12 runs in 4 settings; each p is Holm's over 3 effects. Its noise is the seeds' (0.5, 8 degrees of "
            "freedom) on these validation images; what is said to hold holds for other images too (20 sequences)",
        ),
        (
            interaction.LeftOut((SettingName((("batch_size", 16),)), SettingName((("batch_size", 8),)))),
            "Without a result, and left out: batch size 16; batch size 8.",
        ),
        (interaction.BatchesInParts(("a", "b"), ("as 2 × 8",)), "Batches in parts: a; b (as 2 × 8)."),
        (interaction.UnlikeNoise(0.004), "(Bartlett's test, p 0.004)"),
    ],
)
def test_what_an_analysis_of_variance_rests_on_is_said(fact: object, words: str) -> None:
    assert words in say(fact)


def test_kinds_of_error_are_said_in_one_sentence() -> None:
    change = contrast.KindChange("missed", ("small",), -0.12, -0.2, -0.04)
    found = contrast.ErrorKinds(0.5, (change,), ("background",), 0.03, ("duplicate",))
    assert say(found) == (
        "At score ≥ 0.5: fewer missed small objects (−0.12 an image, 95 %: −0.20 to −0.040); background false "
        "positives unchanged (within ±0.030 an image); can't tell for duplicates."
    )
    nothing = contrast.ErrorKinds(0.5, (), (), 0.0, ())
    assert say(nothing) == "At score ≥ 0.5: no kind of error is shown to differ."
    assert name_errors("background", ["small"]) == "background false positives of small size"
    assert name_errors("duplicate", ["small", "large"]) == "duplicates of small and large objects"
    assert name_errors("both") == "errors of both class and place"
