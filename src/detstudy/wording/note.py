"""What the reader must know with a contrast, in words."""

from __future__ import annotations

from detstudy.analysis.facts.note import (
    BatchesOf,
    BorrowedNoise,
    JudgedAlone,
    LevelChangedNothing,
    OfTwoStudies,
    OverUnitsAlone,
    OwnNoise,
    Remedy,
    SameFile,
    SeedsLeftOut,
    UnitNoise,
)
from detstudy.numbers import format_ap
from detstudy.wording.labels import count
from detstudy.wording.say import say


@say.register
def _(fact: SeedsLeftOut) -> str:
    listed = "; ".join(f"{number} {say(reason)}" for reason, number in fact.reasons)
    left_out = sum(number for _, number in fact.reasons)
    return f"{say(fact.setting)}: {left_out} of {fact.planned} seeds left out ({listed})"


@say.register
def _(fact: UnitNoise) -> str:
    half = f"±{format_ap(fact.half)} at 95 %"
    return f"{fact.measure}: the validation images alone make {half}; the seeds' noise comes on top"


@say.register
def _(fact: OwnNoise) -> str:
    others = "" if fact.others is None else f" against {fact.others:.2g}"
    spread = f"standard deviation {fact.sd:.2g}{others}"
    return f"{say(fact.setting)}: its {fact.measure} varies over seeds unlike the others' ({spread}); its own is used"


@say.register
def _(fact: BorrowedNoise) -> str:
    return f"{say(fact.setting)}: one seed; its noise is taken from the settings that have several"


@say.register
def _(fact: JudgedAlone) -> str:
    return (
        "judged on its own; where it was picked among several, the report's intervals, which hold together, are the "
        "ones to go by"
    )


@say.register
def _(fact: OfTwoStudies) -> str:
    first, second = fact.studies
    return f"the runs are of two studies, {first} and {second}: they are compared as two result files"


@say.register
def _(fact: SameFile) -> str:
    return "the two files are the same, byte for byte"


@say.register
def _(fact: OverUnitsAlone) -> str:
    return f"interval and p are over {say(fact.units)} alone, for these two files"


@say.register
def _(fact: LevelChangedNothing) -> str:
    return f"{say(fact.level)} changed nothing: its predictions equal the baseline's."


@say.register
def _(fact: BatchesOf) -> str:
    return f"{say(fact.setting)}: {say(fact.how)}"


@say.register
def _(fact: Remedy) -> str:
    start, nouns = "If the difference stays as it is,", f"{fact.noun}s"
    if fact.seeds is not None:
        return f"{start} {count(fact.seeds, 'seed')} each would tell."
    if fact.units is None:
        return f"{start} no number of seeds and no affordable number of {nouns} will tell."
    return (
        f"{start} no number of seeds will tell; {fact.units:,} validation {nouns} with {fact.seeds_each} seeds each "
        f"would (now {fact.units_now:,})."
    )
