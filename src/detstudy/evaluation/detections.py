"""Predictions as arrays, in the order in which they are matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.data.masks import measure_areas, measure_boxes
from detstudy.data.records import Rle
from detstudy.evaluation.ground_truth import GroundTruth
from detstudy.evaluation.protocol import DETECTION_LIMITS
from detstudy.trainers.contract import Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The best 100 of each image and class, by class, image and falling score (ties as in the predictions)."""

    predictions: NDArray[np.int64]  # indices into the predictions
    images: NDArray[np.int64]  # indices into the images evaluated
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]
    ranks: NDArray[np.int64]  # by score within image and class, from 0
    areas: NDArray[np.float64]  # pixels, by which size bands judge
    boxes: NDArray[np.float64]  # [detections, 4]
    masks: tuple[Rle | None, ...]


def tabulate_detections(
    ground_truth: GroundTruth, predictions: Sequence[Prediction], positions: NDArray[np.int64]
) -> Detections:
    """Return checked predictions as a table.

    `positions` holds, for each image of the ground truth, its place among the images evaluated, or -1. Boxes that the
    predictions leave out are those of the masks. Areas are the boxes' where boxes are given, else the masks', as
    pycocotools.coco.loadRes has it.
    """
    position = dict(zip(ground_truth.image_ids, positions.tolist(), strict=True))
    class_index = {id_: n for n, id_ in enumerate(ground_truth.category_ids)}
    images = np.array([position[entry["image_id"]] for entry in predictions], dtype=np.int64)
    classes = np.array([class_index[entry["category_id"]] for entry in predictions], dtype=np.int64)
    scores = np.array([entry["score"] for entry in predictions], dtype=np.float64)
    rows = np.lexsort((-scores, images, classes))
    rows = rows[images[rows] >= 0]
    ranks = _count_within(classes[rows], images[rows])
    kept = ranks < DETECTION_LIMITS[-1]
    rows, ranks = rows[kept], ranks[kept]
    entries = [predictions[row] for row in rows]
    masks = tuple(entry.get("segmentation") for entry in entries)
    if entries and "bbox" not in entries[0]:
        present = [mask for mask in masks if mask is not None]
        boxes = np.array(measure_boxes(present), dtype=np.float64)
        # not by pycocotools' `area`, which given more than 255 masks overflows under numpy 2
        areas = np.array(measure_areas(present)[0], dtype=np.float64)
    else:
        boxes = np.array([entry["bbox"] for entry in entries], dtype=np.float64).reshape(-1, 4)
        areas = boxes[:, 2] * boxes[:, 3]
    return Detections(rows, images[rows], classes[rows], scores[rows], ranks, areas, boxes, masks)


def find_groups(classes: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each stretch of one class and image begins, and after the last its end; sorted input is assumed."""
    if not len(classes):
        return np.zeros(1, dtype=np.int64)
    changes = (classes[1:] != classes[:-1]) | (images[1:] != images[:-1])
    return np.concatenate([[0], np.flatnonzero(changes) + 1, [len(classes)]])


def _count_within(classes: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = find_groups(classes, images)
    return np.arange(len(classes)) - np.repeat(starts[:-1], np.diff(starts))
