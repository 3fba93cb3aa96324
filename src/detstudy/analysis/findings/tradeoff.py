"""AP against what it takes: which settings none beats, from where on more is not worth it, and how sure that is."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.findings.choice import Bound
from detstudy.analysis.findings.cost import (
    COSTS,
    Costs,
    describe_clock,
    list_costs,
    read_costs,
    read_reached,
)
from detstudy.analysis.findings.front import Array, Compare, Pairs, bound_price, compare_all, draw_repeats, follow_rule
from detstudy.analysis.records import Price, SettingSummary, TradeGap, TradeOff, TradePoint
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
from detstudy.wording.say import say

REPEATS = 2000
"""Repeats of the study that are drawn; a share from them is known to 1 %."""

NAMED_SHARE = 0.05
"""Settings on which the choice falls more rarely when the study is repeated are not named."""


def weigh_costs(
    settings: Sequence[SettingSummary],
    objective: str,
    compare: Compare,
    bound: Bound,
    tolerance: float | None = None,
) -> tuple[TradeOff, ...]:
    """Weigh the objective against training time, peak memory and inference time, of those that were measured.

    The choice is the cheapest setting of the front whose AP is within `tolerance` (AP) of the best, or, without a
    tolerance, within one standard error of its paired difference to the best; None where that is unknown. Costs closer
    than 5 %, or than one standard error of their ratio, are the same. `bound` gives what one loses at most by a
    setting.

    Source of the rule: Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), 3.4.3.
    """
    known = [summary for summary in settings if objective in summary.measures]
    pairs = compare_all([summary.id for summary in known], compare)
    found = []
    for measure, having in list_costs(settings, objective).items():
        own = pairs.keep([known.index(summary) for summary in having])
        trade_off = _weigh_cost(having, objective, measure, own, tolerance)
        found.append(_complete(trade_off, settings, compare, bound))
    return tuple(found)


def _weigh_cost(
    settings: Sequence[SettingSummary], objective: str, measure: str, pairs: Pairs, tolerance: float | None
) -> TradeOff:
    """Return the objective against one cost, of settings that have both; bound and sentence are to come."""
    costs = read_costs(settings, measure)
    means = np.array([summary.measures[objective].mean for summary in settings])
    top = int(means.argmax())
    # settings that share weights are compared over common seeds: their paired differences say more than the means
    scores = np.where(np.isnan(pairs.differences[:, top]), means, means[top] + pairs.differences[:, top])
    allowed = np.nan_to_num(pairs.errors) if tolerance is None else np.full(pairs.errors.shape, tolerance)
    ratios = costs.bound_ratios()
    best, choices, fronts = follow_rule(scores[None], costs.values[None], allowed, ratios)
    generator = np.random.default_rng(0)
    repeats = draw_repeats(scores, pairs, REPEATS, generator)
    shares = None
    if repeats is not None:
        drawn, factors = repeats
        # an error that is estimated twice as large lets twice the difference pass
        drawn = drawn / factors if tolerance is None else drawn
        repeated = follow_rule(drawn, costs.draw(REPEATS, generator), allowed, ratios)[1]
        shares = np.bincount(repeated, minlength=len(settings)) / REPEATS
    points = _list_points(settings, means, costs, pairs, int(best[0]), fronts[0], shares)
    # where nothing is known to be good enough, nothing is known to be too bad
    blind = [point.ap_error is None for point in points if point.front and point.id != settings[best[0]].id]
    unknown = tolerance is None and bool(blind) and all(blind)
    name, unit = COSTS[measure]
    ladder = sorted((int(i) for i in np.flatnonzero(fronts[0])), key=lambda i: points[i].cost)
    return TradeOff(
        measure=measure,
        name=name,
        unit=unit,
        objective=objective,
        points=points,
        missing=(),
        best=settings[best[0]].id,
        choice=None if unknown else settings[choices[0]].id,
        tolerance=tolerance,
        saving=None if unknown else costs.compare(int(choices[0]), int(best[0])),
        gives_up_at_most=None,
        prices=tuple(_price_step(points, costs, pairs, a, b) for a, b in itertools.pairwise(ladder)),
        sentence="",
        notes=tuple(describe_clock(settings, measure)),
    )


def _list_points(
    settings: Sequence[SettingSummary],
    means: Array,
    costs: Costs,
    pairs: Pairs,
    best: int,
    front: NDArray[np.bool_],
    shares: Array | None,
) -> tuple[TradePoint, ...]:
    """Return the settings with the intervals of both axes."""
    from scipy.special import stdtrit

    errors = pairs.errors[:, best]
    half = stdtrit(np.minimum(pairs.freedoms[:, best], 1e9), 0.975) * errors
    wide = np.exp(costs.quantile * costs.errors)
    return tuple(
        TradePoint(
            id=summary.id,
            label=summary.label,
            ap=float(means[i]),
            ap_error=None if np.isnan(errors[i]) else float(errors[i]),
            ap_low=None if np.isnan(half[i]) else float(means[i] - half[i]),
            ap_high=None if np.isnan(half[i]) else float(means[i] + half[i]),
            cost=float(costs.values[i]),
            cost_low=None if costs.noise is None else float(costs.values[i] / wide[i]),
            cost_high=None if costs.noise is None else float(costs.values[i] * wide[i]),
            front=bool(front[i]),
            share=None if shares is None else float(shares[i]),
        )
        for i, summary in enumerate(settings)
    )


def _complete(trade_off: TradeOff, settings: Sequence[SettingSummary], compare: Compare, bound: Bound) -> TradeOff:
    """Add what one may lose by the choice, what can't be judged and why, and the sentence."""
    missing = tuple(
        TradeGap(
            label=summary.label,
            reason=summary.reason or summary.undefined.get(trade_off.objective) or "not measured",
            cost=read_reached(summary, trade_off.measure),
        )
        for summary in settings
        if trade_off.objective not in summary.measures
    )
    blind = [point for point in trade_off.points if point.front and point.ap_error is None]
    reason = compare(blind[0].id, trade_off.best).reason if blind else None
    why = say(reason) if reason else "the noise is unknown"
    if trade_off.choice is None:
        done = dataclasses.replace(trade_off, missing=missing)
        sentence = _say_unknown(done, why)
    else:
        loss = bound(trade_off.choice) if len(trade_off.points) > 1 else None
        notes = trade_off.notes
        if blind and trade_off.tolerance is None:
            listed = ", ".join(say(point.label) for point in blind)
            notes = (
                f"Cheaper, but not to be judged: {listed} ({why}).",
                *notes,
            )
        done = dataclasses.replace(trade_off, missing=missing, gives_up_at_most=loss, notes=notes)
        sentence = _say_choice(done)
    return dataclasses.replace(done, sentence=" ".join([sentence, *done.notes]))


