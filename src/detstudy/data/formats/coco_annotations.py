"""The annotations of a COCO file: polygons and both kinds of RLE become verified masks, boxes are looked at.

A check needs no masks, and makes only those of which it can't tell otherwise whether they cover a pixel.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place, Report, shorten
from detstudy.data.formats.numbers import is_number, read_integer
from detstudy.data.formats.polygons import find_covering
from detstudy.data.formats.segmentation import Shape, Size, encode_shape, parse_segmentation
from detstudy.data.masks import measure_areas, measure_boxes, measure_packed_area, split_by_bytes
from detstudy.data.records import Annotation, ImageRecord, Rle

Box = tuple[float, float, float, float]
BOX_TOLERANCE = 1.0  # pixels that a box may stand out of its image, for rounding


@dataclass(slots=True)
class _Draft:
    """An annotation whose entries can be used, on its way to a mask that can."""

    place: Place
    image: ImageRecord
    size: Size | None  # of the image; None where nothing says it
    annotation_id: int
    class_number: int
    box: Box | None  # None is the box of the mask
    area: float | None  # None is the area of the mask, without one of the box
    shape: Shape | None
    crowd: bool
    mask: Rle | None = None  # None where nobody needs it
    pixels: int | None = None  # of the mask; None where it has some, and nobody asked how many
    fault: str | None = None  # of the shape

    @property
    def bytes(self) -> int:
        """About what the shape takes in arrays."""
        if isinstance(self.shape, list):
            return 8 * sum(map(len, self.shape))
        return len(self.shape.counts) if isinstance(self.shape, Rle) else 8 * len(self.shape[1]) if self.shape else 0


class AnnotationReader:
    """Takes a file's annotations, whose images are known and whose categories may come later.

    With `masks` false annotations keep only their class and whether they are crowds. Where not `strict`, a mask may be
    missing, a box may be empty or stand out, and the file's order stays, by which COCOeval goes.
    """

    def __init__(
        self, images: Mapping[int, ImageRecord], file: str, report: Report, *, masks: bool = True, strict: bool = True
    ) -> None:
        self._images = images
        self._file = file
        self._report = report
        self._masks = masks
        self._strict = strict
        self._found: dict[int, list[Annotation]] = {}  # by image; class indices are numbers of categories
        self._numbers: dict[int, int] = {}  # of category ids, in the order in which they were met
        # Of each entry, whether it can be used: thirteen bytes, where sets would take hundreds.
        self._ids, self._classes, self._usable = array("q"), array("i"), array("b")
        self._sizes: dict[int, Size] = {}  # of images that don't say it, from their first mask
        self._count = self._arealess = 0

    def read(self, entries: Iterable[Any]) -> None:
        """Take the annotations that can be used; report the others."""
        for drafts in split_by_bytes(self._read_drafts(entries), lambda draft: draft.bytes):
            for draft in _make_masks(drafts, masks=self._masks, strict=self._strict):
                if draft.box is not None and _accept_box(draft, self._strict):
                    self._found.setdefault(draft.image.id, []).append(self._make_annotation(draft))

    def finish(self, class_indices: Mapping[int, int]) -> dict[int, list[Annotation]]:
        """Return the annotations by image id, each image's by their ids; report those of no class and ids used twice.

        `class_indices` are by category id.
        """
        indices = [class_indices.get(category_id, -1) for category_id in self._numbers]
        ids, classes = np.array(self._ids, dtype=np.int64), np.array(self._classes, dtype=np.int64)
        known = np.array([*indices, -1])[classes] >= 0
        category_ids = list(self._numbers)
        for n in np.flatnonzero(~known):
            place = Place(f"{self._file}: annotation {ids[n]}", self._report)
            _refuse_class(category_ids[classes[n]], place)
        _report_ids(ids[known & (np.array(self._usable) == 1)], self._file, self._report)
        if self._arealess:
            message = (
                f"{self._arealess} of {self._count} annotations have no `area`, which tells small objects from large "
                "ones; that of the mask is taken. Write it where another shall count."
            )
            Place(self._file, self._report).warn("missing_area", message)
        for image_id, notes in self._found.items():
            placed = ((note, indices[note.class_index]) for note in notes)
            listed = [self._set_class(note, index) for note, index in placed if index >= 0]
            self._found[image_id] = sorted(listed, key=lambda note: note.id) if self._strict else listed
        return self._found

    def _read_drafts(self, entries: Iterable[Any]) -> Iterator[_Draft]:
        for entry in entries:
            draft = self._parse_entry(entry)
            self._count += 1
            if draft is not None:
                self._arealess += draft.area is None
                yield draft

    def _parse_entry(self, entry: object) -> _Draft | None:
        """Return what the entry says, or None where something in it can't be used; report every fault of it."""
        annotation_id = read_integer(entry.get("id")) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or annotation_id is None:
            message = "an annotation must be an object with id, image_id, category_id, ..."
            if isinstance(entry, dict):
                message = f"`id` must be an integer of 64 bits, not {shorten(entry.get('id'))}."
            Place(f"{self._file}: annotations[{self._count}]", self._report).refuse("wrong_type", message)
            return None
        place = Place(f"{self._file}: annotation {annotation_id}", self._report)
        category_id = read_integer(entry.get("category_id"))
        number = -1
        if category_id is None:
            _refuse_class(entry.get("category_id"), place)
        else:
            number = self._numbers.setdefault(category_id, len(self._numbers))
            self._ids.append(annotation_id)
            self._classes.append(number)
            self._usable.append(False)
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            place.refuse("wrong_type", f"`iscrowd` must be 0 or 1, not {shorten(crowd)}.")
        image_id = read_integer(entry.get("image_id"))
        image = None if image_id is None else self._images.get(image_id)
        if image is None:
            shown = shorten(entry.get("image_id"))
            message = f"image_id {shown} is not a usable entry of `images`; add or mend it there."
            place.refuse("dangling_image_id", message)
            return None
        size = (image.height, image.width) if image.height else self._sizes.get(image.id)
        box_sound, box = _parse_box(entry.get("bbox"), place)
        area_sound, area = _parse_area(entry.get("area"), place)
        shape_sound, shape = self._parse_shape(entry.get("segmentation"), box, size, place)
        if size is None and shape is not None and not isinstance(shape, list):
            size = (shape.height, shape.width) if isinstance(shape, Rle) else shape[0]
            self._sizes[image.id] = size
        if category_id is None or crowd not in (0, 1) or not (box_sound and area_sound and shape_sound):
            return None
        self._usable[-1] = True
        return _Draft(place, image, size, annotation_id, number, box, area, shape, bool(crowd))

    def _parse_shape(
        self, value: object, box: Box | None, size: Size | None, place: Place
    ) -> tuple[bool, Shape | None]:
        """Return whether the segmentation can be used, and it; a missing one is None."""
        if not value:
            if not self._strict and box is None:
                place.refuse("missing_segmentation", "there is neither `bbox` nor `segmentation`; give at least one.")
            elif self._strict:
                message = (
                    "there is no `segmentation`, and instance segmentation learns from masks; add polygons or RLE, "
                    "or remove the annotation."
                )
                place.refuse("missing_segmentation", message)
            return not self._strict and box is not None, None
        shape = parse_segmentation(value, size, place, strict=self._strict)
        return shape is not None, shape

    def _make_annotation(self, draft: _Draft) -> Annotation:
        if not self._masks:
            return _count_annotation(draft.class_number, draft.crowd)
        assert draft.box is not None
        area = draft.box[2] * draft.box[3] if draft.area is None else draft.area
        return Annotation(draft.annotation_id, draft.class_number, draft.box, area, draft.mask, draft.crowd)

    def _set_class(self, note: Annotation, class_index: int) -> Annotation:
        if note.class_index == class_index:
            return note
        return replace(note, class_index=class_index) if self._masks else _count_annotation(class_index, note.crowd)


