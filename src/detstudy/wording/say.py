"""The words of a fact: one generic function, to which each subject's module adds the facts that it knows."""

from __future__ import annotations

import dataclasses
import functools
from enum import Enum
from typing import Any


@functools.singledispatch
def say(fact: object) -> str:
    """Return a fact in English: a clause, or sentences where the fact is a whole finding.

    Raises TypeError for a fact that nobody gave words: `@say.register` on a function of it does, or `phrase`.
    """
    raise TypeError(f"{type(fact).__name__} has no words; give it some with `@say.register`")


@say.register
def _(fact: str) -> str:
    """Quote the own words of a trainer, an executor or a data set."""
    return fact


def phrase(kind: type, template: str) -> None:
    """Say the facts of a kind by a template that names their fields; a field that is a fact itself is said there."""

    def fill(fact: Any) -> str:
        fields = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
        return template.format_map({name: _say_within(value) for name, value in fields.items()})

    say.register(kind, fill)


def _say_within(value: object) -> object:
    return say(value) if dataclasses.is_dataclass(value) or isinstance(value, Enum) else value
