"""Hyperparameters as plain data, so that a study's folder is read without the code of who trained it."""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from detstudy.study.hyperparameter import REQUIRED, Hyperparameter, Proof

KINDS = {"string": str, "number": float, "integer": int, "boolean": bool, "null": None}


def describe_hyperparameter(hyperparameter: Hyperparameter) -> dict[str, Any]:
    """Return a declaration as JSON has it: its type as a JSON schema, no default where it is required."""
    plain = dataclasses.asdict(dataclasses.replace(hyperparameter, type=None, default=None))
    plain["type"] = TypeAdapter(hyperparameter.type).json_schema()
    if hyperparameter.default is REQUIRED:
        del plain["default"]
    else:
        plain["default"] = hyperparameter.default
    return plain


def read_hyperparameter(plain: Mapping[str, Any]) -> Hyperparameter:
    """Return the declaration; its type is without its range, which values were checked against when they were planned.

    Raises KeyError, TypeError or ValueError for what is none.
    """
    type_ = read_type(plain["type"])
    proof, needs = plain["proof"], plain["needs"]
    return Hyperparameter(
        **{
            **plain,
            "type": type_,
            "default": read_value(type_, plain["default"]) if "default" in plain else REQUIRED,
            "proof": proof and Proof(**proof),
            "needs": needs and tuple(needs),
        }
    )


def read_type(schema: Mapping[str, Any]) -> Any:
    """Return the annotation that a JSON schema says: numbers, texts, lists and alternatives of these."""
    if "anyOf" in schema:
        return functools.reduce(operator.or_, map(read_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return Literal[tuple(schema.get("enum") or [schema["const"]])]
    if schema.get("type") == "array":
        items = [read_type(each) for each in schema.get("prefixItems", ())]
        return tuple[tuple(items)] if items else tuple[read_type(schema["items"]), ...]  # type: ignore[misc]
    return KINDS[schema["type"]]


def read_value(annotation: Any, value: Any) -> Any:
    """Return a JSON value as the annotation has it. Raises pydantic's ValidationError."""
    return TypeAdapter(annotation).validate_json(json.dumps(value, allow_nan=False), strict=True)
