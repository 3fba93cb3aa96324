"""What did not take effect as set, in words."""

from __future__ import annotations

from detstudy.analysis.facts import effective as facts
from detstudy.plan import format_level
from detstudy.wording.labels import label_factor
from detstudy.wording.say import say

RECORDED = {
    "learning_rate_max": "the largest learning rate applied was {:.3g}, not {:.3g}",
    "learning_rate_last": "the learning rate ended at {:.3g}, not {:.3g}",
    "optimizer_steps": "{:,.0f} of {:,} optimizer steps were taken",
    "images_seen": "{:,.0f} images were seen, not {:,}",
}


@say.register
def _(fact: facts.NotAsSet) -> str:
    if fact.name in RECORDED:
        return RECORDED[fact.name].format(fact.effective, fact.asked)
    return f"{label_factor(fact.name)} was {format_level(fact.effective)}, not {format_level(fact.asked)}"


@say.register
def _(fact: facts.NotTrainedAsSet) -> str:
    run = f"{say(fact.run.setting)}, seed {fact.run.seed}"
    return f"{run}, was not trained as set: {'; '.join(map(say, fact.broken))}"


@say.register
def _(fact: facts.SameRates) -> str:
    rates = f"peaked at {fact.peak:.3g} and ended at {fact.last:.3g}"
    return f"the {label_factor(fact.factor)} did nothing: in both the learning rate {rates}"


@say.register
def _(fact: facts.SameValue) -> str:
    return f"the {label_factor(fact.factor)} did nothing: it was {format_level(fact.value)} in both"


@say.register
def _(fact: facts.UnlikeValues) -> str:
    shown = " against ".join(", ".join(map(format_level, values)) for values in fact.values)
    return f"the {label_factor(fact.factor)} differed though the settings do not ask for it: {shown}"


@say.register
def _(fact: facts.SameProposals) -> str:
    text = (
        f"the level did nothing: {_span(fact.few)} proposals an image entered NMS at {fact.smaller}, "
        f"{_span(fact.many)} at {fact.larger}"
    )
    if fact.most_anchors is None:
        return text
    return f"{text}, since no feature level has more than {fact.most_anchors:,.0f} anchors"


@say.register
def _(fact: facts.NothingCut) -> str:
    return f"the level did nothing: NMS left {_span(fact.survived)} proposals an image, and neither limit cut any"


def _span(ends: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:,.0f}" for value in ends))
