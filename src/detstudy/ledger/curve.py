"""A run's `curves.jsonl`: one point a line, kept through a crash, rewound when the run goes on from a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from detstudy.ledger.files import CHECKSUM, sum_content, write_atomically
from detstudy.ledger.shapes import is_point


class CurveFile:
    """Appends points to a file; each line is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, point: dict[str, Any]) -> None:
        """Add a point with its checksum. Raises ValueError for NaN and infinity."""
        line = json.dumps({**point, CHECKSUM: sum_content(point)}, allow_nan=False) + "\n"
        with self.path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration and what a crash cut off; damaged lines before it stay, to be seen."""
        kept: list[bytes] = []
        end = 0
        for line in _read_lines(self.path):
            point = _parse_line(line)
            if point is None or point["iteration"] <= iteration:
                kept.append(line)
                end = len(kept) if point is not None else end
        write_atomically(self.path, b"".join(line + b"\n" for line in kept[:end]))


def read_curve(path: Path) -> list[dict[str, Any]]:
    """Return the points of a curve file; [] where there is none. Lines that are cut off or damaged are left out."""
    return [point for line in _read_lines(path) if (point := _parse_line(line)) is not None]


def count_damaged_lines(path: Path) -> int:
    """Return how many lines of a curve file can't be read."""
    return sum(_parse_line(line) is None for line in _read_lines(path))


def _read_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines() if path.is_file() else []
    except FileNotFoundError:
        return []


def _parse_line(line: bytes) -> dict[str, Any] | None:
    try:
        point: dict[str, Any] = json.loads(line)
        if not is_point(point):
            return None
        whole = CHECKSUM not in point or point.pop(CHECKSUM) == sum_content(point)
    except (ValueError, RecursionError):  # NaN has no checksum either
        return None
    return point if whole else None
