"""Instance masks as files give them, brought to COCO's compressed run-length encoding and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from detstudy.data.masks import LARGEST_SIDE
from detstudy.evaluation.documents import is_finite, is_whole

Rle = dict[str, Any]
"""A mask as pycocotools.mask takes it: size [height, width] and counts, compressed."""


class MaskError(ValueError):
    """A segmentation that is not a mask of its image; the caller adds where it stands."""


def encode_segmentation(segmentation: object, size: tuple[int, int] | None) -> Rle:
    """Return compressed RLE of polygons, of uncompressed RLE (a list of run lengths) or of compressed RLE.

    `size` is the image's height and width; None where the image states none, which polygons cannot do without. The
    runs inside compressed counts are not looked at here: `find_broken_mask` does that for many at once.
    """
    if isinstance(segmentation, list):
        return _encode_polygons(segmentation, size)
    if not isinstance(segmentation, dict) or "counts" not in segmentation or "size" not in segmentation:
        raise MaskError("segmentation is neither a list of polygons nor RLE with size and counts")
    counts, own_size = segmentation["counts"], segmentation["size"]
    if (
        not isinstance(own_size, list | tuple)
        or len(own_size) != 2
        or not all(is_whole(length) and 0 < length <= LARGEST_SIDE for length in own_size)
    ):
        raise MaskError(f"the mask's size is {own_size!r}; [height, width] in pixels is needed")
    if size is not None and (own_size[0], own_size[1]) != size:
        raise MaskError(
            f"the mask is {own_size[1]}x{own_size[0]} pixels (width x height), its image {size[1]}x{size[0]};"
            " masks must have their image's size"
        )
    if isinstance(counts, str | bytes):
        return segmentation
    if not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
        raise MaskError("the mask's counts are neither a string nor a list of run lengths")
    if sum(counts) != own_size[0] * own_size[1]:
        raise MaskError(f"the mask's runs cover {sum(counts)} pixels, its size has {own_size[0] * own_size[1]}")
    from pycocotools.mask import frPyObjects

    return dict(frPyObjects({"size": list(own_size), "counts": counts}, *own_size))


def _encode_polygons(polygons: list[Any], size: tuple[int, int] | None) -> Rle:
    if not polygons:
        raise MaskError("segmentation is an empty list; give at least one polygon, or RLE")
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise MaskError("a polygon is a flat list [x, y, x, y, ...] of at least three points")
        # pycocotools walks a polygon's edges pixel by pixel, wherever they are
        if not all(is_finite(value) and abs(value) <= LARGEST_SIDE for value in polygon):
            raise MaskError(f"a polygon has a coordinate that is no number of at most {LARGEST_SIDE} pixels")
    if size is None:
        raise MaskError("its image has no width and height, which polygons need")
    from pycocotools.mask import frPyObjects, merge

    return dict(merge(frPyObjects(polygons, *size)))


def find_broken_mask(masks: Sequence[Rle]) -> int | None:
    """Return the index of the first mask whose compressed counts do not decode to its size; None if all do.

    pycocotools trusts its input: it would read past the end of such counts or invent pixels. `data.masks.measure_areas`
    also tells what is wrong, but takes about twenty times as long, which result files of many detections would feel.
    """
    if not masks:
        return None
    from detstudy.evaluation import kernels

    texts = [mask["counts"] for mask in masks]
    counts = [text if isinstance(text, bytes) else text.encode("utf-8", "replace") for text in texts]
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in counts], out=starts[1:])
    pixels = np.array([mask["size"][0] * mask["size"][1] for mask in masks], dtype=np.int64)
    # a copy: arrays over bytes are read-only, which would be a second signature to compile
    data = np.frombuffer(b"".join(counts), dtype=np.uint8).copy()
    broken = int(kernels.find_broken_runs(data, starts, pixels))
    return None if broken < 0 else broken
