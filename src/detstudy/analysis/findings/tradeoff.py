"""AP against what it takes: which settings none beats, from where on more is not worth it, and how sure that is."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts.cost import NoPrice
from detstudy.analysis.findings.choice import Bound
from detstudy.analysis.findings.cost import COSTS, Costs, find_clock_faults, list_costs, read_costs, read_reached
from detstudy.analysis.findings.front import Array, Compare, Pairs, bound_price, compare_all, draw_repeats, follow_rule
from detstudy.analysis.records import Price, SettingSummary, TradeGap, TradeOff, TradePoint

REPEATS = 2000
"""Repeats of the study that are drawn; a share from them is known to 1 %."""


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
    found = (
        _weigh_cost(having, objective, measure, pairs.keep([known.index(summary) for summary in having]), tolerance)
        for measure, having in list_costs(settings, objective).items()
    )
    return tuple(_complete(trade_off, settings, compare, bound) for trade_off in found)


def _weigh_cost(
    settings: Sequence[SettingSummary], objective: str, measure: str, pairs: Pairs, tolerance: float | None
) -> TradeOff:
    """Return the objective against one cost, of settings that have both; its bound is to come."""
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
    ladder = sorted((int(i) for i in np.flatnonzero(fronts[0])), key=lambda i: points[i].cost)
    return TradeOff(
        measure=measure,
        unit=COSTS[measure],
        objective=objective,
        points=points,
        best=settings[best[0]].id,
        choice=None if unknown else settings[choices[0]].id,
        tolerance=tolerance,
        saving=None if unknown else costs.compare(int(choices[0]), int(best[0])),
        prices=tuple(_price_step(points, costs, pairs, a, b) for a, b in itertools.pairwise(ladder)),
        notes=find_clock_faults(settings, measure),
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
    """Add what one may lose by the choice, and what can't be judged and why."""
    missing = tuple(
        TradeGap(
            label=summary.label,
            reason=summary.reason or summary.undefined.get(trade_off.objective),
            cost=read_reached(summary, trade_off.measure),
            unit=trade_off.unit,
        )
        for summary in settings
        if trade_off.objective not in summary.measures
    )
    blind = [point for point in trade_off.points if point.front and point.ap_error is None]
    chosen = trade_off.choice if len(trade_off.points) > 1 else None
    return dataclasses.replace(
        trade_off,
        missing=missing,
        gives_up_at_most=None if chosen is None else bound(chosen),
        unjudged=tuple(point.label for point in blind) if trade_off.tolerance is None else (),
        reason=compare(blind[0].id, trade_off.best).reason if blind else None,
    )


def _price_step(points: Sequence[TradePoint], costs: Costs, pairs: Pairs, a: int, b: int) -> Price:
    """Return what each AP point costs from a to the dearer b."""
    from scipy.special import stdtrit

    gain, error = float(pairs.differences[b, a]), float(pairs.errors[b, a])
    gain = points[b].ap - points[a].ap if math.isnan(gain) else gain
    extra = points[b].cost - points[a].cost
    blank = Price(cheaper=points[a].id, dearer=points[b].id, gain=gain, extra=extra)
    if math.isnan(error):
        return dataclasses.replace(blank, reason=NoPrice(gain, None))
    half = error * float(stdtrit(min(float(pairs.freedoms[b, a]), 1e9), 0.975))
    interval = bound_price(extra, costs.bound_difference(a, b), gain, half)
    if interval is None:
        return dataclasses.replace(blank, reason=NoPrice(gain, (gain - half, gain + half)))
    return dataclasses.replace(blank, price=extra / gain, low=interval[0], high=interval[1])
