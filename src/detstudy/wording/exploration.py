"""What was not planned at the first run, in words."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis.facts.exploration import DataChanged, MarginChanged, ObjectiveChanged, SeedsChanged, SettingAdded
from detstudy.wording.labels import label_measure
from detstudy.wording.say import say

LATER = "after the first run"


def say_exploratory(reasons: Sequence[object]) -> str | None:
    """Return why a conclusion is exploratory; None where it was planned."""
    return "; ".join(map(say, reasons)) or None


@say.register
def _(fact: ObjectiveChanged) -> str:
    return f"the objective was {label_measure(fact.planned)} and became {label_measure(fact.now)} {LATER}"


@say.register
def _(fact: MarginChanged) -> str:
    return f"the difference that matters was {fact.planned:g} and became {fact.now:g} {LATER}"


@say.register
def _(fact: DataChanged) -> str:
    return f"the data changed {LATER}"


@say.register
def _(fact: SettingAdded) -> str:
    return f"added {LATER}"


@say.register
def _(fact: SeedsChanged) -> str:
    moves = [
        f"seed{'s' if len(moved) > 1 else ''} {', '.join(map(str, moved))} {how}"
        for moved, how in ((fact.added, "added"), (fact.left_out, "left out"))
        if moved
    ]
    return f"{' and '.join(moves)} {LATER}"
