"""The words of a fact: one generic function, to which each subject's module adds the facts that it knows."""

from __future__ import annotations

import dataclasses
import functools
import string
from collections.abc import Callable
from enum import Enum
from typing import Any

from detstudy.numbers import format_ap, format_p, format_size, quote_seconds
from detstudy.wording.labels import label_factor, label_measure


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


FORMS: dict[str, Callable[[Any], str]] = {
    "ap": format_ap,
    "factor": label_factor,
    "list": ", ".join,
    "measure": label_measure,
    "p": format_p,
    "seconds": quote_seconds,
    "size": format_size,
}
"""How a template says a number or an id: "{low:ap}"."""


class Template(string.Formatter):
    """Fills in what FORMS say, else as `str.format` does."""

    def format_field(self, value: Any, spec: str) -> str:
        """Return a value as its form says it."""
        return FORMS[spec](value) if spec in FORMS else str(super().format_field(value, spec))


def phrase(kind: type, template: str) -> None:
    """Say the facts of a kind by a template that names their fields; a field that is a fact itself is said there."""

    def fill(fact: Any) -> str:
        fields = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
        return Template().format(template, **{name: _say_within(value) for name, value in fields.items()})

    say.register(kind, fill)


def _say_within(value: object) -> object:
    return say(value) if dataclasses.is_dataclass(value) or isinstance(value, Enum) else value
