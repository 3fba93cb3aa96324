"""Why there is no result, or no verdict on one, in words."""

from __future__ import annotations

from detstudy.analysis.facts import reason as facts
from detstudy.analysis.facts.reason import NoVerdict
from detstudy.wording.labels import label_outcome
from detstudy.wording.say import phrase, say

SAYS_ITSELF = ("out_of_memory", "planned", "running")
"""Their reasons need no outcome before them: "out of memory at 11.2 GiB"."""

_STATES = {"planned": "not run yet", "running": "still running"}
_WORDS = {
    NoVerdict.IDENTICAL: "the setting changed nothing: predictions are identical",
    NoVerdict.ONE_TRAINING: "seed noise unknown: both come from the same training of one seed; give both at least two "
    "(seeds: [0, 1, 2])",
    NoVerdict.NO_SECOND_SEED: "seed noise unknown: no setting was trained with two seeds; add baseline_seeds: "
    "[0, 1, 2] to the study file",
    NoVerdict.TWO_FILES: "seed noise unknown: each file is one training",
}


@say.register
def _(fact: facts.WithoutResult) -> str:
    """Return "out of memory at 11.2 GiB", "diverged: loss is not finite", "not run yet"."""
    if not fact.reason:
        return _STATES.get(fact.state) or label_outcome(fact.state)
    return say(fact.reason) if fact.state in SAYS_ITSELF else f"{label_outcome(fact.state)}: {say(fact.reason)}"


say.register(NoVerdict, _WORDS.__getitem__)
phrase(facts.NotMeasured, "{measure} was not measured")
phrase(facts.NothingVaries, "nothing varies, neither over seeds nor over {units}")
phrase(facts.TooFewUnits, "image noise unknown: {units} to judge by; at least two are needed")
phrase(facts.ObjectsInFewUnits, "image noise unknown: the objects that {measure} needs lie in one or two {noun}s")
phrase(
    facts.PredictionsUnreadable,
    "the predictions of {run_id} can't be read; delete that folder and `detstudy run` evaluates it again ({folder})",
)
