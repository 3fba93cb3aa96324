"""The ground truth of a split, read from COCO JSON, checked and indexed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place
from detstudy.data.formats.coco import parse_coco_file
from detstudy.data.records import Fault, ImageRecord, Rle
from detstudy.errors import InputError

Size = tuple[int, int]


class EvaluationError(InputError):
    """Ground truth, predictions or stored matches that cannot be evaluated; the message names place and remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """Images and categories by rising id, objects (crowds too) by class, then image, then place in the file.

    `object_images` and `object_classes` are indices into `image_ids` and `category_ids`.
    """

    source: str  # for messages
    image_ids: tuple[int, ...]
    image_sizes: tuple[Size | None, ...]  # height and width in pixels; None where neither file nor masks tell
    sequences: tuple[str | None, ...]  # per image
    category_ids: tuple[int, ...]
    category_names: tuple[str, ...]
    object_images: NDArray[np.int64]
    object_classes: NDArray[np.int64]
    object_boxes: NDArray[np.float64]  # [objects, 4]: x, y, width, height in pixels
    object_areas: NDArray[np.float64]  # pixels, as the file says
    object_crowds: NDArray[np.uint8]  # 1 for a region to ignore
    object_masks: tuple[Rle, ...] | None  # None where an object has none


def load_ground_truth(source: str | os.PathLike[str] | Mapping[str, Any]) -> GroundTruth:
    """Read COCO JSON (`.json`, `.json.gz` or the parsed document).

    Masks may be polygons, compressed or uncompressed RLE. An object without `area` has its mask's, else its box's; one
    without `bbox` has its mask's; one without `iscrowd` is no crowd. As in pycocotools, `ignore` is not read; unlike
    there, an annotation whose id is 0 can be found. Categories of one name are told apart as "name (id)". An image
    without width and height has its first RLE mask's. An image's `sequence` says which images belong together.

    Raises EvaluationError for missing keys, ids that are not whole numbers or not unique, annotations of unknown images
    or categories, boxes and areas that are negative or not finite, masks that do not decode or fit their image.
    """
    document = source if isinstance(source, Mapping) else Path(source)
    file = parse_coco_file(document, Path(), refuse_fault, _find_sequence, strict=False, images=False)
    notes = [(n, note) for n, record in enumerate(file.images) for note in record.annotations]
    object_images = np.array([n for n, _ in notes], dtype=np.int64)
    object_classes = np.array([note.class_index for _, note in notes], dtype=np.int64)
    order = np.lexsort((object_images, object_classes))
    objects = [notes[n][1] for n in order.tolist()]
    masks = tuple(note.mask for note in objects if note.mask is not None)
    return GroundTruth(
        source=str(document) if isinstance(document, Path) else "ground truth",
        image_ids=tuple(record.id for record in file.images),
        image_sizes=tuple(_find_size(record) for record in file.images),
        sequences=tuple(record.sequence for record in file.images),
        category_ids=file.category_ids,
        category_names=file.classes,
        object_images=object_images[order],
        object_classes=object_classes[order],
        object_boxes=np.array([note.box for note in objects], dtype=np.float64).reshape(-1, 4),
        object_areas=np.array([note.area for note in objects], dtype=np.float64),
        object_crowds=np.array([note.crowd for note in objects], dtype=np.uint8),
        object_masks=masks if len(masks) == len(objects) else None,
    )


def refuse_fault(fault: Fault) -> None:
    """Raise EvaluationError for a fatal fault: what is evaluated has no second one."""
    if fault.fatal:
        raise EvaluationError(f"{fault.where}: {fault.message}")


def to_coco(masks: Sequence[Rle | None]) -> list[dict[str, object]]:
    """Return masks as pycocotools' functions take them."""
    return [mask.to_coco() for mask in masks if mask is not None]


def _find_sequence(entry: dict[str, Any], _name: str, _place: Place) -> str | None:
    sequence = entry.get("sequence")
    return None if sequence is None else str(sequence)


def _find_size(record: ImageRecord) -> Size | None:
    if record.height:
        return record.height, record.width
    return next(((note.mask.height, note.mask.width) for note in record.annotations if note.mask), None)
