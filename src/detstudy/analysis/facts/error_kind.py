"""In which kinds of error two arms differ, by their counts an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindChange:
    """A kind of error of which one arm makes more, with its 95 % interval; `sizes` are those that differ alone."""

    kind: str
    sizes: tuple[str, ...]
    change: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ErrorKinds:
    """Kinds that differ, that don't differ by more than `reach`, and that stay unclear."""

    score_threshold: float
    changed: tuple[KindChange, ...]
    unchanged: tuple[str, ...]
    reach: float
    unsure: tuple[str, ...]
