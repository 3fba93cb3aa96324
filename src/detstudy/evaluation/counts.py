"""What a user of the detector meets at one score threshold: right detections, errors by kind, false negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import (
    CLASSIFICATION,
    CORRECT,
    ERROR_KINDS,
    IGNORED,
    LOCALISATION,
    SIZE_BANDS,
)

COUNTED = (*ERROR_KINDS, "correct", "false_negatives", "false_positives")
"""What is counted. A false negative is an object without a correct detection; it is missed where no error accounts for
it: none is it, badly placed or named."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCounts:
    """Counts of detections scoring at least the threshold, and of objects, at IoU 0.5; crowds count nowhere.

    An error belongs to the size bands of the object that it concerns, a background error to its own area's (the bands
    share their edges, as in COCO). Classes are those of detections, for false negatives their own.
    """

    score_threshold: float
    by_class: NDArray[np.int64]  # [COUNTED, bands, classes]
    by_image: NDArray[np.int64]  # [COUNTED, bands, images], in the order of Matches.image_ids

    @property
    def total(self) -> dict[str, int]:
        """The counts of all sizes and classes by name, as in COUNTED."""
        return dict(zip(COUNTED, self.by_class[:, 0].sum(axis=1).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class BestThreshold:
    """The score threshold with the highest F1 (0 to 1), over all classes at IoU 0.5."""

    score_threshold: float
    f1: float


def count_errors(matches: Matches, score_threshold: float) -> ErrorCounts:
    """Count what detections scoring at least the threshold get right and wrong, and what they leave out.

    Matching goes by falling score, so dropping low scores changes no match above them: stored matches suffice. At most
    the best 100 detections of an image and class are seen, as everywhere in COCO's protocol.
    """
    shown = (matches.scores >= score_threshold) & (matches.kinds != IGNORED)
    right = shown & (matches.kinds == CORRECT)
    lost = ~find_concerned(matches, right)
    # with the right class or a better place, one of these would have found its object
    near = shown & np.isin(matches.kinds, [CLASSIFICATION, LOCALISATION])
    missed = lost & ~find_concerned(matches, near)
    classes = np.repeat(np.arange(len(matches.category_ids)), np.diff(matches.class_starts))
    object_classes = np.repeat(np.arange(len(matches.category_ids)), np.diff(matches.object_starts))
    bands = find_error_bands(matches)
    by_class = np.zeros((len(COUNTED), len(SIZE_BANDS), len(matches.category_ids)), dtype=np.int64)
    by_image = np.zeros((len(COUNTED), len(SIZE_BANDS), len(matches.image_ids)), dtype=np.int64)
    for n, name in enumerate(COUNTED):
        if name in ("missed", "false_negatives"):
            rows = missed if name == "missed" else lost
            places, of_class, in_bands = matches.object_images, object_classes, matches.object_bands
        else:
            rows = shown & ~right if name == "false_positives" else shown & (matches.kinds == n)
            places, of_class, in_bands = matches.images, classes, bands
        for band in range(len(SIZE_BANDS)):
            chosen = rows & ((in_bands >> band) & 1 == 1)
            by_class[n, band] = np.bincount(of_class[chosen], minlength=len(matches.category_ids))
            by_image[n, band] = np.bincount(places[chosen], minlength=len(matches.image_ids))
    return ErrorCounts(score_threshold, by_class, by_image)


def find_concerned(matches: Matches, detections: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each object whether one of these detections, of which none is background or ignored, concerns it."""
    concerned = np.zeros(len(matches.object_images), dtype=bool)
    concerned[matches.objects[detections]] = True
    return concerned


def find_error_bands(matches: Matches) -> NDArray[np.uint8]:
    """Return the size bands of each detection's object, as `Matches.object_bands`, or of itself where it has none."""
    own = np.packbits(matches.ignored & 1 == 0, axis=0, bitorder="little").reshape(-1)
    bands: NDArray[np.uint8] = np.append(matches.object_bands, np.uint8(0))[matches.objects]
    return np.where(matches.objects < 0, own, bands).astype(np.uint8)


def find_best_threshold(matches: Matches) -> BestThreshold | None:
    """Return the score threshold of the highest F1 and that F1; the higher of equals. None where nothing is found."""
    counted = matches.ignored[0] & 1 == 0
    order = np.argsort(-matches.scores[counted], kind="stable")
    scores = matches.scores[counted][order]
    right = np.cumsum(matches.matched[0][counted][order] & 1)
    if not len(right) or not right[-1]:
        return None
    objects = np.count_nonzero(matches.object_bands & 1)
    f1 = 2 * right / (np.arange(1, len(right) + 1) + objects)
    f1[:-1][scores[:-1] == scores[1:]] = 0  # a threshold lets in all that score the same
    best = int(np.argmax(f1))
    return BestThreshold(float(scores[best]), float(f1[best]))