@lru_cache(maxsize=4096)
def _count_annotation(class_index: int, crowd: bool) -> Annotation:
    return Annotation(0, class_index, (0.0, 0.0, 0.0, 0.0), 0.0, None, crowd)


def _refuse_class(category_id: object, place: Place) -> None:
    message = f"category_id {shorten(category_id)} is not a usable entry of `categories`; add or mend it there."
    place.refuse("unknown_class", message)


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


def _make_masks(drafts: list[_Draft], *, masks: bool, strict: bool) -> list[_Draft]:
    """Return the drafts of a sound shape with the box that was left out; report the others, and empty masks.

    An empty mask has no box where `strict`. With `masks` true each that has a shape has its mask and area, too.
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
            draft.mask = encode_shape(polygons, draft.size)
            draft.pixels = measure_packed_area(draft.mask)
    for draft in drafts:
        if isinstance(draft.shape, tuple):
            draft.pixels = int(draft.shape[1][1::2].sum())
            if masks or draft.box is None:
                draft.mask = encode_shape(draft.shape, draft.size)
    sound = [draft for draft in drafts if draft.fault is None]
    boxless = [draft for draft in sound if draft.box is None and (draft.pixels or not strict)]
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
    return sound


def _parse_box(value: object, place: Place) -> tuple[bool, Box | None]:
    """Return whether the box can be used, and the box; a missing one is None and fine."""
    if value is None:
        return True, None
    if isinstance(value, list | tuple) and len(value) == 4 and all(map(is_number, value)):
        x, y, width, height = value
        return True, (float(x), float(y), float(width), float(height))
    place.refuse("degenerate_box", f"`bbox` must be four finite numbers [x, y, width, height], not {shorten(value)}.")
    return False, None


def _accept_box(draft: _Draft, strict: bool) -> bool:
    assert draft.box is not None
    (x, y, width, height), image, place = draft.box, draft.image, draft.place
    shown = f"bbox {[*draft.box]} [x, y, width, height]"
    if min(width, height) < 0 or (strict and min(width, height) == 0):
        place.refuse("degenerate_box", f"{shown} has no width or no height; mend it or remove the annotation.")
        return False
    if not strict:
        return True
    over = max(-x, -y, x + width - image.width, y + height - image.height)
    wholly = x >= image.width or y >= image.height or x + width <= 0 or y + height <= 0
    if over <= BOX_TOLERANCE and not wholly:
        return True
    how = "lies" if wholly else f"stands {over:g} pixels"
    message = (
        f"{shown} {how} outside the image of {image.width}x{image.height} pixels; is it another image's, or written as "
        "corners?"
    )
    (place.refuse if wholly else place.warn)("box_outside_image", message)
    return not wholly


def _parse_area(value: Any, place: Place) -> tuple[bool, float | None]:
    if value is None:
        return True, None
    if is_number(value) and value >= 0:
        return True, float(value)
    place.refuse("bad_area", f"`area` must be a number of pixels, not {shorten(value)}; left out, the mask's is taken.")
    return False, None
