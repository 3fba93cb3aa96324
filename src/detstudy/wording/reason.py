"""Why there is no result, or no verdict on one, in words."""

from __future__ import annotations

from detstudy.analysis.facts.reason import (
    ArmWithoutResult,
    Identical,
    NoRunPlanned,
    NothingVaries,
    NotMeasured,
    ObjectsInFewUnits,
    PredictionsUnreadable,
    SeedNoiseUnknown,
    SingleTrainings,
    TooFewUnits,
    WithoutResult,
)
from detstudy.wording.labels import label_outcome
from detstudy.wording.say import say

SAYS_ITSELF = ("out_of_memory", "planned", "running")
"""Their reasons need no outcome before them: "out of memory at 11.2 GiB"."""

_STATES = {"planned": "not run yet", "running": "still running"}


@say.register
def _(fact: WithoutResult) -> str:
    """Return "out of memory at 11.2 GiB", "diverged: loss is not finite", "not run yet"."""
    if not fact.reason:
        return _STATES.get(fact.state) or label_outcome(fact.state)
    return fact.reason if fact.state in SAYS_ITSELF else f"{label_outcome(fact.state)}: {fact.reason}"


@say.register
def _(fact: NoRunPlanned) -> str:
    return "no run is planned"


@say.register
def _(fact: ArmWithoutResult) -> str:
    return f"{say(fact.arm)}: {say(fact.reason)}"


@say.register
def _(fact: NotMeasured) -> str:
    return f"{fact.measure} was not measured"


@say.register
def _(fact: Identical) -> str:
    return "the setting changed nothing: predictions are identical"


@say.register
def _(fact: NothingVaries) -> str:
    return f"nothing varies, neither over seeds nor over {say(fact.units)}"


@say.register
def _(fact: TooFewUnits) -> str:
    return f"image noise unknown: {say(fact.units)} to judge by; at least two are needed"


@say.register
def _(fact: ObjectsInFewUnits) -> str:
    return f"image noise unknown: the objects that {fact.measure} needs lie in one or two {fact.noun}s"


@say.register
def _(fact: SeedNoiseUnknown) -> str:
    if fact.paired:
        remedy = "both come from the same training of one seed; give both at least two (seeds: [0, 1, 2])"
    else:
        remedy = "no setting was trained with two seeds; add baseline_seeds: [0, 1, 2] to the study file"
    return f"seed noise unknown: {remedy}"


@say.register
def _(fact: SingleTrainings) -> str:
    return "seed noise unknown: each file is one training"


@say.register
def _(fact: PredictionsUnreadable) -> str:
    remedy = "delete that folder and `detstudy run` evaluates it again"
    return f"the predictions of {fact.run_id} can't be read; {remedy} ({fact.folder})"
