"""A run's `curves.jsonl`: one point a line, kept through a crash, rewound when the run goes on from a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from detstudy.ledger.files import write_atomically


class CurveFile:
    """Appends points to a file; each line is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, point: dict[str, Any]) -> None:
        """Add a point. Raises ValueError for NaN and infinity."""
        line = json.dumps(point, allow_nan=False) + "\n"
        with self.path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration, and whatever a crash cut off."""
        kept = [point for point in read_curve(self.path) if point["iteration"] <= iteration]
        write_atomically(self.path, "".join(json.dumps(point) + "\n" for point in kept).encode())


def read_curve(path: Path) -> list[dict[str, Any]]:
    """Return the points of a curve file; [] where there is none. Lines that a crash cut off are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    points = []
    for line in lines:
        try:
            point = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        if isinstance(point, dict) and isinstance(point.get("iteration"), int):
            points.append(point)
    return points
