"""What was not planned at the first run, in words."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis.facts import warning as facts
from detstudy.analysis.facts.warning import Departure
from detstudy.wording.labels import label_measure
from detstudy.wording.say import phrase, say

_WORDS = {
    Departure.DATA_CHANGED: "the data changed after the first run",
    Departure.SETTING_ADDED: "added after the first run",
}

say.register(Departure, _WORDS.__getitem__)
phrase(facts.MarginChanged, "the difference that matters was {planned:g} and became {now:g} after the first run")


def say_exploratory(reasons: Sequence[object]) -> str | None:
    """Return why a conclusion is exploratory; None where it was planned."""
    return "; ".join(map(say, reasons)) or None


@say.register
def _(fact: facts.ObjectiveChanged) -> str:
    before, after = label_measure(fact.planned), label_measure(fact.now)
    return f"the objective was {before} and became {after} after the first run"


@say.register
def _(fact: facts.SeedsChanged) -> str:
    moves = [
        f"seed{'s' if len(moved) > 1 else ''} {', '.join(map(str, moved))} {how}"
        for moved, how in ((fact.added, "added"), (fact.left_out, "left out"))
        if moved
    ]
    return f"{' and '.join(moves)} after the first run"
