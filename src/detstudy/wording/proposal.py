"""What became of the proposals at the levels of a proposal factor, in words."""

from __future__ import annotations

from collections.abc import Callable

from detstudy.analysis.facts.proposal import (
    LevelIdle,
    NoSaturation,
    ProposalCounts,
    RecallByLevel,
    RecallCut,
    Saturation,
    StepCost,
)
from detstudy.analysis.facts.spread import Spread
from detstudy.numbers import format_ap, format_change, format_rate, format_rate_change, format_time, format_time_change
from detstudy.wording.labels import count, join_words, label_factor
from detstudy.wording.say import phrase, say


@say.register
def _(fact: ProposalCounts) -> str:
    where = "in training" if fact.side == "training" else "at test time"
    listed = "; ".join(
        f"{level}: {entered:,.0f} entered, {survived:,.0f} survived"
        + ("" if kept is None else f", {kept:,.0f} kept by the cut after it")
        for level, entered, survived, kept in fact.levels
    )
    return f"Proposals an image that entered NMS {where} and survived it, mean: {listed}."


@say.register
def _(fact: LevelIdle) -> str:
    did = "keep the same number of proposals" if fact.keeps else "let the same number of proposals in"
    return f"{fact.low} and {fact.high} {did}: between them the level did nothing."


@say.register
def _(fact: Saturation) -> str:
    anchors = join_words([f"{number:,.0f}" for _, number in fact.full])
    have = "has" if len(fact.full) == 1 else "have"
    react = "reacts" if len(fact.open) == 1 else "react"
    rest = f"only {join_words(fact.open)} {react}" if fact.open else "k changes nothing at all"
    last = max(number for _, number in fact.full)
    return (
        f"{join_words([name for name, _ in fact.full])} {have} {anchors} anchors an image: above that, k changes "
        f"nothing there; from {last:,.0f} on {rest}."
    )


phrase(
    NoSaturation,
    "No feature level is saturated: {name} has the fewest anchors an image, {anchors:,.0f}, and the largest "
    "k is {largest:,}.",
)


@say.register
def _(fact: RecallByLevel) -> str:
    listed = ", ".join(f"{format_ap(recall)} at {level:,}" for level, recall in fact.levels)
    text = f"Objects covered by proposals (proposal AR1000, 0 to 100): {listed}"
    last = fact.last
    if last and last.recall:
        change = _say_change(last.recall, format_change, format_ap)
        text += f"; the step from {last.low:,} to {last.high:,} changes it by {change}"
    return f"{text}."


@say.register
def _(fact: RecallCut) -> str:
    see = "sees" if len(fact.limits) == 1 else "see"
    names = join_words([f"AR{limit}" for limit in fact.limits])
    return (
        f"Proposal {names} {see} at most {fact.cut:,} proposals an image: {label_factor(fact.factor)} is {fact.cut:,}."
    )


@say.register
def _(fact: StepCost) -> str:
    parts, step = [], fact.step
    if step.seconds:
        what = "training time an iteration" if fact.side == "training" else "prediction time an image"
        parts.append(f"{what} {_say_change(step.seconds, format_time_change, format_time)}")
    if step.false_positives:
        change = _say_change(step.false_positives, format_rate_change, format_rate)
        parts.append(f"{fact.kind} false positives an image {change}")
    return f"From {step.low:,} to {step.high:,}: {'; '.join(parts)}."


def _say_change(change: Spread, form: Callable[[float], str], form_sd: Callable[[float], str]) -> str:
    """Return a difference with its standard deviation over seeds: "+0.4 ± 0.1 (3 seeds)"."""
    spread = "" if change.sd is None else f" ± {form_sd(change.sd)}"
    return f"{form(change.mean)}{spread} ({count(len(change.values), 'seed')})"
