"""Which predictions of one image hit an object, for the pictures; the counts in tables come from the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

IOU_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """What each prediction is, in the order given, and which objects nothing hit (by position in the ground truth)."""

    hits: tuple[bool | None, ...]  # None: in a region to ignore, neither right nor wrong
    missed: tuple[int, ...]


def match_image(predictions: Sequence[dict[str, Any]], truth: Sequence[dict[str, Any]], kind: str) -> Match:
    """Match one image's COCO predictions to its COCO annotations, greedily by score within a class, at IoU 0.5.

    `kind` is "mask" or "box". Crowds take any number of predictions and are never missed.
    """
    from pycocotools import mask as coco_mask

    hits: list[bool | None] = [False] * len(predictions)
    taken: set[int] = set()
    for category in {row["category_id"] for row in predictions}:
        mine = [i for i, row in enumerate(predictions) if row["category_id"] == category]
        mine.sort(key=lambda i: -predictions[i]["score"])
        objects = [i for i, row in enumerate(truth) if row["category_id"] == category]
        if not objects:
            continue
        crowd = [bool(truth[i].get("iscrowd")) for i in objects]
        field = "segmentation" if kind == "mask" else "bbox"
        found, known = [predictions[i][field] for i in mine], [truth[i][field] for i in objects]
        overlaps = coco_mask.iou(found, known, [int(flag) for flag in crowd])
        for row, index in enumerate(mine):
            free = [
                (overlaps[row][column], column)
                for column, position in enumerate(objects)
                if not crowd[column] and position not in taken and overlaps[row][column] >= IOU_THRESHOLD
            ]
            if free:
                taken.add(objects[max(free)[1]])
                hits[index] = True
            elif any(crowd[c] and overlaps[row][c] >= IOU_THRESHOLD for c in range(len(objects))):
                hits[index] = None
    missed = tuple(i for i, row in enumerate(truth) if i not in taken and not row.get("iscrowd"))
    return Match(tuple(hits), missed)
