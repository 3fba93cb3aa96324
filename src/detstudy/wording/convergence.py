"""Whether a curve was still rising, and what that does to a contrast, in words."""

from __future__ import annotations

import functools

from detstudy.analysis.facts.convergence import (
    LOSSES,
    BothImproving,
    Gain,
    GainUnclear,
    OneImproving,
    TooFewPoints,
)
from detstudy.analysis.records import Convergence
from detstudy.numbers import describe_interval, format_change, format_share
from detstudy.wording.labels import label_measure
from detstudy.wording.say import say
from detstudy.wording.setting import say_in_text


@say.register
def _(fact: TooFewPoints) -> str:
    found = ", ".join(f"{number} of {label_measure(by)}" for by, number in fact.points)
    where = "the last third before the learning rate's step" if fact.stepped else "its last third"
    every = fact.validate_every
    advice = f"set monitoring.validate_every to {every:,} or less" if every else "train for more iterations"
    return f"too few points in {where} ({found}; {fact.needed} are needed): {advice}"


@say.register
def _(fact: GainUnclear) -> str:
    unit = "%" if fact.of_loss else "AP"
    return f"the gain's interval holds {fact.margin:g} {unit}, from which it counts: validate more often or add seeds"


@say.register
def _(fact: Gain) -> str:
    """Return "+1.3 mask AP (90 %: +0.4 to +2.9)", "validation loss lower by 12 % (90 %: 8 % to 17 %)"."""
    interval = describe_interval(fact.low, fact.high, functools.partial(format_gain, by=fact.by), confidence=90)
    gain = format_gain(fact.points, fact.by)
    if fact.by in LOSSES:
        return f"{label_measure(fact.by)} lower by {gain} ({interval})"
    return f"{gain} {label_measure(fact.by)} ({interval})"


def format_gain(value: float, by: str) -> str:
    """Return a gain of what a curve was judged by: "+1.3" AP, "12 %" of a loss."""
    return format_share(value / 100) if by in LOSSES else format_change(value)


@say.register
def _(fact: Convergence) -> str:
    """Return the verdict, with what the schedule did to it."""
    if fact.state == "unclear":
        return "unclear"
    if fact.stepped:
        return f"{fact.state} when the learning rate was stepped down at iteration {fact.end:,.0f}"
    if fact.state == "flat":
        why = ", whose learning rate had fallen to almost nothing" if fact.decayed else ""
        return f"flat under its schedule{why}"
    return "rising" + (", while its learning rate fell" if fact.decayed else "")


@say.register
def _(fact: BothImproving) -> str:
    a, b = map(say_in_text, fact.arms)
    return (
        f"{a} and {b} were both still improving {_say_end(fact.stepped)}: this compares them at this length of "
        "training, not their end results"
    )


@say.register
def _(fact: OneImproving) -> str:
    improving = (
        f"still improving {_say_end(fact.stepped)} (at that pace {say(fact.gain)} in half as many iterations again)"
    )
    arm = say_in_text(fact.arm)
    if fact.standing == "even":
        return f"{arm} was {improving}: this compares speed, not the end result"
    if fact.standing == "behind":
        return f"{arm} is behind, but was {improving}: this compares speed, not the end result"
    if fact.other_flat:
        return f"{arm} is ahead and was {improving}: the direction is safe, the size may grow"
    return f"{arm} is ahead and was {improving}: the size of the difference is not final"


def _say_end(stepped: bool) -> str:
    return "when the learning rate was stepped down" if stepped else "when the iterations ended"
