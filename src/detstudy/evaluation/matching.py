"""Detections matched to objects once, in a compact table that answers every later question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.detections import Detections, find_groups, tabulate_detections
from detstudy.evaluation.documents import EvaluationError
from detstudy.evaluation.ground_truth import GroundTruth
from detstudy.evaluation.protocol import AREA_RANGES, IOU_THRESHOLDS, Kind
from detstudy.evaluation.results import have_masks
from detstudy.trainers.contract import Prediction

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of each detection and how many objects there were, at all IoU thresholds, for all size bands.

    Detections stand by class, then falling score (ties: by image, then as within the image); those of class k are rows
    class_starts[k] to class_starts[k + 1]. Objects that count in some band likewise. Bit t of `matched` and `ignored`
    is for IOU_THRESHOLDS[t]; a detection with neither bit is a false positive there.
    """

    image_ids: Int
    category_ids: Int
    category_names: tuple[str, ...]
    class_starts: Int  # [classes + 1]
    scores: NDArray[np.float64]  # [detections]
    images: NDArray[np.int32]  # [detections], indices into image_ids
    ranks: NDArray[np.uint8]  # [detections], by score within image and class, from 0
    matched: NDArray[np.uint16]  # [bands, detections]: to an object that counts
    ignored: NDArray[np.uint16]  # [bands, detections]: neither right nor wrong
    object_starts: Int  # [classes + 1]
    object_images: NDArray[np.int32]  # [objects], indices into image_ids
    object_bands: NDArray[np.uint8]  # [objects], bit a: counts in SIZE_BANDS[a]


def match_predictions(
    ground_truth: GroundTruth, predictions: Sequence[Prediction], kind: Kind, image_ids: Sequence[int] | None = None
) -> Matches:
    """Match predictions, as `load_predictions` returns them, to the ground truth as pycocotools' COCOeval does.

    A detection's area, by which unmatched ones are ignored outside a size band, is its box's where boxes are given,
    else its mask's, for both kinds. Detections past the best 100 of an image and class are dropped. `image_ids`
    restricts the evaluation to some images; predictions for others are left out.

    Raises EvaluationError for kind "mask" where ground truth or predictions lack masks, and for unknown image ids.
    """
    if kind == "mask" and ground_truth.object_masks is None:
        raise EvaluationError(f"{ground_truth.source}: has objects without segmentation; only boxes can be evaluated")
    if kind == "mask" and not have_masks(predictions):
        raise EvaluationError("the predictions have no masks; evaluate their boxes, or add a segmentation to each")
    chosen = select_images(ground_truth, image_ids)
    positions = np.full(len(ground_truth.image_ids), -1, dtype=np.int64)
    positions[chosen] = np.arange(len(chosen))
    detections = tabulate_detections(ground_truth, predictions, positions)
    objects = np.flatnonzero(positions[ground_truth.object_images] >= 0)
    object_images = positions[ground_truth.object_images[objects]]
    object_classes = ground_truth.object_classes[objects]
    areas, crowds = ground_truth.object_areas[objects], ground_truth.object_crowds[objects]

    starts = find_groups(detections.classes, detections.images)
    group_keys = (detections.classes * len(chosen) + detections.images)[starts[:-1]]
    object_keys = object_classes * len(chosen) + object_images
    firsts = np.searchsorted(object_keys, group_keys, side="left")
    ends = np.searchsorted(object_keys, group_keys, side="right")
    ious, iou_starts = _compute_ious(ground_truth, objects, detections, kind, starts, firsts, ends)

    from detstudy.evaluation import kernels

    matched, ignored = kernels.match_groups(
        starts, firsts, ends, iou_starts, ious, detections.areas, areas, crowds, IOU_THRESHOLDS, AREA_RANGES
    )
    order = np.lexsort((-detections.scores, detections.classes))
    within = find_bands(areas, crowds)
    counting = within.any(axis=1)
    boundaries = np.arange(len(ground_truth.category_ids) + 1)
    return Matches(
        image_ids=np.array(ground_truth.image_ids, dtype=np.int64)[chosen],
        category_ids=np.array(ground_truth.category_ids, dtype=np.int64),
        category_names=ground_truth.category_names,
        class_starts=np.searchsorted(detections.classes, boundaries),
        scores=detections.scores[order],
        images=detections.images[order].astype(np.int32),
        ranks=detections.ranks[order].astype(np.uint8),
        matched=np.ascontiguousarray(matched[:, order]),
        ignored=np.ascontiguousarray(ignored[:, order]),
        object_starts=np.searchsorted(object_classes[counting], boundaries),
        object_images=object_images[counting].astype(np.int32),
        object_bands=np.packbits(within[counting], axis=1, bitorder="little").reshape(-1),
    )


def find_bands(areas: NDArray[np.float64], crowds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether each object counts in each size band, [objects, bands]; a crowd counts in none."""
    inside = (areas[:, None] >= AREA_RANGES[:, 0]) & (areas[:, None] <= AREA_RANGES[:, 1])
    counts: NDArray[np.bool_] = inside & (crowds == 0)[:, None]
    return counts


def select_images(ground_truth: GroundTruth, image_ids: Sequence[int] | None) -> Int:
    """Return indices of the images named, rising, each once; of all where None.

    Raises EvaluationError for ids that the ground truth does not have.
    """
    if image_ids is None:
        return np.arange(len(ground_truth.image_ids))
    index = {id_: n for n, id_ in enumerate(ground_truth.image_ids)}
    for id_ in image_ids:
        if id_ not in index:
            raise EvaluationError(f"{ground_truth.source}: has no image {id_}, which was to be evaluated")
    return np.array(sorted({index[id_] for id_ in image_ids}), dtype=np.int64)


def _compute_ious(
    ground_truth: GroundTruth, objects: Int, detections: Detections, kind: Kind, starts: Int, firsts: Int, ends: Int
) -> tuple[NDArray[np.float64], Int]:
    """Return the IoUs of each group's objects and detections, object-major, one group after the other, and where."""
    from pycocotools.mask import iou

    sizes = np.diff(starts) * (ends - firsts)
    iou_starts = np.concatenate([[0], np.cumsum(sizes)])
    ious = np.empty(iou_starts[-1])
    boxes, crowds = ground_truth.object_boxes[objects], ground_truth.object_crowds[objects]
    masks = [ground_truth.object_masks[n] for n in objects] if kind == "mask" and ground_truth.object_masks else []
    for g in np.flatnonzero(sizes):
        detected, known = slice(starts[g], starts[g + 1]), slice(firsts[g], ends[g])
        if kind == "mask":
            block = iou(list(detections.masks[detected]), masks[known], crowds[known])
        else:
            block = iou(detections.boxes[detected], boxes[known], crowds[known])
        ious[iou_starts[g] : iou_starts[g + 1]] = block.ravel(order="F")
    return ious, iou_starts
