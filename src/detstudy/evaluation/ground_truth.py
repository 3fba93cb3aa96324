"""The ground truth of a split, read from COCO JSON, checked and indexed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.masks import LARGEST_SIDE
from detstudy.evaluation.documents import EvaluationError, is_finite, read_id, read_json, shorten
from detstudy.evaluation.masks import MaskError, Rle, encode_segmentation, find_broken_mask

Record = dict[str, Any]
Size = tuple[int, int]


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
    if isinstance(source, Mapping):
        name, document = "ground truth", source
    else:
        name, document = str(source), read_json(Path(source))
        if not isinstance(document, dict):
            raise EvaluationError(f"{name}: is a JSON {type(document).__name__}; an object with images is needed")
    images = dict(sorted(_read_records(document, "images", name).items()))
    categories = dict(sorted(_read_records(document, "categories", name).items()))
    annotations = _read_records(document, "annotations", name)
    sizes = [_read_size(image, f"{name}: image {id_}") for id_, image in images.items()]
    image_index = {id_: index for index, id_ in enumerate(images)}
    class_index = {id_: index for index, id_ in enumerate(categories)}
    object_images = np.zeros(len(annotations), dtype=np.int64)
    object_classes = np.zeros(len(annotations), dtype=np.int64)
    masks: list[Rle | None] = []
    for n, (id_, annotation) in enumerate(annotations.items()):
        where = f"{name}: annotation {id_}"
        object_images[n] = _look_up(annotation, "image_id", image_index, "images", where)
        object_classes[n] = _look_up(annotation, "category_id", class_index, "categories", where)
        mask = _read_mask(annotation, sizes[object_images[n]], where)
        masks.append(mask)
        if mask is not None and sizes[object_images[n]] is None:
            sizes[object_images[n]] = (mask["size"][0], mask["size"][1])
    _refuse_broken_masks(masks, list(annotations), name)
    boxes, areas, crowds = _read_extents(annotations, masks, name)
    order = np.lexsort((object_images, object_classes))
    return GroundTruth(
        source=name,
        image_ids=tuple(images),
        image_sizes=tuple(sizes),
        sequences=tuple(None if image.get("sequence") is None else str(image["sequence"]) for image in images.values()),
        category_ids=tuple(categories),
        category_names=_name_categories(categories),
        object_images=object_images[order],
        object_classes=object_classes[order],
        object_boxes=boxes[order],
        object_areas=areas[order],
        object_crowds=crowds[order],
        object_masks=_complete([masks[n] for n in order]),
    )


def _read_records(document: Mapping[str, Any], key: str, name: str) -> dict[int, Record]:
    """Return the list under a key of the document by id, in the file's order."""
    records = document.get(key)
    if not isinstance(records, list):
        found = "is missing" if key not in document else f"is {shorten(records)}"
        raise EvaluationError(f"{name}: {key} {found}; COCO ground truth has lists of images, annotations, categories")
    by_id: dict[int, Record] = {}
    for n, record in enumerate(records):
        if not isinstance(record, dict):
            raise EvaluationError(f"{name}: {key}[{n}] is {shorten(record)}; an object is needed")
        id_ = read_id(record, "id", f"{name}: {key}[{n}]")
        if id_ in by_id:
            raise EvaluationError(f"{name}: {key}[{n}]: id {id_} is used before; ids must be unique")
        by_id[id_] = record
    return by_id


def _look_up(annotation: Record, key: str, index: dict[int, int], listed: str, where: str) -> int:
    id_ = read_id(annotation, key, where)
    if id_ not in index:
        raise EvaluationError(f"{where}: {key} {id_} is not among the {listed}; add it there or drop the annotation")
    return index[id_]


def _read_size(image: Record, where: str) -> Size | None:
    height: Any = image.get("height")
    width: Any = image.get("width")
    if height is None and width is None:
        return None
    if not all(type(length) is int and 0 < length <= LARGEST_SIDE for length in (height, width)):
        found = f"height {shorten(height)}, width {shorten(width)}"
        raise EvaluationError(f"{where}: {found}; whole pixels from 1 to {LARGEST_SIDE} are needed")
    return height, width


def _name_categories(categories: dict[int, Record]) -> tuple[str, ...]:
    names = {id_: str(id_ if (name := category.get("name")) is None else name) for id_, category in categories.items()}
    uses = Counter(names.values())
    return tuple(name if uses[name] == 1 else f"{name} ({id_})" for id_, name in names.items())


def _read_mask(annotation: Record, size: Size | None, where: str) -> Rle | None:
    segmentation = annotation.get("segmentation")
    if segmentation is None or (segmentation == [] and annotation.get("bbox")):
        return None
    try:
        return encode_segmentation(segmentation, size)
    except MaskError as error:
        raise EvaluationError(f"{where}: {error}") from None


def _refuse_broken_masks(masks: list[Rle | None], ids: list[int], name: str) -> None:
    present = [n for n, mask in enumerate(masks) if mask is not None]
    broken = find_broken_mask([mask for mask in masks if mask is not None])
    if broken is not None:
        raise EvaluationError(
            f"{name}: annotation {ids[present[broken]]}: the mask's counts do not decode to its size; encode it again"
        )


def _read_extents(
    annotations: dict[int, Record], masks: list[Rle | None], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Return boxes, areas and crowd flags, taken from the masks where the file leaves them out."""
    from pycocotools import mask as coco_mask

    boxes = np.zeros((len(annotations), 4))
    areas = np.zeros(len(annotations))
    crowds = np.zeros(len(annotations), dtype=np.uint8)
    for n, ((id_, annotation), mask) in enumerate(zip(annotations.items(), masks, strict=True)):
        where = f"{name}: annotation {id_}"
        box = annotation.get("bbox")
        if box is None:
            if mask is None:
                raise EvaluationError(f"{where}: has neither bbox nor segmentation; give at least one")
            box = coco_mask.toBbox(mask).tolist()
        if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(is_finite, box)) or min(box[2:]) < 0:
            raise EvaluationError(f"{where}: bbox is {shorten(box)}; [x, y, width, height] in pixels is needed")
        area = annotation.get("area")
        if area is None:
            area = box[2] * box[3] if mask is None else float(coco_mask.area(mask))
        if not is_finite(area) or area < 0:
            raise EvaluationError(f"{where}: area is {shorten(area)}; a number of pixels is needed")
        if annotation.get("iscrowd", 0) not in (0, 1):
            raise EvaluationError(f"{where}: iscrowd is {shorten(annotation['iscrowd'])}; 0 or 1 is needed")
        boxes[n], areas[n], crowds[n] = box, area, annotation.get("iscrowd", 0)
    return boxes, areas, crowds


def _complete(masks: list[Rle | None]) -> tuple[Rle, ...] | None:
    present = tuple(mask for mask in masks if mask is not None)
    return present if len(present) == len(masks) else None
