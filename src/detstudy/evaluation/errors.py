"""What kind of error each false positive is, and which object it concerns: TIDE's kinds, found once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.detections import Detections, tabulate_detections
from detstudy.evaluation.ground_truth import GroundTruth
from detstudy.evaluation.matching import Matches, find_bands, select_images
from detstudy.evaluation.protocol import BACKGROUND_IOU, FOREGROUND_IOU, KINDS, Kind
from detstudy.trainers.contract import Prediction

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """What each detection of a Matches is, in its order.

    `kinds` are indices into ERROR_KINDS, CORRECT or IGNORED (on a crowd). `objects` are the objects concerned, as rows
    of the Matches' objects: the one found, the one that would have been with the right class or a better place, the one
    found already; -1 for background and ignored.
    """

    kinds: NDArray[np.uint8]
    objects: NDArray[np.int32]


def relate_errors(
    ground_truth: GroundTruth, predictions: Sequence[Prediction], matches: Mapping[Kind, Matches]
) -> dict[Kind, Errors]:
    """Return the kind of error of each detection matched, for the kinds matched.

    `predictions` are those that were matched, as `load_predictions` returns them. A detection that finds no object at
    IoU 0.5 is, by the first that holds: localisation, where its best IoU with an object of its class is from 0.1 to
    below 0.5; classification, where it overlaps one of another class by at least 0.5; duplicate, where it overlaps one
    of its class by at least 0.5, which a higher score has found; both, where it overlaps one of another class by more
    than 0.1; else background. None of this depends on a score threshold: what could change it scores higher.

    Source: Bolya, Foley, Hays and Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors (ECCV 2020).
    Different here: an IoU of exactly 0.5 finds its object, as in COCO, and detections on a crowd are no errors.
    """
    return {kind: _relate_kind(ground_truth, predictions, matches[kind], kind) for kind in KINDS if kind in matches}


def find_concerned(errors: Errors, detections: NDArray[np.bool_], objects: int) -> NDArray[np.bool_]:
    """Return for each object whether one of these detections, of which none is background or ignored, concerns it."""
    concerned = np.zeros(objects, dtype=bool)
    concerned[errors.objects[detections]] = True
    return concerned


def _relate_kind(ground_truth: GroundTruth, predictions: Sequence[Prediction], matches: Matches, kind: Kind) -> Errors:
    from detstudy.evaluation import kernels

    chosen = select_images(ground_truth, matches.image_ids.tolist())
    positions = np.full(len(ground_truth.image_ids), -1, dtype=np.int64)
    positions[chosen] = np.arange(len(chosen))
    detections = tabulate_detections(ground_truth, predictions, positions)
    order = np.lexsort((-detections.scores, detections.classes))  # the rows of `matches` among the detections
    ignored = np.zeros(len(order), dtype=np.uint8)
    ignored[order] = matches.ignored[0] & 1
    by_image = np.argsort(detections.images, kind="stable")
    objects_by_image = np.argsort(matches.object_images, kind="stable")
    object_classes = np.repeat(np.arange(len(matches.category_ids)), np.diff(matches.object_starts))
    boundaries = np.arange(len(chosen) + 1)
    starts = np.searchsorted(detections.images[by_image], boundaries)
    object_starts = np.searchsorted(matches.object_images[objects_by_image], boundaries)
    known = _find_counting(ground_truth, positions)[objects_by_image]
    ious, iou_starts = _overlap_images(ground_truth, detections, kind, by_image, starts, known, object_starts)
    found_kinds, found_objects = kernels.relate_images(
        starts,
        object_starts,
        iou_starts,
        ious,
        detections.classes[by_image],
        object_classes[objects_by_image],
        ignored[by_image],
        FOREGROUND_IOU,
        BACKGROUND_IOU,
    )
    kinds, objects = np.empty(len(order), dtype=np.uint8), np.empty(len(order), dtype=np.int32)
    kinds[by_image] = found_kinds
    objects[by_image] = np.append(objects_by_image, -1)[found_objects]
    return Errors(kinds[order], objects[order])


def _find_counting(ground_truth: GroundTruth, positions: Int) -> Int:
    """Return which objects of the ground truth are those of a Matches, in its order."""
    objects = np.flatnonzero(positions[ground_truth.object_images] >= 0)
    within = find_bands(ground_truth.object_areas[objects], ground_truth.object_crowds[objects])
    counting: Int = objects[within.any(axis=1)]
    return counting


def _overlap_images(
    ground_truth: GroundTruth, detections: Detections, kind: Kind, rows: Int, starts: Int, known: Int, ends: Int
) -> tuple[NDArray[np.float64], Int]:
    """Return the IoUs of each image's objects and detections of any class, object-major, and where each image begins.

    Those of image n are rows[starts[n]:starts[n + 1]] and objects known[ends[n]:ends[n + 1]].
    """
    from pycocotools.mask import iou

    sizes = np.diff(starts) * np.diff(ends)
    iou_starts = np.concatenate([[0], np.cumsum(sizes)])
    ious = np.empty(iou_starts[-1])
    boxes, object_boxes = detections.boxes[rows], ground_truth.object_boxes[known]
    if kind == "mask" and ground_truth.object_masks is not None:
        masks = [detections.masks[row] for row in rows]
        object_masks = [ground_truth.object_masks[n] for n in known]
    for n in np.flatnonzero(sizes):
        detected, there = slice(starts[n], starts[n + 1]), slice(ends[n], ends[n + 1])
        crowds = np.zeros(ends[n + 1] - ends[n], dtype=np.uint8)
        if kind == "mask":
            block = iou(masks[detected], object_masks[there], crowds)
        else:
            block = iou(boxes[detected], object_boxes[there], crowds)
        ious[iou_starts[n] : iou_starts[n + 1]] = block.ravel(order="F")
    return ious, iou_starts
