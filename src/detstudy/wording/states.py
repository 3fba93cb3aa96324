"""What a run's files say of it, in words."""

from __future__ import annotations

from detstudy.ledger.causes import CurveDamaged, Stopped, Unfinished
from detstudy.wording.say import say

_WORDS = {
    Unfinished.EVALUATION_MISSING: "trained; its evaluation is missing",
    Unfinished.EVALUATION_DAMAGED: "trained; its evaluation's result.json is damaged; `detstudy run` makes it again",
    Unfinished.RESULT_DAMAGED: "result.json is damaged; `detstudy run` goes on from its checkpoint",
}
say.register(Unfinished, _WORDS.__getitem__)


@say.register
def _(fact: Stopped) -> str:
    at = "before its first point" if fact.iteration is None else f"at iteration {fact.iteration}"
    return f"stopped {at}; `detstudy run` goes on from its checkpoint"


@say.register
def _(fact: CurveDamaged) -> str:
    what = f"{fact.lines} damaged lines are left out" if fact.lines else "it is not as it was written"
    return f"curves.jsonl: {what}; its AP is not touched; delete the run's folder to train it again"
