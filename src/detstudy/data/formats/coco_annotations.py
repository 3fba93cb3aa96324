"""The annotations of a COCO file: polygons and both kinds of RLE become verified masks, boxes are looked at.

A check needs no masks, and makes only those of which it can't tell otherwise whether they cover a pixel.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place, Report, shorten
from detstudy.data.formats.polygons import find_covering
from detstudy.data.masks import (
    measure_areas,
    measure_boxes,
    measure_packed_area,
    pack_runs,
    rasterize_polygons,
    split_by_bytes,
)
from detstudy.data.records import Annotation, ImageRecord, Rle

Box = tuple[float, float, float, float]
LARGEST_INTEGER = 2**63 - 1
LARGEST_FLOAT = 1e150
BOX_TOLERANCE = 1.0  # pixels that a box may stand out of its image, for rounding
POLYGON_MARGIN = 1.0  # longer image sides that a polygon may stand out: pycocotools walks along its whole outline
_INTEGERS = frozenset({int, bool})
_NUMBERS = frozenset({int, float})


Polygons = list["array[float]"]  # each [x0, y0, x1, y1, ...]
Shape = Polygons | NDArray[np.int64] | Rle
"""Polygons whose numbers are sound, runs that fill their image, or compressed counts of any bytes."""


@dataclass(slots=True)
class _Draft:
    """An annotation whose entries can be used, on its way to a mask that can."""

    place: Place
    image: ImageRecord
    annotation_id: int
    class_index: int
    box: Box | None  # None is the box of the mask
    area: float | None  # None is the area of the mask
    shape: Shape
    crowd: bool
    mask: Rle | None = None  # None where nobody needs it
    pixels: int | None = None  # of the mask; None where it has some, and nobody asked how many
    fault: str | None = None  # of the shape

    @property
    def size(self) -> int:
        """About the bytes that the shape takes in arrays."""
        if isinstance(self.shape, list):
            return 8 * sum(map(len, self.shape))
        return len(self.shape.counts) if isinstance(self.shape, Rle) else self.shape.nbytes


def read_integer(value: object) -> int | None:
    """Return an integer of a JSON file; None for anything else. 3.0 is one (some exporters write so), true is not.

    Integers are those of 64 bits, as pycocotools and every array keep ids.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # (the type, not isinstance: every annotation comes here three times)
    return value if type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER else None


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

    for drafts in split_by_bytes(read_drafts(), lambda draft: draft.size):
        for draft in _make_masks(drafts, masks=masks):
            if draft.box is None or not _accept_box(draft.box, draft.image, draft.place):
                continue
            if masks:
                assert draft.area is not None
                assert draft.mask is not None
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


def _make_masks(drafts: list[_Draft], *, masks: bool) -> list[_Draft]:
    """Return the drafts of a sound shape with the box that was left out; report the others, and empty masks.

    An empty mask has no box. With `masks` true each has its mask and area, too.
    """
    packed = [(draft, draft.shape) for draft in drafts if isinstance(draft.shape, Rle)]
    for (draft, shape), area, fault in zip(packed, *measure_areas([shape for _, shape in packed]), strict=True):
        draft.mask, draft.pixels, draft.fault = shape, area, fault
    outlined = [(draft, draft.shape) for draft in drafts if isinstance(draft.shape, list)]
    covering = np.zeros(len(outlined), dtype=np.bool_)
    if not masks:
        images = [draft.image for draft, _ in outlined]
        shapes = [shape for _, shape in outlined]
        covering = find_covering(shapes, [image.height for image in images], [image.width for image in images])
    for (draft, polygons), covers in zip(outlined, covering.tolist(), strict=True):
        if not covers or draft.box is None:
            lists = [polygon.tolist() for polygon in polygons]
            draft.mask = rasterize_polygons(lists, draft.image.height, draft.image.width)
            draft.pixels = measure_packed_area(draft.mask)
    for draft in drafts:
        if isinstance(draft.shape, np.ndarray):
            draft.pixels = int(draft.shape[1::2].sum())
            if masks or draft.box is None:
                draft.mask = pack_runs(draft.shape.tolist(), draft.image.height, draft.image.width)
    boxless = [draft for draft in drafts if draft.box is None and draft.fault is None and draft.pixels]
    for draft, box in zip(boxless, measure_boxes([draft.mask for draft in boxless if draft.mask]), strict=True):
        draft.box = box
    for draft in drafts:
        if draft.fault is not None:
            draft.place.refuse("bad_rle", f"the RLE {draft.fault}; write it again with pycocotools' encode.")
        elif draft.pixels == 0:
            message = "the mask covers no pixel, so that no detection can match it; remove the annotation or mend it."
            draft.place.warn("empty_mask", message)
        if draft.area is None and draft.pixels is not None:
            draft.area = float(draft.pixels)
    return [draft for draft in drafts if draft.fault is None]


