"""What a rule of the audit found, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from detstudy.auditing.published import Row

Weight = Literal["looks wrong", "unusual", "cannot be concluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found by a rule. `lines` and `rows` say where, `cells` in which measures, factors or "time"."""

    rule: str
    weight: Weight
    fact: object  # a record of `audit.facts`
    lines: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()  # labels
    cells: tuple[str, ...] = ()
    chance: float | None = None  # of seeing it in trainings of their own


def place(rows: Sequence[Row]) -> dict[str, Any]:
    """Return where rows stand, as a finding's `lines` and `rows`."""
    ordered = sorted(rows, key=lambda row: row.line)
    return {"lines": tuple(row.line for row in ordered), "rows": list_labels(ordered)}


def list_labels(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return rows by their labels."""
    return tuple(row.label for row in rows)
