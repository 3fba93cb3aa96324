"""What is reached at what cost, in words: which setting to take, and what each point of AP costs."""

from __future__ import annotations

from collections.abc import Mapping

from detstudy.analysis.facts.cost import NoPrice, SharedMachine, UnlikeMachines
from detstudy.analysis.records import TradeGap, TradeOff, TradePoint
from detstudy.numbers import (
    describe_interval,
    format_ap,
    format_change,
    format_cost,
    format_ratio,
    format_share,
    rounds_to_nothing,
)
from detstudy.wording.labels import label_measure
from detstudy.wording.say import phrase, say

COST_NAMES: Mapping[str, str] = {
    "train/seconds": "training time",
    "train/peak_memory_bytes": "peak memory",
    "test/seconds_per_image": "inference time",
}
NAMED_SHARE = 0.05
"""Settings on which the choice falls more rarely when the study is repeated are not named."""


phrase(SharedMachine, "Times are rough: {runs} runs shared the machine.")
phrase(UnlikeMachines, "Times come from different hardware ({machines:list}): they can't be compared.")


@say.register
def _(fact: NoPrice) -> str:
    if fact.interval is None:
        return "can't be priced: the noise is unknown"
    return f"can't be priced: {format_change(fact.gain)} AP ({describe_interval(*fact.interval)}) can't be told from 0"


@say.register
def _(fact: TradeOff) -> str:
    """Return which setting to take and what one may lose by it, verdict first."""
    if fact.choice is None:
        return " ".join([_say_unknown(fact), *map(say, fact.notes)])
    parts = [_say_choice(fact)]
    if fact.unjudged:
        listed = ", ".join(map(say, fact.unjudged))
        parts.append(f"Cheaper, but not to be judged: {listed} ({_say_why(fact)}).")
    return " ".join([*parts, *map(say, fact.notes)])


@say.register
def _(fact: TradeGap) -> str:
    """Return why a setting has no result, and what its runs had used: "batch size 16: out of memory; 33 min"."""
    reason = "not measured" if fact.reason is None else say(fact.reason)
    used = "" if fact.cost is None else f"; {format_cost(fact.cost, fact.unit)}"
    return f"{say(fact.label)}: {reason}{used}"


def _say_why(fact: TradeOff) -> str:
    return "the noise is unknown" if fact.reason is None else say(fact.reason)


def _say_choice(fact: TradeOff) -> str:
    points = {point.id: point for point in fact.points}
    assert fact.choice is not None
    choice, best = points[fact.choice], points[fact.best]
    measure, cost = label_measure(fact.objective), COST_NAMES[fact.measure]
    reached = f"{format_ap(choice.ap)} {measure} for {format_cost(choice.cost, fact.unit)}"
    if len(points) == 1:
        return f"Only {say(choice.label)} has a result: {reached}."
    how = " by the means alone" if choice.share is None and fact.tolerance is not None else ""
    within = "one standard error" if fact.tolerance is None else f"the tolerance of {fact.tolerance:g} AP"
    if choice is not best:
        behind = format_ap(best.ap - choice.ap)
        error = f" ({format_ap(choice.ap_error or 0.0)})" if fact.tolerance is None else ""
        what = (
            f"More {cost} than {say(choice.label)} takes is not worth it{how}: {reached}, {behind} behind "
            f"{say(best.label)}, which is within {within}{error}, at {_say_saving(fact)}"
        )
    elif fact.prices:
        what = f"Nothing cheaper than {say(choice.label)}, the best mean{how}, comes within {within} of it: {reached}"
    else:
        what = f"Nothing takes measurably less than {say(choice.label)}, the best mean{how}: {reached}"
    loss = fact.gives_up_at_most
    if loss is None:
        bound = "what you may lose by it can't be bounded, since the noise of some differences is unknown"
    elif rounds_to_nothing(loss):
        bound = "at 95 % you lose nothing by it"
    else:
        bound = f"at 95 % you lose at most {format_ap(loss)} {measure} by it"
    return " ".join([f"{what}; {bound}.", *_say_shares(fact, choice)])


def _say_saving(fact: TradeOff) -> str:
    """Return the choice's cost as a share of the best's, with its interval where that is known."""
    assert fact.saving is not None
    ratio, low, high = fact.saving
    interval = "" if low == high else f" ({describe_interval(low, high, format_ratio)})"
    return f"{format_ratio(ratio)} the {COST_NAMES[fact.measure]}{interval}"


def _say_shares(fact: TradeOff, choice: TradePoint) -> list[str]:
    """Return how often the same study, repeated, would choose the same; [] where that is unknown."""
    if choice.share is None:
        return []
    others = [point for point in fact.points if point is not choice and (point.share or 0.0) >= NAMED_SHARE]
    others.sort(key=lambda point: -(point.share or 0.0))
    listed = ", ".join(
        f"on {'it' if point is choice else say(point.label)} in {format_share(point.share or 0.0)}"
        for point in [choice, *others]
    )
    return [f"Repeated with other seeds and images, the choice would fall {listed}."]


def _say_unknown(fact: TradeOff) -> str:
    """Return the front by the means, and why it holds no choice."""
    points = sorted((point for point in fact.points if point.front), key=lambda point: point.cost)
    listed = ", ".join(
        f"{say(point.label)} ({format_ap(point.ap)} for {format_cost(point.cost, fact.unit)})" for point in points
    )
    cost = COST_NAMES[fact.measure]
    return (
        f"Can't tell from where on more {cost} is not worth it: {_say_why(fact)}. By the means alone no setting beats "
        f"{listed}; with `tolerance` in the study file the cheapest within that of the best is chosen by the means."
    )