def _price_step(points: Sequence[TradePoint], costs: Costs, pairs: Pairs, a: int, b: int) -> Price:
    """Return what each AP point costs from a to the dearer b."""
    from scipy.special import stdtrit

    gain, error = float(pairs.differences[b, a]), float(pairs.errors[b, a])
    gain = points[b].ap - points[a].ap if math.isnan(gain) else gain
    extra = points[b].cost - points[a].cost
    blank = Price(
        cheaper=points[a].id, dearer=points[b].id, gain=gain, extra=extra, price=None, low=None, high=None, reason=None
    )
    if math.isnan(error):
        return dataclasses.replace(blank, reason="can't be priced: the noise is unknown")
    half = error * float(stdtrit(min(float(pairs.freedoms[b, a]), 1e9), 0.975))
    interval = bound_price(extra, costs.bound_difference(a, b), gain, half)
    if interval is None:
        spread = describe_interval(gain - half, gain + half)
        reason = f"can't be priced: {format_change(gain)} AP ({spread}) can't be told from 0"
        return dataclasses.replace(blank, reason=reason)
    return dataclasses.replace(blank, price=extra / gain, low=interval[0], high=interval[1])


def _say_saving(trade_off: TradeOff) -> str:
    """Return the choice's cost as a share of the best's, with its 95 % interval where that is known."""
    assert trade_off.saving is not None
    ratio, low, high = trade_off.saving
    interval = "" if low == high else f" ({describe_interval(low, high, format_ratio)})"
    return f"{format_ratio(ratio)} the {trade_off.name}{interval}"


def _say_choice(trade_off: TradeOff) -> str:
    """Return which setting to take and what one may lose by it, verdict first."""
    points = {point.id: point for point in trade_off.points}
    assert trade_off.choice is not None
    choice, best = points[trade_off.choice], points[trade_off.best]
    measure = label_measure(trade_off.objective)
    reached = f"{format_ap(choice.ap)} {measure} for {format_cost(choice.cost, trade_off.unit)}"
    if len(points) == 1:
        return f"Only {say(choice.label)} has a result: {reached}."
    how = " by the means alone" if choice.share is None and trade_off.tolerance is not None else ""
    within = "one standard error" if trade_off.tolerance is None else f"the tolerance of {trade_off.tolerance:g} AP"
    if choice is not best:
        behind = format_ap(best.ap - choice.ap)
        error = f" ({format_ap(choice.ap_error or 0.0)})" if trade_off.tolerance is None else ""
        what = f"More {trade_off.name} than {say(choice.label)} takes is not worth it{how}: {reached}, {behind} behind "
        what += f"{say(best.label)}, which is within {within}{error}, at {_say_saving(trade_off)}"
    elif trade_off.prices:
        what = f"Nothing cheaper than {say(choice.label)}, the best mean{how}, comes within {within} of it: {reached}"
    else:
        what = f"Nothing takes measurably less than {say(choice.label)}, the best mean{how}: {reached}"
    loss = trade_off.gives_up_at_most
    if loss is None:
        bound = "what you may lose by it can't be bounded, since the noise of some differences is unknown"
    elif rounds_to_nothing(loss):
        bound = "at 95 % you lose nothing by it"
    else:
        bound = f"at 95 % you lose at most {format_ap(loss)} {measure} by it"
    return " ".join([f"{what}; {bound}.", *_say_shares(trade_off, choice)])


def _say_shares(trade_off: TradeOff, choice: TradePoint) -> list[str]:
    """Return how often the same study, repeated, would choose the same; [] where that is unknown."""
    if choice.share is None:
        return []
    others = [point for point in trade_off.points if point is not choice and (point.share or 0.0) >= NAMED_SHARE]
    others.sort(key=lambda point: -(point.share or 0.0))
    listed = ", ".join(
        f"on {'it' if point is choice else say(point.label)} in {format_share(point.share or 0.0)}"
        for point in [choice, *others]
    )
    return [f"Repeated with other seeds and images, the choice would fall {listed}."]


def _say_unknown(trade_off: TradeOff, reason: str) -> str:
    """Return the front by the means, and why it holds no choice."""
    points = sorted((point for point in trade_off.points if point.front), key=lambda point: point.cost)
    listed = ", ".join(
        f"{say(point.label)} ({format_ap(point.ap)} for {format_cost(point.cost, trade_off.unit)})" for point in points
    )
    return (
        f"Can't tell from where on more {trade_off.name} is not worth it: {reason}. "
        f"By the means alone no setting beats {listed}; with `tolerance` in the study file the cheapest within that "
        "of the best is chosen by the means."
    )
