"""The IoUs of each image's detections and objects, computed once, for whatever is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.detections import Detections
from detstudy.evaluation.ground_truth import GroundTruth, to_coco
from detstudy.evaluation.protocol import Kind

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of the images evaluated, crowds too, by class, then image, then place in the file."""

    rows: Int  # of the ground truth
    images: Int  # indices into the images evaluated
    classes: Int
    areas: NDArray[np.float64]
    crowds: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The IoUs of every image's objects and detections, of whatever class, object-major, one image after the other.

    Image n has detections `detections[starts[n]:starts[n + 1]]` and objects
    `objects[object_starts[n]:object_starts[n + 1]]`, as rows of their tables by class; its IoUs begin at iou_starts[n].
    """

    detections: Int
    starts: Int  # [images + 1]
    objects: Int
    object_starts: Int  # [images + 1]
    ious: NDArray[np.float64]
    iou_starts: Int  # [images + 1]

    def locate(self, images: Int, detections: Int, objects: Int) -> tuple[Int, Int]:
        """Return where the IoU of each object and detection of an image is, and how far it is to the next object's."""
        strides = np.diff(self.starts)[images]
        rows = np.argsort(self.detections)[detections] - self.starts[images]
        object_rows = np.append(np.argsort(self.objects), 0)[objects] - self.object_starts[images]
        return self.iou_starts[images] + object_rows * strides + rows, strides


def select_objects(ground_truth: GroundTruth, positions: Int) -> Objects:
    """Return the objects of the images evaluated: `positions` holds each image's place among them, or -1."""
    rows = np.flatnonzero(positions[ground_truth.object_images] >= 0)
    return Objects(
        rows,
        positions[ground_truth.object_images[rows]],
        ground_truth.object_classes[rows],
        ground_truth.object_areas[rows],
        ground_truth.object_crowds[rows],
    )


def overlap_images(
    ground_truth: GroundTruth, objects: Objects, detections: Detections, kind: Kind, images: int
) -> Overlaps:
    """Return the IoUs of `images` images; a crowd's is the share of the detection that it covers, as in COCO."""
    from pycocotools.mask import iou

    by_image = np.argsort(detections.images, kind="stable")
    objects_by_image = np.argsort(objects.images, kind="stable")
    boundaries = np.arange(images + 1)
    starts = np.searchsorted(detections.images[by_image], boundaries)
    object_starts = np.searchsorted(objects.images[objects_by_image], boundaries)
    sizes = np.diff(starts) * np.diff(object_starts)
    iou_starts = np.concatenate([[0], np.cumsum(sizes)])
    ious = np.empty(iou_starts[-1])
    crowds, rows = objects.crowds[objects_by_image], objects.rows[objects_by_image]
    found: Sequence[object] | NDArray[np.float64] = detections.boxes[by_image]
    known: Sequence[object] | NDArray[np.float64] = ground_truth.object_boxes[rows]
    if kind == "mask" and ground_truth.object_masks is not None:
        found = to_coco([detections.masks[row] for row in by_image])
        known = to_coco([ground_truth.object_masks[row] for row in rows])
    for n in np.flatnonzero(sizes):
        there = slice(object_starts[n], object_starts[n + 1])
        block = iou(found[starts[n] : starts[n + 1]], known[there], crowds[there])
        ious[iou_starts[n] : iou_starts[n + 1]] = block.ravel(order="F")
    return Overlaps(by_image, starts, objects_by_image, object_starts, ious, iou_starts)
