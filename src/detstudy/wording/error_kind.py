"""In which kinds of error two arms differ, in words."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis.facts.contrast import ErrorKinds, KindChange
from detstudy.numbers import describe_interval, format_rate, format_rate_change
from detstudy.wording.labels import join_words
from detstudy.wording.say import say

_KINDS = {
    "classification": "classification errors",
    "localisation": "localisation errors",
    "both": "errors of both class and place",
    "duplicate": "duplicates",
    "background": "background false positives",
}


@say.register
def _(fact: KindChange) -> str:
    """Return "fewer missed small objects (−0.12 an image, 95 %: −0.20 to −0.040)"."""
    more = "more" if fact.change > 0 else "fewer"
    interval = describe_interval(fact.low, fact.high, format_rate_change)
    return f"{more} {name_errors(fact.kind, fact.sizes)} ({format_rate_change(fact.change)} an image, {interval})"


@say.register
def _(fact: ErrorKinds) -> str:
    clauses = [say(change) for change in fact.changed] or ["no kind of error is shown to differ"]
    if fact.unchanged:
        named = join_words([name_errors(kind) for kind in fact.unchanged])
        clauses.append(f"{named} unchanged (within ±{format_rate(fact.reach)} an image)")
    if fact.unsure:
        clauses.append(f"can't tell for {join_words([name_errors(kind) for kind in fact.unsure])}")
    return f"At score ≥ {fact.score_threshold:g}: {'; '.join(clauses)}."


def name_errors(kind: str, sizes: Sequence[str] = ()) -> str:
    """Return a kind of error in words, in the plural, of objects of some sizes: "missed small objects"."""
    listed = join_words(sizes)
    if kind == "missed":
        return f"missed {listed} objects" if sizes else "missed objects"
    if kind == "background":
        return f"{_KINDS[kind]} of {listed} size" if sizes else _KINDS[kind]
    return f"{_KINDS[kind]} of {listed} objects" if sizes else _KINDS[kind]
