"""A `segmentation` as COCO files have it: polygons or one of two kinds of RLE, whose numbers are looked at."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place, shorten
from detstudy.data.masks import LARGEST_SIDE, pack_runs, rasterize_polygons
from detstudy.data.records import Rle

POLYGON_MARGIN = 1.0  # longer image sides that a polygon may stand out: pycocotools walks along its whole outline
_INTEGERS = frozenset({int, bool})

Size = tuple[int, int]
"""Height and width in pixels."""
Polygons = list["array[float]"]  # each [x0, y0, x1, y1, ...]
Shape = Polygons | tuple[Size, NDArray[np.int64]] | Rle
"""Polygons whose numbers are sound, runs that fill their image of a size, or compressed counts of any bytes."""


def parse_segmentation(value: object, size: Size | None, place: Place, *, strict: bool = False) -> Shape | None:
    """Return the shape, whose compressed counts are still to be verified; report what can't be one, and return None.

    `size` is the image's; None where nothing says it, which polygons can't do without. A polygon may stand out of its
    image by LARGEST_SIDE, where `strict` by POLYGON_MARGIN.
    """
    if isinstance(value, list) and value:
        return _parse_polygons(value, size, place, strict)
    if isinstance(value, dict):
        return _parse_rle(value, size, place)
    message = f"`segmentation` must be a list of polygons or an RLE object, not {type(value).__name__}."
    place.refuse("wrong_type", message)
    return None


def encode_shape(shape: Shape, size: Size | None) -> Rle:
    """Return a shape as a mask; polygons need the image's size."""
    if isinstance(shape, Rle):
        return shape
    if isinstance(shape, tuple):
        return pack_runs(shape[1].tolist(), *shape[0])
    assert size is not None
    return rasterize_polygons([polygon.tolist() for polygon in shape], *size)


def _parse_polygons(polygons: list[Any], size: Size | None, place: Place, strict: bool) -> Polygons | None:
    if size is None:
        place.refuse("missing_size", "its image has no `width` and `height`, which polygons need; add them.")
        return None
    margin = POLYGON_MARGIN * max(size) if strict else LARGEST_SIDE
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
        if min(polygon) < -margin or max(polygon) > max(size) + margin:
            message = (
                f"a polygon reaches from {min(polygon):g} to {max(polygon):g}, far outside the image of "
                f"{size[1]}x{size[0]} pixels; coordinates are pixels of this image."
            )
            place.refuse("bad_polygon", message)
            return None
    return outlines


def _parse_rle(value: dict[str, Any], size: Size | None, place: Place) -> Shape | None:
    own: Any = value.get("size")
    counts = value.get("counts")
    sound = isinstance(own, list | tuple) and len(own) == 2
    if not (sound and all(type(side) is int and 0 < side <= LARGEST_SIDE for side in own)):
        message = f"the RLE's `size` is {shorten(own)}; [height, width] in pixels is needed."
        place.refuse("mask_size_mismatch", message)
        return None
    height, width = own
    if size is not None and (height, width) != size:
        message = (
            f"the RLE's `size` [height, width] is {shorten(own)}, but its image is {[*size]}; make the mask at the "
            "image's size."
        )
        place.refuse("mask_size_mismatch", message)
        return None
    if isinstance(counts, str | bytes):
        packed = counts if isinstance(counts, bytes) else counts.encode("utf-8", errors="surrogatepass")
        return Rle(height, width, packed)
    if not isinstance(counts, list):
        place.refuse("bad_rle", "the RLE's `counts` must be a string (compressed) or a list of run lengths.")
        return None
    if not _INTEGERS.issuperset(map(type, counts)) or min(counts, default=0) < 0:
        place.refuse("bad_rle", "the RLE's `counts` has runs that are not integers of 0 or more.")
        return None
    pixels = height * width
    if sum(counts) != pixels:
        message = f"the RLE has counts for {sum(counts)} pixels, but its image has {pixels}; write the mask again."
        place.refuse("bad_rle", message)
        return None
    return (height, width), np.array(counts, dtype=np.int64)
