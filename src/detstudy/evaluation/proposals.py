"""Proposal recall: how many of the objects the region proposals cover, whatever the heads make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.ground_truth import EvaluationError, GroundTruth
from detstudy.evaluation.protocol import AREA_RANGES, IOU_THRESHOLDS, SIZE_BANDS
from detstudy.study.setting import Measure

LIMITS = (100, 300, 1000)  # proposals an image
Boxes = Mapping[int, NDArray[np.float32]]

RECALL_MEASURES: dict[str, tuple[int, int]] = {
    **{f"proposals/AR{limit}": (0, limit) for limit in LIMITS},
    **{f"proposals/AR{LIMITS[-1]}{band[0]}": (n, LIMITS[-1]) for n, band in enumerate(SIZE_BANDS) if n},
}
"""Name → index into SIZE_BANDS, proposals an image."""


def measure_proposal_recall(ground_truth: GroundTruth, proposals: Boxes) -> tuple[Measure, ...]:
    """Return the average recall of proposals, 0 to 100: the mean over IoU 0.5 to 0.95, classes told apart nowhere.

    `proposals` holds [n, 4] boxes (x, y, width, height in pixels), best first, by image id; an image that is missing
    has none. Equal to pycocotools' COCOeval with useCats 0 and maxDets 100, 300, 1000: crowds are no objects to find.
    An image with fewer proposals than the limit is judged by those it has, so where the cut after NMS keeps 64,
    all limits say the same. Values are None, with the reason, without proposals or without objects (of a size).

    Raises EvaluationError for images that the ground truth does not have and boxes that are not finite numbers with
    widths and heights of 0 or more.
    """
    boxes = _check_boxes(ground_truth, proposals)
    within = (ground_truth.object_areas[:, None] >= AREA_RANGES[:, 0]) & (
        ground_truth.object_areas[:, None] <= AREA_RANGES[:, 1]
    )
    objects = (within & (ground_truth.object_crowds == 0)[:, None]).sum(axis=0)
    found = _count_found(ground_truth, boxes) if proposals else {}
    measures = []
    for name, (band, limit) in RECALL_MEASURES.items():
        if not proposals:
            value, reason = None, "the trainer gave no proposals"
        elif not objects[band]:
            value, reason = None, "no objects" if band == 0 else f"no {SIZE_BANDS[band]} objects"
        else:
            value, reason = float(np.mean(found[limit][band] / objects[band])) * 100, None
        measures.append(Measure(name=name, value=value, unit="AR", reason=reason))
    return tuple(measures)


def _check_boxes(ground_truth: GroundTruth, proposals: Boxes) -> list[NDArray[np.float64]]:
    """Return the boxes of each image, by rising id."""
    unknown = proposals.keys() - set(ground_truth.image_ids)
    if unknown:
        raise EvaluationError(f"{ground_truth.source}: has no image {min(unknown)}, which has proposals")
    found = []
    for id_ in ground_truth.image_ids:
        boxes = np.asarray(proposals.get(id_, np.zeros((0, 4))), dtype=np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all() or (boxes[:, 2:] < 0).any():
            raise EvaluationError(
                f"proposals of image {id_}: rows of x, y, width, height in pixels are needed, finite, sizes from 0 up"
            )
        found.append(boxes[: LIMITS[-1]])
    return found


def _count_found(ground_truth: GroundTruth, boxes: list[NDArray[np.float64]]) -> dict[int, NDArray[np.int64]]:
    """Return for each limit how many objects are found, [bands, thresholds]."""
    from pycocotools.mask import iou

    from detstudy.evaluation import kernels

    order = np.argsort(ground_truth.object_images, kind="stable")  # an image's objects of all classes side by side
    images, crowds = ground_truth.object_images[order], ground_truth.object_crowds[order]
    object_boxes = ground_truth.object_boxes[order]
    every = np.arange(len(boxes))
    firsts, ends = np.searchsorted(images, every, side="left"), np.searchsorted(images, every, side="right")
    ranks, ious, areas = [], [], []
    for own, first, end in zip(boxes, firsts, ends, strict=True):
        if len(own) and end > first:
            block = iou(own, object_boxes[first:end], crowds[first:end])
            near = np.flatnonzero((block >= IOU_THRESHOLDS[0]).any(axis=1))  # no other can find anything
        else:
            block, near = np.zeros((len(own), 0)), np.zeros(0, dtype=np.int64)
        ranks.append(near)
        areas.append(own[near, 2] * own[near, 3])
        ious.append(block[near].ravel(order="F"))
    matched, _ = kernels.match_groups(
        _find_starts(ranks),
        firsts,
        ends,
        _find_starts(ious),
        np.array([len(rank) for rank in ranks], dtype=np.int64),
        np.concatenate(ious),
        np.concatenate(areas),
        ground_truth.object_areas[order],
        crowds,
        IOU_THRESHOLDS,
        AREA_RANGES,
    )
    rank = np.concatenate(ranks)
    return {limit: _count_bits(matched[:, rank < limit]) for limit in LIMITS}


def _count_bits(rows: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return how many of [bands, proposals] have each threshold's bit, [bands, thresholds]."""
    return np.stack([((rows >> bit) & 1).sum(axis=1, dtype=np.int64) for bit in range(len(IOU_THRESHOLDS))], axis=1)


def _find_starts(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return where each part begins among all of them joined, and after the last its end."""
    return np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
