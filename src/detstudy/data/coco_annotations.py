"""The annotations of a COCO file: polygons and both kinds of RLE become verified masks, boxes are looked at."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place, Report, shorten
from detstudy.data.masks import measure_areas, measure_boxes, pack_runs, rasterize_polygons, split_by_bytes
from detstudy.data.records import Annotation, ImageRecord, Rle

Box = tuple[float, float, float, float]
LARGEST_INTEGER = 2**63 - 1
LARGEST_FLOAT = 1e150
BOX_TOLERANCE = 1.0  # pixels that a box may stand out of its image, for rounding
POLYGON_MARGIN = 1.0  # longer image sides that a polygon may stand out: pycocotools walks along its whole outline


@dataclass(frozen=True, slots=True)
class _Draft:
    """An annotation whose compressed counts nobody has verified yet."""

    place: Place
    image: ImageRecord
    annotation_id: int
    class_index: int
    box: Box | None  # None is the box of the mask
    area: float | None  # None is the area of the mask
    mask: Rle
    crowd: bool


def read_integer(value: object) -> int | None:
    """Return an integer of a JSON file; None for anything else. 3.0 is one (some exporters write so), true is not.

    Integers are those of 64 bits, as pycocotools and every array keep ids.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and -LARGEST_INTEGER <= value <= LARGEST_INTEGER else None


def parse_annotations(
    entries: Iterable[Any],
    images: Mapping[int, ImageRecord],
    class_indices: Mapping[int, int],
    file: str,
    report: Report,
    *,
    masks: bool = True,
) -> dict[int, list[Annotation]]:
    """Return the usable annotations by image id, each image's in the order of their ids; report the others.

    With `masks` false they keep only their class and whether they are crowds, in no order.
    """
    found: dict[int, list[Annotation]] = {}
    ids = array("q")  # of what can be used: eight bytes each, where a set would take a hundred
    count = arealess = 0

    def read_drafts() -> Iterator[_Draft]:
        nonlocal count, arealess
        for index, entry in enumerate(entries):
            count += 1
            draft = _parse_entry(entry, index, images, class_indices, file, report)
            if draft is not None:
                ids.append(draft.annotation_id)
                arealess += draft.area is None
                yield draft

    for drafts in split_by_bytes(read_drafts(), lambda draft: len(draft.mask.counts)):
        for draft in _verify_masks(drafts):
            if draft.box is None or draft.area is None or not _accept_box(draft.box, draft.image, draft.place):
                continue
            if masks:
                note = Annotation(
                    draft.annotation_id, draft.class_index, draft.box, draft.area, draft.mask, draft.crowd
                )
            else:
                note = _count_annotation(draft.class_index, draft.crowd)
            found.setdefault(draft.image.id, []).append(note)
    _report_ids(np.array(ids, dtype=np.int64), file, report)
    if arealess:
        message = (
            f"{arealess} of {count} annotations have no `area`, which tells small objects from large ones; that of the "
            "mask is taken. Write it where another shall count."
        )
        Place(file, report).warn("missing_area", message)
    for notes in found.values():
        notes.sort(key=lambda note: note.id)
    return found


@lru_cache(maxsize=4096)
def _count_annotation(class_index: int, crowd: bool) -> Annotation:
    return Annotation(0, class_index, (0.0, 0.0, 0.0, 0.0), 0.0, Rle(0, 0, b""), crowd)


