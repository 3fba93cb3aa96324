"""A run's `curves.jsonl`: one point a line, kept through a crash, rewound when the run goes on from a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from detstudy.ledger.codec import decode, encode
from detstudy.ledger.files import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What is read of a point; the file has all that the trainer said of it, see `trainers.contract.Curve`."""

    iteration: int
    kind: Literal["train", "validation"] = "train"
    images: float = 0.0
    seconds: float = 0.0
    loss: float | None = None
    learning_rate: float | None = None
    measures: dict[str, float | None] = field(default_factory=dict)


class CurveFile:
    """Appends points to a file; each line is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, point: Mapping[str, Any]) -> None:
        """Add a point. Raises ValueError for NaN and infinity, and for what is no point of a curve."""
        line = encode(point, indent=None)
        if decode(line, CurvePoint) is None:
            raise ValueError(
                f"no point of a curve: {dict(point)}; `iteration` is a whole number, `kind` train or validation, "
                "`measures` has numbers by name, and the rest are numbers"
            )
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration and what a crash cut off; damaged lines before it stay, to be seen."""
        kept: list[bytes] = []
        end = 0
        for line in _read_lines(self.path):
            point = decode(line, CurvePoint)
            if point is None or point.iteration <= iteration:
                kept.append(line)
                end = len(kept) if point is not None else end
        write_atomically(self.path, b"".join(line + b"\n" for line in kept[:end]))


def read_curve(path: Path) -> list[CurvePoint]:
    """Return the points of a curve file; [] where there is none. Lines that are cut off or damaged are left out."""
    return [point for line in _read_lines(path) if (point := decode(line, CurvePoint)) is not None]


def count_damaged_lines(path: Path) -> int:
    """Return how many lines of a curve file can't be read."""
    return sum(decode(line, CurvePoint) is None for line in _read_lines(path))


def _read_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines() if path.is_file() else []
    except FileNotFoundError:
        return []
