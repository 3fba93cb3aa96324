"""The words of a fact: one generic function, to which each subject's module adds the facts that it knows."""

from __future__ import annotations

import functools


@functools.singledispatch
def say(fact: object) -> str:
    """Return a fact in English: a clause, or sentences where the fact is a whole finding.

    Raises TypeError for a fact that nobody gave words: `@say.register` on a function of it does.
    """
    raise TypeError(f"{type(fact).__name__} has no words; give it some with `@say.register`")


@say.register
def _(fact: str) -> str:
    """Quote the own words of a trainer, an executor or a data set."""
    return fact
