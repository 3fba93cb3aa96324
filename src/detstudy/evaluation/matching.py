"""Detections matched to objects once, in a compact table that answers every later question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.detections import Detections, find_groups, tabulate_detections
from detstudy.evaluation.ground_truth import EvaluationError, GroundTruth
from detstudy.evaluation.overlaps import Objects, Overlaps, overlap_images, select_objects
from detstudy.evaluation.protocol import AREA_RANGES, BACKGROUND_IOU, FOREGROUND_IOU, IOU_THRESHOLDS, Kind
from detstudy.evaluation.results import have_masks
from detstudy.trainers.contract import Prediction

Int = NDArray[np.int64]
Bits = NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of each detection and how many objects there were, at all IoU thresholds, for all size bands.

    Detections stand by class, then falling score (ties: by image, then as within the image); those of class k are rows
    class_starts[k] to class_starts[k + 1]. Objects that count in some band likewise. Bit t of `matched` and `ignored`
    is for IOU_THRESHOLDS[t]; a detection with neither bit is a false positive there.

    `kinds` say what each detection is at IoU 0.5: an index into ERROR_KINDS, CORRECT or IGNORED (on a crowd). `objects`
    are the objects concerned, as rows of the objects here: the one found, the one that would have been with the right
    class or a better place, the one found already; -1 for background and ignored.
    """

    image_ids: Int
    category_ids: Int
    category_names: tuple[str, ...]
    class_starts: Int  # [classes + 1]
    scores: NDArray[np.float64]  # [detections]
    images: NDArray[np.int32]  # [detections], indices into image_ids
    ranks: NDArray[np.uint8]  # [detections], by score within image and class, from 0
    predictions: Int  # [detections], indices into the predictions, as their file has them
    matched: Bits  # [bands, detections]: to an object that counts
    ignored: Bits  # [bands, detections]: neither right nor wrong
    kinds: NDArray[np.uint8]  # [detections]
    objects: NDArray[np.int32]  # [detections]
    object_starts: Int  # [classes + 1]
    object_images: NDArray[np.int32]  # [objects], indices into image_ids
    object_rows: Int  # [objects], of the ground truth
    object_bands: NDArray[np.uint8]  # [objects], bit a: counts in SIZE_BANDS[a]

    def fits(self, ground_truth: GroundTruth) -> bool:
        """Whether these are of all images of the ground truth, and of objects that it has."""
        images = self.image_ids.tolist() == [*ground_truth.image_ids]
        return images and bool((self.object_rows < len(ground_truth.object_images)).all())


