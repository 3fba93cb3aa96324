"""Whether what a file of the ledger holds has the form that was written: by hand or by another program it may not."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

from detstudy.ledger.causes import read_reason
from detstudy.study.setting import Outcome

_FILE_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_OUTCOMES = frozenset(typing.get_args(Outcome))


def is_result(value: Any) -> bool:
    """Whether the value is what a run's or an evaluation's result file holds."""
    return (
        isinstance(value, dict)
        and is_ending(value)
        and isinstance(value.get("attempts"), int)
        and all(isinstance(value.get(key, {}), dict) for key in ("per_class", "files", "weights", "provenance"))
        and all(isinstance(row, dict) for row in value.get("per_class", {}).values())
        and all(is_file_name(name) for key in ("files", "weights") for name in value.get(key, {}))
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
        and _is_reason(reason)
        and isinstance(measures, list)
        and isinstance(value.get("effective", {}), dict)
        and all(_is_measure(row) for row in measures)
    )


def is_started(value: Any) -> bool:
    """Whether the value is what a run's `run.json` holds."""
    provenance = value.get("provenance") if isinstance(value, dict) else None
    return isinstance(provenance, list) and all(isinstance(entry, dict) for entry in provenance)


def is_point(value: Any) -> bool:
    """Whether the value is a point of a run's curve."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("iteration"), int)
        and isinstance(value.get("kind", ""), str)
        and all(value.get(key) is None or _is_number(value[key]) for key in ("loss", "learning_rate"))
        and all(_is_number(value.get(key, 0)) for key in ("images", "seconds"))
        and isinstance(value.get("measures", {}), dict)
        and all(entry is None or _is_number(entry) for entry in value.get("measures", {}).values())
    )


def is_description(value: Any) -> bool:
    """Whether the value is the data's description."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("fingerprint"), str)
        and isinstance(value.get("classes", []), list)
        and isinstance(value.get("splits", {}), dict)
        and all(_is_split(split) for split in value.get("splits", {}).values())
        and isinstance(value.get("faults", []), list)
        and all(_is_fault(fault) for fault in value.get("faults", []))
        and isinstance(value.get("files", {}), dict)
    )


def keep_readable(effective: dict[str, Any]) -> dict[str, Any]:
    """Return a run's effective values without those that are not of the type that their readers know."""
    return {name: value for name, value in effective.items() if _EFFECTIVE.get(name, _is_anything)(value)}


def is_gallery_image(value: Any) -> bool:
    """Whether the value is a row of the gallery's index; its file lies in the gallery and nowhere else."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("image_id"), int)
        and isinstance(value.get("name"), str)
        and is_file_name(value.get("file"))
        and _is_number(value.get("scale"))
        and 0 < value["scale"] <= 1
    )


def is_file_name(value: Any) -> bool:
    """Whether the value names a file in a folder, and can't lead out of it."""
    return isinstance(value, str) and _FILE_NAME.fullmatch(value) is not None and value not in (".", "..")


def _is_reason(value: Any) -> bool:
    try:
        read_reason(value)
    except ValueError:
        return False
    return True


def _is_measure(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() == {"name", "value", "unit", "reason"}
        and isinstance(row["name"], str)
        and isinstance(row["unit"], str)
        and (row["value"] is None or _is_number(row["value"]))
        and (row["reason"] is None or isinstance(row["reason"], str))
    )


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("objects", {}), dict)


def _is_fault(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("kind", "message"))


def _is_anything(_value: Any) -> bool:
    return True


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list_of(value: Any, kind: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(kind, value))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


_EFFECTIVE: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            "learning_rate_first", "learning_rate_max", "learning_rate_last", "optimizer_steps", "skipped_steps",
            "images_seen", "epochs", "micro_batch_size", "proposals_entered", "proposals_survived", "proposals_kept",
        ),
        _is_number_or_none,
    ),
    **dict.fromkeys(("limit_hours", "limit_memory_bytes"), _is_number),
    **dict.fromkeys(("accumulation", "accumulation_differs", "precision"), _is_text),
    "feature_levels": partial(_is_list_of, kind=_is_text),
    **dict.fromkeys(
        ("proposals_entered_per_level", "proposals_survived_per_level", "anchors_per_level"),
        partial(_is_list_of, kind=_is_number_or_none),
    ),
}  # fmt: skip
"""What readers rely on, by name; a trainer may note whatever else it knows."""
