"""What the reader must know with a contrast, in words."""

from __future__ import annotations

from detstudy.analysis.facts import reason as facts
from detstudy.analysis.facts.reason import Note
from detstudy.numbers import format_ap
from detstudy.wording.labels import count
from detstudy.wording.say import phrase, say

_WORDS = {
    Note.ALONE: "judged on its own; where it was picked among several, the report's intervals, which hold together, "
    "are the ones to go by",
    Note.BORROWED_NOISE: "one seed; its noise is taken from the settings that have several",
    Note.SAME_FILE: "the two files are the same, byte for byte",
}

say.register(Note, _WORDS.__getitem__)
phrase(facts.OfTwoStudies, "the runs are of two studies, {first} and {second}: they are compared as two result files")
phrase(facts.OverUnitsAlone, "interval and p are over {units} alone, for these two files")


@say.register
def _(fact: facts.SeedsLeftOut) -> str:
    listed = "; ".join(f"{number} {say(reason)}" for reason, number in fact.reasons)
    return f"{sum(number for _, number in fact.reasons)} of {fact.planned} seeds left out ({listed})"


@say.register
def _(fact: facts.UnitNoise) -> str:
    half = f"±{format_ap(fact.half)} at 95 %"
    return f"{fact.measure}: the validation images alone make {half}; the seeds' noise comes on top"


@say.register
def _(fact: facts.OwnNoise) -> str:
    others = "" if fact.others is None else f" against {fact.others:.2g}"
    spread = f"standard deviation {fact.sd:.2g}{others}"
    return f"its {fact.measure} varies over seeds unlike the others' ({spread}); its own is used"


@say.register
def _(fact: facts.Remedy) -> str:
    start, nouns = "If the difference stays as it is,", f"{fact.noun}s"
    if fact.seeds is not None:
        return f"{start} {count(fact.seeds, 'seed')} each would tell."
    if fact.units is None:
        return f"{start} no number of seeds and no affordable number of {nouns} will tell."
    return (
        f"{start} no number of seeds will tell; {fact.units:,} validation {nouns} with {fact.seeds_each} seeds each "
        f"would (now {fact.units_now:,})."
    )
