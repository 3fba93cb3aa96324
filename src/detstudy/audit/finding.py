"""What a rule of the audit found, and the words that all rules share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from detstudy.audit.published import Row
from detstudy.wording.labels import join_words

Weight = Literal["looks wrong", "unusual", "cannot be concluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found by a rule. `lines` and `rows` say where, `cells` in which measures, factors or "time"."""

    rule: str
    weight: Weight
    sentence: str
    lines: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()  # labels
    cells: tuple[str, ...] = ()
    chance: float | None = None  # of seeing it in trainings of their own


def place(rows: Sequence[Row]) -> dict[str, Any]:
    """Return where rows stand, as a finding's `lines` and `rows`."""
    ordered = sorted(rows, key=lambda row: row.line)
    return {"lines": tuple(row.line for row in ordered), "rows": tuple(row.label for row in ordered)}


def join_labels(rows: Sequence[Row]) -> str:
    """Return rows in a sentence: "batch 8 and cosine"; the first three of more than four."""
    labels = [row.label for row in rows]
    if len(labels) > 4:
        return f"{', '.join(labels[:3])} and {len(labels) - 3} others"
    return join_words(labels)


def say_chance(chance: float) -> str:
    """Return "about 1 in 120", "less than 1 in a million"."""
    if chance < 1e-6:
        return "less than 1 in a million"
    if chance > 0.5:
        return "more than 1 in 2"
    inverse = 1 / chance
    digits = max(0, len(str(int(inverse))) - 2)
    return f"about 1 in {round(inverse, -digits):,.0f}"
