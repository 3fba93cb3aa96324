"""Whether what a file of the ledger holds has the form that was written: by hand or by another program it may not."""

from __future__ import annotations

import math
import re
import typing
from typing import Any

from detstudy.setting import Outcome

_FILE_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_OUTCOMES = frozenset(typing.get_args(Outcome))


def is_result(value: Any) -> bool:
    """Whether the value is what a run's or an evaluation's result file holds."""
    return (
        isinstance(value, dict)
        and is_ending(value)
        and isinstance(value.get("attempts"), int)
        and all(isinstance(value.get(key, {}), dict) for key in ("effective", "per_class", "files"))
        and all(isinstance(row, dict) for row in value.get("per_class", {}).values())
        and all(is_file_name(name) for name in value.get("files", {}))
        and isinstance(value.get("earlier", []), list)
        and all(isinstance(attempt, dict) and is_ending(attempt) for attempt in value.get("earlier", []))
    )


def is_ending(value: dict[str, Any]) -> bool:
    """Whether a mapping tells how a training or an evaluation ended, and what was measured."""
    outcome, reason, measures = (value.get(key) for key in ("outcome", "reason", "measures"))
    return (
        "reason" in value
        and isinstance(outcome, str)
        and outcome in _OUTCOMES
        and (reason is None or isinstance(reason, str))
        and isinstance(measures, list)
        and all(_is_measure(row) for row in measures)
    )


def is_started(value: Any) -> bool:
    """Whether the value is what a run's `run.json` holds."""
    provenance = value.get("provenance") if isinstance(value, dict) else None
    return isinstance(provenance, list) and all(isinstance(entry, dict) for entry in provenance)


def is_gallery_image(value: Any) -> bool:
    """Whether the value is a row of the gallery's index; its file lies in the gallery and nowhere else."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("image_id"), int)
        and isinstance(value.get("name"), str)
        and is_file_name(value.get("file"))
        and _is_number(value.get("scale"))
        and value["scale"] > 0
    )


def is_file_name(value: Any) -> bool:
    """Whether the value names a file in a folder, and can't lead out of it."""
    return isinstance(value, str) and _FILE_NAME.fullmatch(value) is not None and value not in (".", "..")


def _is_measure(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() == {"name", "value", "unit", "reason"}
        and isinstance(row["name"], str)
        and isinstance(row["unit"], str)
        and (row["value"] is None or _is_number(row["value"]))
        and (row["reason"] is None or isinstance(row["reason"], str))
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
