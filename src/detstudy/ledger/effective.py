"""What a run really did, by the names that readers know; what else its trainer noted goes along as it is."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Number = int | float
PerLevel = tuple[Number | None, ...]  # in the order of feature_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """Effective values of a run; None where the trainer did not note one. See `trainers.contract.Trained`."""

    learning_rate_first: Number | None = None
    learning_rate_max: Number | None = None
    learning_rate_last: Number | None = None
    optimizer_steps: Number | None = None
    skipped_steps: Number | None = None
    images_seen: Number | None = None
    epochs: Number | None = None
    micro_batch_size: Number | None = None
    accumulation: str | None = None
    accumulation_differs: str | None = None
    precision: str | None = None
    resumes: Number | None = None
    proposals_entered: Number | None = None
    proposals_survived: Number | None = None
    proposals_kept: Number | None = None
    feature_levels: tuple[str, ...] = ()
    proposals_entered_per_level: PerLevel = ()
    proposals_survived_per_level: PerLevel = ()
    anchors_per_level: tuple[Number, ...] = ()
    out_of_memory_in: str | None = None
    limit_hours: Number | None = None  # the limit of the study at which the run ended
    limit_memory_bytes: Number | None = None
    other: dict[str, Any] = field(default_factory=dict)

    def list_values(self) -> dict[str, Any]:
        """Return all that was noted, by name."""
        known = {name: value for name in _SHAPES if (value := getattr(self, name)) not in (None, ())}
        return {**known, **self.other}

    def get(self, name: str) -> Any:
        """Return the value of that name, None where it was not noted."""
        return getattr(self, name) if name in _SHAPES else self.other.get(name)


_SHAPES: dict[str, Any] = {name: shape for name, shape in typing.get_type_hints(Effective).items() if name != "other"}


def read_effective(values: Mapping[str, Any]) -> Effective:
    """Return effective values by name as a record, without those that are not of the type that their readers know."""
    known = {}
    for name in _SHAPES.keys() & values.keys():
        with contextlib.suppress(msgspec.ValidationError):
            known[name] = msgspec.convert(values[name], _SHAPES[name])
    return Effective(**known, other={name: value for name, value in values.items() if name not in _SHAPES})
