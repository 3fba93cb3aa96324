"""What a user of the detector meets at one score threshold: false positives, true positives, missed objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import Kind


@dataclass(frozen=True, slots=True)
class Counts:
    """Detections and objects of all sizes at IoU 0.5. Crowds and what is matched to them count nowhere."""

    false_positives: int
    true_positives: int
    missed: int


@dataclass(frozen=True, slots=True, eq=False)
class OperatingCounts:
    """Counts of detections with at least this score."""

    score_threshold: float
    total: Counts
    per_class: dict[str, Counts]
    false_positives_per_image: float | None  # mean over all images, those without objects too; None without images
    false_positives_by_image: NDArray[np.int64]  # in the order of Matches.image_ids


def count_false_positives(matches: Mapping[Kind, Matches], score_threshold: float) -> dict[Kind, OperatingCounts]:
    """Count, for each kind matched, what detections scoring at least the threshold get right and wrong at IoU 0.5.

    Matching goes by falling score, so dropping low scores changes no match above them: stored matches suffice. At most
    the best 100 detections of an image and class are seen, as everywhere in COCO's protocol.
    """
    return {kind: _count(table, score_threshold) for kind, table in matches.items()}


def _count(matches: Matches, score_threshold: float) -> OperatingCounts:
    shown = matches.scores >= score_threshold
    right = shown & (matches.matched[0] & 1 == 1)
    wrong = shown & ((matches.matched[0] | matches.ignored[0]) & 1 == 0)
    objects = matches.object_bands & 1 == 1
    per_class = {}
    for k, name in enumerate(matches.category_names):
        rows = slice(matches.class_starts[k], matches.class_starts[k + 1])
        known = slice(matches.object_starts[k], matches.object_starts[k + 1])
        found = int(right[rows].sum())
        per_class[name] = Counts(int(wrong[rows].sum()), found, int(objects[known].sum()) - found)
    total = Counts(int(wrong.sum()), int(right.sum()), int(objects.sum()) - int(right.sum()))
    images = len(matches.image_ids)
    return OperatingCounts(
        score_threshold=score_threshold,
        total=total,
        per_class=per_class,
        false_positives_per_image=total.false_positives / images if images else None,
        false_positives_by_image=np.bincount(matches.images[wrong], minlength=images),
    )