def _parse_entry(
    entry: object,
    index: int,
    images: Mapping[int, ImageRecord],
    class_indices: Mapping[int, int],
    file: str,
    report: Report,
) -> _Draft | None:
    """Return what the entry says, or None where something in it can't be used; report every fault of it."""
    annotation_id = read_integer(entry.get("id")) if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or annotation_id is None:
        message = "an annotation must be an object with id, image_id, category_id, ..."
        if isinstance(entry, dict):
            message = f"`id` must be an integer of 64 bits, not {shorten(entry.get('id'))}."
        Place(f"{file}: annotations[{index}]", report).refuse("wrong_type", message)
        return None
    place = Place(f"{file}: annotation {annotation_id}", report)
    category_id = read_integer(entry.get("category_id"))
    class_index = None if category_id is None else class_indices.get(category_id)
    if class_index is None:
        shown = shorten(entry.get("category_id"))
        message = f"category_id {shown} is not a usable entry of `categories`; add or mend it there."
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
    shape = _parse_segmentation(entry.get("segmentation"), image, place)
    if class_index is None or crowd not in (0, 1) or not box_sound or not area_sound or shape is None:
        return None
    return _Draft(place, image, annotation_id, class_index, box, area, shape, bool(crowd))


def _parse_box(value: object, place: Place) -> tuple[bool, Box | None]:
    """Return whether the box can be used, and the box; a missing one is None and fine."""
    if value is None:
        return True, None
    if isinstance(value, list) and len(value) == 4 and _NUMBERS.issuperset(map(type, value)):
        x, y, width, height = value
        # The square of a length, an area, shall be a number too; a whole number may be too large for any.
        if all(-LARGEST_FLOAT < number < LARGEST_FLOAT for number in value):
            return True, (float(x), float(y), float(width), float(height))
    place.refuse("degenerate_box", f"`bbox` must be four finite numbers [x, y, width, height], not {shorten(value)}.")
    return False, None


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
    if type(value) in _NUMBERS and 0 <= value < LARGEST_FLOAT:
        return True, float(value)
    place.refuse("bad_area", f"`area` must be a number of pixels, not {shorten(value)}; left out, the mask's is taken.")
    return False, None


def _parse_segmentation(value: object, image: ImageRecord, place: Place) -> Shape | None:
    """Return the shape, whose compressed counts are still to be verified."""
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


def _parse_polygons(polygons: list[Any], image: ImageRecord, place: Place) -> Polygons | None:
    margin = POLYGON_MARGIN * max(image.width, image.height)
    outlines: Polygons = []
    for polygon in polygons:
        if not isinstance(polygon, list):
            place.refuse("bad_polygon", "`segmentation` must be a list of lists [x0, y0, x1, y1, ...].")
            return None
        try:
            outlines.append(array("d", polygon))
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
    return outlines


def _parse_rle(value: dict[str, Any], image: ImageRecord, place: Place) -> Rle | NDArray[np.int64] | None:
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
    if not _INTEGERS.issuperset(map(type, counts)) or min(counts, default=0) < 0:
        place.refuse("bad_rle", "the RLE's `counts` has runs that are not integers of 0 or more.")
        return None
    pixels = image.height * image.width
    if sum(counts) != pixels:
        message = f"the RLE has counts for {sum(counts)} pixels, but its image has {pixels}; write the mask again."
        place.refuse("bad_rle", message)
        return None
    return np.array(counts, dtype=np.int64)
