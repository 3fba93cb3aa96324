"""Names as a person says them: factors, levels, settings, measures, outcomes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from detstudy.plan import BASELINE, format_level
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.hyperparameters import HYPERPARAMETERS

_DECLARED: ContextVar[Mapping[str, Hyperparameter]] = ContextVar(
    "_DECLARED", default=MappingProxyType({each.name: each for each in HYPERPARAMETERS})
)
_ACRONYMS = {"rpn": "RPN", "nms": "NMS"}
MOST_NAMED = 4


@contextlib.contextmanager
def labelled_by(setting: Setting) -> Iterator[None]:
    """Call hyperparameters as the setting's trainer declares them, while in the block."""
    token = _DECLARED.set({**_DECLARED.get(), **{each.name: each for each in setting.hyperparameters}})
    try:
        yield
    finally:
        _DECLARED.reset(token)


def label_factor(name: str) -> str:
    """Return a hyperparameter's name in words, by its declaration: "learning rate"."""
    declared = _DECLARED.get().get(name)
    return (declared.label if declared else "") or " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))


def label_level(name: str, level: Any) -> str:
    """Return a factor's level in words: "learning rate 0.001", "warmup cosine"."""
    declared = _DECLARED.get().get(name)
    return name_level(level) if declared and declared.speaks else f"{label_factor(name)} {name_level(level)}"


def name_level(level: Any) -> str:
    """Return a level without its factor's name: "0.004", "warmup cosine"."""
    text = format_level(level)
    return text.replace("_", " ") if isinstance(level, str) else text


def label_setting(levels: Mapping[str, Any]) -> str:
    """Return a setting's levels in words, "baseline" where there are none."""
    return ", ".join(label_level(name, level) for name, level in levels.items()) or BASELINE


def label_measure(measure: str) -> str:
    """Return a measure's name in words: "mask AP"."""
    return measure.replace("/", " ")


def label_outcome(outcome: str) -> str:
    """Return an outcome or state of a run in words: "out of memory"."""
    return outcome.replace("_", " ")


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it is not 1."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def join_words(words: Sequence[str]) -> str:
    """Return a list as a sentence has it: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def list_names(names: Sequence[str], last: str = "; ") -> str:
    """Return names between semicolons, the first of many; `last` stands before the last one."""
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    *shown, end = *names[:MOST_NAMED], *more
    return last.join(["; ".join(shown), end] if shown else [end])
