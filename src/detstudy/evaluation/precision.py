"""Precision and recall from matches, for any weights of the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import DETECTION_LIMITS, IOU_THRESHOLDS, RECALLS, SIZE_BANDS


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """pycocotools' arrays of the same names, NaN where a class has no object that counts."""

    precision: NDArray[np.float64]  # [thresholds, recalls, classes, bands, limits], interpolated
    recall: NDArray[np.float64]  # [thresholds, classes, bands, limits]


def accumulate_precision(matches: Matches, weights: NDArray[np.integer] | None = None) -> PrecisionRecall:
    """Return precision and recall with each image counted as often as its weight says; None is once.

    Equal to pycocotools' COCOeval.accumulate to the last bit; whole weights equal evaluating the images repeated so
    often (but for ties in score within one image and class, whose order repetition interleaves).
    """
    from detstudy.evaluation import kernels

    counts = np.ones(len(matches.image_ids), np.int64) if weights is None else np.asarray(weights, dtype=np.int64)
    classes, bands, limits = len(matches.category_ids), len(SIZE_BANDS), len(DETECTION_LIMITS)
    precision = np.full((len(IOU_THRESHOLDS), len(RECALLS), classes, bands, limits), np.nan)
    recall = np.full((len(IOU_THRESHOLDS), classes, bands, limits), np.nan)
    row_weights = counts[matches.images]
    for k in range(classes):
        rows = slice(matches.class_starts[k], matches.class_starts[k + 1])
        for band in range(bands):
            objects = int(counts[find_objects(matches, k, band)].sum())
            if objects:
                precision[:, :, k, band], recall[:, k, band] = kernels.accumulate_class(
                    row_weights[rows],
                    matches.ranks[rows],
                    matches.matched[band, rows],
                    matches.ignored[band, rows],
                    objects,
                    DETECTION_LIMITS,
                    RECALLS,
                )
    return PrecisionRecall(precision, recall)


def find_objects(matches: Matches, class_index: int, band: int) -> NDArray[np.int32]:
    """Return the image of each object of the class that counts in the size band."""
    rows = slice(matches.object_starts[class_index], matches.object_starts[class_index + 1])
    images: NDArray[np.int32] = matches.object_images[rows][(matches.object_bands[rows] >> band) & 1 == 1]
    return images