def match_predictions(
    ground_truth: GroundTruth, predictions: Sequence[Prediction], kind: Kind, image_ids: Sequence[int] | None = None
) -> Matches:
    """Match predictions, as `load_predictions` returns them, to the ground truth as pycocotools' COCOeval does.

    A detection's area, by which unmatched ones are ignored outside a size band, is its box's where boxes are given,
    else its mask's, for both kinds. Detections past the best 100 of an image and class are dropped. `image_ids`
    restricts the evaluation to some images; predictions for others are left out.

    A detection that finds no object at IoU 0.5 is, by the first that holds: localisation, where its best IoU with an
    object of its class is from 0.1 to below 0.5; classification, where it overlaps one of another class by at least
    0.5; duplicate, where it overlaps one of its class by at least 0.5, which a higher score has found; both, where it
    overlaps one of another class by more than 0.1; else background. None of this depends on a score threshold: what
    could change it scores higher.

    Raises EvaluationError for kind "mask" where ground truth or predictions lack masks, and for unknown image ids.

    Source of the kinds: Bolya, Foley, Hays and Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors
    (ECCV 2020). Different here: an IoU of exactly 0.5 finds its object, as in COCO, and detections on a crowd are no
    errors.
    """
    if kind == "mask" and ground_truth.object_masks is None:
        raise EvaluationError(f"{ground_truth.source}: has objects without segmentation; only boxes can be evaluated")
    if kind == "mask" and not have_masks(predictions):
        raise EvaluationError("the predictions have no masks; evaluate their boxes, or add a segmentation to each")
    chosen = select_images(ground_truth, image_ids)
    positions = np.full(len(ground_truth.image_ids), -1, dtype=np.int64)
    positions[chosen] = np.arange(len(chosen))
    detections = tabulate_detections(ground_truth, predictions, positions)
    objects = select_objects(ground_truth, positions)
    overlaps = overlap_images(ground_truth, objects, detections, kind, len(chosen))
    within = _find_bands(objects)
    counting = np.asarray(within.any(axis=1))
    matched, ignored = _match_groups(detections, objects, overlaps)
    kinds, concerned = _relate_images(detections, objects, overlaps, counting, ignored)
    order = np.lexsort((-detections.scores, detections.classes))
    boundaries = np.arange(len(ground_truth.category_ids) + 1)
    return Matches(
        image_ids=np.array(ground_truth.image_ids, dtype=np.int64)[chosen],
        category_ids=np.array(ground_truth.category_ids, dtype=np.int64),
        category_names=ground_truth.category_names,
        class_starts=np.searchsorted(detections.classes, boundaries),
        scores=detections.scores[order],
        images=detections.images[order].astype(np.int32),
        ranks=detections.ranks[order].astype(np.uint8),
        predictions=detections.predictions[order],
        matched=np.ascontiguousarray(matched[:, order]),
        ignored=np.ascontiguousarray(ignored[:, order]),
        kinds=kinds[order],
        objects=concerned[order],
        object_starts=np.searchsorted(objects.classes[counting], boundaries),
        object_images=objects.images[counting].astype(np.int32),
        object_rows=objects.rows[counting],
        object_bands=np.packbits(within[counting], axis=1, bitorder="little").reshape(-1),
    )


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


def _find_bands(objects: Objects) -> NDArray[np.bool_]:
    """Return whether each object counts in each size band, [objects, bands]; a crowd counts in none."""
    inside = (objects.areas[:, None] >= AREA_RANGES[:, 0]) & (objects.areas[:, None] <= AREA_RANGES[:, 1])
    counts: NDArray[np.bool_] = inside & (objects.crowds == 0)[:, None]
    return counts


def _match_groups(detections: Detections, objects: Objects, overlaps: Overlaps) -> tuple[Bits, Bits]:
    """Return for each detection, [bands, detections] of bits, what it was matched to in its image and class."""
    from detstudy.evaluation import kernels

    images = len(overlaps.starts) - 1
    starts = find_groups(detections.classes, detections.images)
    heads = starts[:-1]
    keys = (detections.classes * images + detections.images)[heads]
    object_keys = objects.classes * images + objects.images
    firsts = np.searchsorted(object_keys, keys, side="left")
    ends = np.searchsorted(object_keys, keys, side="right")
    iou_starts, strides = overlaps.locate(detections.images[heads], heads, firsts)
    matched, ignored = kernels.match_groups(
        starts,
        firsts,
        ends,
        iou_starts,
        strides,
        overlaps.ious,
        detections.areas,
        objects.areas,
        objects.crowds,
        IOU_THRESHOLDS,
        AREA_RANGES,
    )
    return matched, ignored


def _relate_images(
    detections: Detections, objects: Objects, overlaps: Overlaps, counting: NDArray[np.bool_], ignored: Bits
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return the kind of each detection, and the object concerned as a row of those that count, or -1."""
    from detstudy.evaluation import kernels

    kinds_by_image, concerned = kernels.relate_images(
        overlaps.starts,
        overlaps.object_starts,
        overlaps.iou_starts,
        overlaps.ious,
        detections.classes[overlaps.detections],
        objects.classes[overlaps.objects],
        counting[overlaps.objects].astype(np.uint8),
        (ignored[0] & 1)[overlaps.detections].astype(np.uint8),
        FOREGROUND_IOU,
        BACKGROUND_IOU,
    )
    numbers = np.append((np.cumsum(counting) - 1)[overlaps.objects], -1).astype(np.int32)
    kinds, rows = np.empty_like(kinds_by_image), np.empty(len(kinds_by_image), dtype=np.int32)
    kinds[overlaps.detections], rows[overlaps.detections] = kinds_by_image, numbers[concerned]
    return kinds, rows
