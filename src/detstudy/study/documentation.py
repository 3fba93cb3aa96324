"""The tables of hyperparameters in docs/study_file.md, made of their declarations.

`python -m detstudy.study.documentation docs/study_file.md` writes them again, between their marks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from detstudy.study.declarations import describe_hyperparameter
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.trainer import BUILT_IN, find_trainer

MARKS = re.compile(r"(<!-- hyperparameters: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
HEAD = "| key | value | default | |\n| --- | --- | --- | --- |\n"


def write_tables(text: str) -> str:
    """Return the text with the table of each part of a setting between its marks."""
    declared = find_trainer(next(iter(BUILT_IN))).hyperparameters

    def write(found: re.Match[str]) -> str:
        return found[1] + HEAD + make_rows(each for each in declared if each.part == found[2]) + found[3]

    return MARKS.sub(write, text)


def make_rows(declared: Iterable[Hyperparameter]) -> str:
    """Return a row of Markdown for each hyperparameter."""
    rows = ""
    for each in declared:
        plain = describe_hyperparameter(each)
        default = f"`{show_value(plain['default'])}`" if "default" in plain else "**must be given**"
        rows += f"| `{each.name}` | {describe_type(plain['type'])} | {default} | {each.documentation} |\n"
    return rows


def describe_type(schema: Mapping[str, Any]) -> str:
    """Return what a JSON schema accepts, in words: "whole number ≥ 1, or null"."""
    if "anyOf" in schema:
        *others, last = map(describe_type, schema["anyOf"])
        return f"{', '.join(others)}, or {last}"
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum") or [schema["const"]]))
    if schema["type"] == "array":
        items = schema.get("prefixItems")
        if items:
            return f"{'two' if len(items) == 2 else len(items)} of: {describe_type(items[0])}"
        return f"list of: {describe_type(schema['items'])}".replace("list of: list of:", "list of lists of:")
    if schema["type"] in ("integer", "number"):
        return describe_range(schema)
    return "text" if schema["type"] == "string" else "true or false" if schema["type"] == "boolean" else "null"


def describe_range(schema: Mapping[str, Any]) -> str:
    """Return what numbers a schema accepts; a largest whole number that is beyond all use is left out."""
    kind = "whole number" if schema["type"] == "integer" else "number"
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if high is not None and low is not None and high < 10**6:
        return f"{low:g} to {high:g}"
    if above is not None and below is not None:
        return f"between {above:g} and {below:g}"
    if above is not None:
        return f"{kind} ≥ {above + 1:g}" if schema["type"] == "integer" else f"{kind} > {above:g}"
    return kind if low is None else f"{kind} ≥ {low:g}"


def show_value(value: Any) -> str:
    """Return a value as the study file has it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(show_value, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(write_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
