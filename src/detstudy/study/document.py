"""The study file as YAML 1.2: its values, the overrides applied to them, and where each value stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from detstudy.study.study import StudyError

LONGEST = 1_000_000  # characters
DEEPEST = 100  # brackets in each other; the parser's time grows with their square
MOST_VALUES = 100_000  # with each alias counted as all that it stands for


def parse_document(path: Path, text: str) -> CommentedMap:
    """Return a YAML mapping that knows its lines.

    Raises StudyError with the line of a syntax error or a twin key, and for what would take a parser too long.
    """
    try:
        document = _load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise StudyError(f"{path}:{line}: {_describe(error)}") from None
    except YAMLError as error:
        raise StudyError(f"{path}: not YAML: {error}") from None
    except RecursionError:
        raise StudyError(f"{path}: not a study: nested too deeply") from None
    except ValueError as error:  # also of a number or a date that Python can't have
        raise StudyError(f"{path}: not a study: {error}") from None
    if not isinstance(document, CommentedMap):
        raise StudyError(f"{path}:1: a mapping with the keys study, data, model, baseline, ... is needed")
    return document


def apply_override(document: CommentedMap, override: str) -> str:
    """Set what `key=value` says (dotted key, YAML value) and return the key. Raises StudyError."""
    key, equals, value = override.partition("=")
    if not equals or not all(key.split(".")):
        raise StudyError(f"--set {override}: key=value is needed, as in --set baseline.iterations=40")
    try:
        parsed = _load(value)
    except MarkedYAMLError as error:
        raise StudyError(f"--set {override}: the value is not YAML: {_describe(error)}") from None
    except YAMLError as error:
        raise StudyError(f"--set {override}: the value is not YAML: {str(error).splitlines()[0]}") from None
    except (RecursionError, ValueError) as error:
        raise StudyError(f"--set {override}: the value can't be used: {error}") from None
    *parents, last = key.split(".")
    node = document
    for parent in parents:
        if not isinstance(node.get(parent), CommentedMap):
            node[parent] = CommentedMap()
        node = node[parent]
    node[last] = parsed
    return key


def _describe(error: MarkedYAMLError) -> str:
    what = (error.problem or "not YAML").splitlines()[0]
    return f"{error.context}, {what}" if what.startswith("but ") and error.context else what  # half a sentence


def _load(text: str) -> Any:
    """Return what the YAML text says. Raises YAMLError, RecursionError, and ValueError for a text out of all bounds."""
    depth = 0
    for bracket in re.findall(r"[][{}]", text[:LONGEST]):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} brackets stand in each other")
    if len(text) > LONGEST:
        raise ValueError(f"{len(text):,} characters, where at most {LONGEST:,} are read")
    yaml = YAML(typ="rt")
    yaml.composer.warn_double_anchors = False  # YAML 1.2 allows them; a warning would name the parser's own lines
    document = yaml.load(text)
    if _count_values(document, {}) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values, aliases counted as what they stand for")
    return document


def _count_values(node: Any, counts: dict[int, int]) -> int:
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in counts:
        values = node.values() if isinstance(node, dict) else node
        counts[id(node)] = 1 + sum(_count_values(value, counts) for value in values)
    return counts[id(node)]


def find_place(file: Path, overridden: Iterable[str], node: Any, key: Any, path: str) -> str:
    """Return "file:line: path" of a node's key, or the override that its value came from."""
    for given in overridden:
        if path == given or path.startswith(f"{given}.") or given.startswith(f"{path}."):
            return f"--set {given}: {path}"
    try:
        line = node.lc.item(key)[0] if isinstance(node, CommentedSeq) else node.lc.key(key)[0]
        return f"{file}:{line + 1}: {path}"
    except (KeyError, AttributeError, TypeError, IndexError):
        return f"{file}: {path}"


def dump_document(document: CommentedMap) -> str:
    """Return the document as YAML text, comments kept."""
    out = StringIO()
    YAML().dump(document, out)
    return out.getvalue()
