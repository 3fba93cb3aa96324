"""What did not take effect as set, in words."""

from __future__ import annotations

from detstudy.analysis.facts.effective import (
    NotAsSet,
    NothingCut,
    NotTrainedAsSet,
    SameProposals,
    SameRates,
    SameValue,
    UnlikeValues,
    WrongImages,
    WrongLastRate,
    WrongPeakRate,
    WrongSteps,
    WrongValue,
)
from detstudy.plan import format_level
from detstudy.wording.labels import label_factor
from detstudy.wording.say import say


@say.register
def _(fact: WrongPeakRate) -> str:
    return f"the largest learning rate applied was {fact.applied:.3g}, not {fact.asked:.3g}"


@say.register
def _(fact: WrongLastRate) -> str:
    return f"the learning rate ended at {fact.applied:.3g}, not {fact.asked:.3g}"


@say.register
def _(fact: WrongSteps) -> str:
    return f"{fact.taken:,.0f} of {fact.asked:,} optimizer steps were taken"


@say.register
def _(fact: WrongImages) -> str:
    return f"{fact.seen:,.0f} images were seen in {fact.steps:,.0f} steps, not {fact.asked:,}"


@say.register
def _(fact: WrongValue) -> str:
    return f"{label_factor(fact.name)} was {format_level(fact.effective)}, not {format_level(fact.asked)}"


@say.register
def _(fact: NotAsSet) -> str:
    return f"{say(fact.setting)}: {say(fact.what)}"


@say.register
def _(fact: NotTrainedAsSet) -> str:
    run = f"{say(fact.run.setting)}, seed {fact.run.seed}"
    return f"{run}, was not trained as set: {'; '.join(map(say, fact.broken))}"


@say.register
def _(fact: SameRates) -> str:
    rates = f"peaked at {fact.peak:.3g} and ended at {fact.last:.3g}"
    return f"the {label_factor(fact.factor)} did nothing: in both the learning rate {rates}"


@say.register
def _(fact: SameValue) -> str:
    return f"the {label_factor(fact.factor)} did nothing: it was {format_level(fact.value)} in both"


@say.register
def _(fact: UnlikeValues) -> str:
    shown = " against ".join(", ".join(map(format_level, values)) for values in fact.values)
    return f"the {label_factor(fact.factor)} differed though the settings do not ask for it: {shown}"


@say.register
def _(fact: SameProposals) -> str:
    text = (
        f"the level did nothing: {_span(fact.few)} proposals an image entered NMS at {fact.smaller}, "
        f"{_span(fact.many)} at {fact.larger}"
    )
    if fact.most_anchors is None:
        return text
    return f"{text}, since no feature level has more than {fact.most_anchors:,.0f} anchors"


@say.register
def _(fact: NothingCut) -> str:
    return f"the level did nothing: NMS left {_span(fact.survived)} proposals an image, and neither limit cut any"


def _span(ends: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:,.0f}" for value in ends))