def _report_ids(ids: NDArray[np.int64], file: str, report: Report) -> None:
    values, counts = np.unique(ids, return_counts=True)
    for value, times in zip(values[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        often = "twice" if times == 2 else f"{times} times"
        message = f"the id is used {often}; give each annotation its own id."
        Place(f"{file}: annotation {value}", report).refuse("duplicate_annotation_id", message)
    low = int((values <= 0).sum())
    if low:
        message = (
            f"{low} annotation ids are 0 or negative; pycocotools takes 0 for no match, so other tools may count these "
            "as missed. Number annotations from 1."
        )
        Place(file, report).warn("negative_id", message)


def _verify_masks(drafts: list[_Draft]) -> list[_Draft]:
    """Return the drafts with a sound mask, each with its box and area."""
    areas, faults = measure_areas([draft.mask for draft in drafts])
    for draft, area, fault in zip(drafts, areas, faults, strict=True):
        if fault is not None:
            draft.place.refuse("bad_rle", f"the RLE {fault}; write it again with pycocotools' encode.")
        elif area == 0:
            message = "the mask covers no pixel, so that no detection can match it; remove the annotation or mend it."
            draft.place.warn("empty_mask", message)
    sound = [fault is None for fault in faults]
    boxless = [draft.mask for draft in compress(drafts, sound) if draft.box is None]
    boxes = iter(measure_boxes(boxless))
    verified = []
    for draft, area in zip(compress(drafts, sound), compress(areas, sound), strict=True):
        if draft.box is None or draft.area is None:
            draft = replace(
                draft,
                box=next(boxes) if draft.box is None else draft.box,
                area=float(area) if draft.area is None else draft.area,
            )
        verified.append(draft)
    return verified


def _parse_entry(
    entry: object,
    index: int,
    images: Mapping[int, ImageRecord],
    class_indices: Mapping[int, int],
    file: str,
    report: Report,
) -> _Draft | None:
    """Return what the entry says, or None where something in it can't be used; report every fault of it."""
    place = Place(f"{file}: annotations[{index}]", report)
    if not isinstance(entry, dict):
        place.refuse("wrong_type", "an annotation must be an object with id, image_id, category_id, ...")
        return None
    annotation_id = read_integer(entry.get("id"))
    if annotation_id is None:
        place.refuse("wrong_type", f"`id` must be an integer of 64 bits, not {shorten(entry.get('id'))}.")
        return None
    place = Place(f"{file}: annotation {annotation_id}", report)
    category_id = read_integer(entry.get("category_id"))
    class_index = None if category_id is None else class_indices.get(category_id)
    if class_index is None:
        message = f"category_id {shorten(entry.get('category_id'))} is not in `categories`; add it there or correct it."
        place.refuse("unknown_class", message)
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        place.refuse("wrong_type", f"`iscrowd` must be 0 or 1, not {shorten(crowd)}.")
    image_id = read_integer(entry.get("image_id"))
    image = None if image_id is None else images.get(image_id)
    if image is None:
        message = f"image_id {shorten(entry.get('image_id'))} is not a usable entry of `images`; add or mend it there."
        place.refuse("dangling_image_id", message)
        return None
    box_sound, box = _parse_box(entry.get("bbox"), place)
    area_sound, area = _parse_area(entry.get("area"), place)
    mask = _parse_segmentation(entry.get("segmentation"), image, place)
    if class_index is None or crowd not in (0, 1) or not box_sound or not area_sound or mask is None:
        return None
    return _Draft(place, image, annotation_id, class_index, box, area, mask, bool(crowd))


def _parse_box(value: object, place: Place) -> tuple[bool, Box | None]:
    """Return whether the box can be used, and the box; a missing one is None and fine."""
    if value is None:
        return True, None
    if not isinstance(value, list) or len(value) != 4 or not all(_is_number(number) for number in value):
        place.refuse(
            "degenerate_box", f"`bbox` must be four finite numbers [x, y, width, height], not {shorten(value)}."
        )
        return False, None
    x, y, width, height = value
    return True, (float(x), float(y), float(width), float(height))


def _accept_box(box: Box, image: ImageRecord, place: Place) -> bool:
    x, y, width, height = box
    if width <= 0 or height <= 0:
        message = f"bbox {list(box)} [x, y, width, height] has no width or no height; mend it or remove the annotation."
        place.refuse("degenerate_box", message)
        return False
    over = max(-x, -y, x + width - image.width, y + height - image.height)
    wholly = x >= image.width or y >= image.height or x + width <= 0 or y + height <= 0
    if over <= BOX_TOLERANCE and not wholly:
        return True
    how = "lies" if wholly else f"stands {over:g} pixels"
    message = (
        f"bbox {list(box)} [x, y, width, height] {how} outside the image of {image.width}x{image.height} pixels; "
        "is it another image's, or written as corners?"
    )
    (place.refuse if wholly else place.warn)("box_outside_image", message)
    return not wholly


def _parse_area(value: Any, place: Place) -> tuple[bool, float | None]:
    if value is None:
        return True, None
    if not _is_number(value) or value < 0:
        place.refuse(
            "bad_area", f"`area` must be a number of pixels, not {shorten(value)}; left out, the mask's is taken."
        )
        return False, None
    return True, float(value)


def _parse_segmentation(value: object, image: ImageRecord, place: Place) -> Rle | None:
    """Return the mask, whose compressed counts are still to be verified."""
    if isinstance(value, list) and value:
        return _parse_polygons(value, image, place)
    if isinstance(value, dict):
        return _parse_rle(value, image, place)
    if not value:
        message = (
            "there is no `segmentation`, and instance segmentation learns from masks; add polygons or RLE, "
            "or remove the annotation."
        )
        place.refuse("missing_segmentation", message)
        return None
    message = f"`segmentation` must be a list of polygons or an RLE object, not {type(value).__name__}."
    place.refuse("wrong_type", message)
    return None


def _parse_polygons(polygons: list[Any], image: ImageRecord, place: Place) -> Rle | None:
    margin = POLYGON_MARGIN * max(image.width, image.height)
    for polygon in polygons:
        if not isinstance(polygon, list):
            place.refuse("bad_polygon", "`segmentation` must be a list of lists [x0, y0, x1, y1, ...].")
            return None
        try:
            finite = math.isfinite(sum(polygon))  # a number that is not finite makes the sum so, at C's speed
        except (TypeError, OverflowError):
            finite = False
        if not finite:
            place.refuse("bad_polygon", "a polygon has a coordinate that is not a finite number.")
            return None
        if len(polygon) < 6 or len(polygon) % 2:
            message = f"a polygon has {len(polygon)} coordinates; it needs x and y of three points or more."
            place.refuse("bad_polygon", message)
            return None
        if min(polygon) < -margin or max(polygon) > max(image.width, image.height) + margin:
            message = (
                f"a polygon reaches from {min(polygon):g} to {max(polygon):g}, far outside the image of "
                f"{image.width}x{image.height} pixels; coordinates are pixels of this image."
            )
            place.refuse("bad_polygon", message)
            return None
    return rasterize_polygons(polygons, image.height, image.width)


def _parse_rle(value: dict[str, Any], image: ImageRecord, place: Place) -> Rle | None:
    size, counts = value.get("size"), value.get("counts")
    if size != [image.height, image.width]:
        message = (
            f"the RLE's `size` [height, width] is {shorten(size)}, but its image is {[image.height, image.width]}; "
            "make the mask at the image's size."
        )
        place.refuse("mask_size_mismatch", message)
        return None
    if isinstance(counts, str):
        return Rle(image.height, image.width, counts.encode("utf-8", errors="surrogatepass"))
    if not isinstance(counts, list):
        place.refuse("bad_rle", "the RLE's `counts` must be a string (compressed) or a list of run lengths.")
        return None
    if not all(isinstance(run, int) and run >= 0 for run in counts):
        place.refuse("bad_rle", "the RLE's `counts` has runs that are not integers of 0 or more.")
        return None
    pixels = image.height * image.width
    if sum(counts) != pixels:
        message = f"the RLE has counts for {sum(counts)} pixels, but its image has {pixels}; write the mask again."
        place.refuse("bad_rle", message)
        return None
    return pack_runs(counts, image.height, image.width)


def _is_number(value: Any) -> bool:
    # The square of a length, an area, shall be a number too; a whole number may be too large for any.
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST_FLOAT < value < LARGEST_FLOAT
