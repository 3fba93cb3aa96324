"""Masks as run lengths: packed, unpacked, measured, and verified before pycocotools' C code sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detstudy.data.records import Annotation, Rle

CHUNK_BYTES = 1 << 20  # of counts unpacked at once: about 100 MB of working memory
MOST_ITEMS = 1 << 14  # that are held at once, with whatever else they carry
LARGEST_SIDE = 65_535  # pixels; JPEG holds no more, and run lengths stay within 32 bits
LONGEST_RUN_CHARACTERS = 7  # 35 bits; pycocotools keeps runs in 32


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunLengths:
    """Run lengths of many masks end to end; in each the background comes first, columns before rows."""

    lengths: NDArray[np.int64]  # [runs], pixels
    first: NDArray[np.int64]  # [masks + 1]; mask i has lengths[first[i] : first[i + 1]]
    areas: NDArray[np.int64]  # [masks], pixels of foreground; 0 where there is a fault
    faults: list[str | None]  # [masks]; why a mask can't be used


def decode_mask(mask: Rle) -> NDArray[np.uint8]:
    """Return the mask as an array [h, w] of 0 and 1. Raises ValueError for counts that don't fit."""
    array: NDArray[np.uint8] = _paint([mask], mask.height, mask.width)[0]
    return array


def decode_masks(annotations: Sequence[Annotation], height: int, width: int) -> NDArray[np.uint8]:
    """Return the annotations' masks as an array [n, h, w] of 0 and 1; n may be 0.

    Raises ValueError for a mask that is missing, of another size, or whose counts don't fit.
    """
    masks = [annotation.mask for annotation in annotations if annotation.mask is not None]
    if len(masks) < len(annotations):
        raise ValueError("an annotation has no mask")
    return _paint(masks, height, width)


def encode_mask(array: NDArray[Any]) -> Rle:
    """Return the array [h, w] as a mask; what is not zero is foreground."""
    from pycocotools import mask as coco_mask

    packed = coco_mask.encode(np.asfortranarray(array != 0, dtype=np.uint8))
    return Rle(int(array.shape[0]), int(array.shape[1]), packed["counts"])


def pack_runs(lengths: Sequence[int], height: int, width: int) -> Rle:
    """Return uncompressed run lengths (ints >= 0 that sum to height x width, background first) as a mask."""
    from pycocotools import mask as coco_mask

    joined = [lengths[0]]
    colour = 0  # of the last run in `joined`
    for index, length in enumerate(lengths[1:], start=1):
        # A run of no pixels would end pycocotools' IoU early, so its neighbours become one.
        if length and index % 2 != colour:
            joined.append(length)
            colour = index % 2
        elif length:
            joined[-1] += length
    packed = coco_mask.frPyObjects({"size": [height, width], "counts": joined}, height, width)
    return Rle(height, width, packed["counts"])


def rasterize_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> Rle:
    """Return the union of polygons [x0, y0, x1, y1, ...] as a mask, by COCO's own rule for edge pixels."""
    from pycocotools import mask as coco_mask

    packed = coco_mask.frPyObjects(polygons, height, width)
    union = packed[0] if len(packed) == 1 else coco_mask.merge(packed)
    return Rle(height, width, union["counts"])


def measure_boxes(masks: Sequence[Rle]) -> list[tuple[float, float, float, float]]:
    """Return the tight box (x, y, width, height, in pixels) of each verified mask; zeros for an empty one."""
    from pycocotools import mask as coco_mask

    if not masks:
        return []
    return [(x, y, w, h) for x, y, w, h in coco_mask.toBbox([mask.to_coco() for mask in masks]).tolist()]


def measure_packed_area(mask: Rle) -> int:
    """Return the pixels of a mask that pycocotools packed; one from elsewhere may end the process: `measure_areas`."""
    from pycocotools import mask as coco_mask

    return int(coco_mask.area(mask.to_coco()))


def measure_areas(masks: Sequence[Rle]) -> tuple[list[int], list[str | None]]:
    """Return each mask's area in pixels and what is wrong with it (None: nothing), safe on any bytes."""
    areas: list[int] = []
    faults: list[str | None] = []
    for chunk in split_by_bytes(masks, lambda mask: len(mask.counts)):
        runs = decode_runs(chunk)
        areas.extend(runs.areas.tolist())
        faults.extend(runs.faults)
    return areas, faults


def decode_runs(masks: Sequence[Rle]) -> RunLengths:
    """Unpack the counts of many masks at once and verify them; safe on any bytes.

    A mask with a fault has no runs or wrong ones, and area 0. Counts are pycocotools' compressed form: five bits a
    character from "0" on, 32 says that the value goes on, 16 in its last character is the sign; from the fourth run on
    a value is the difference to the run two before.
    """
    count = len(masks)
    faults: list[str | None] = [None] * count
    data = b"".join(mask.counts for mask in masks)
    characters = np.frombuffer(data, dtype=np.uint8) - np.uint8(ord("0"))  # those below "0" become large
    sizes = np.array([len(mask.counts) for mask in masks], dtype=np.int64)
    ends = np.cumsum(sizes)

    usable = sizes > 0
    _mark(faults, ~usable, "has no counts")
    strange = np.zeros(count, dtype=bool)
    strange[np.searchsorted(ends, np.flatnonzero(characters > 63), side="right")] = True
    _mark(faults, strange, "has characters that compressed counts can't have")
    cut = np.zeros(count, dtype=bool)
    cut[usable] = (characters[ends[usable] - 1] & 32) != 0
    _mark(faults, cut & ~strange, "has counts that break off in the middle of a run")
    usable &= ~strange & ~cut
    if not usable.all():
        characters = characters[np.repeat(usable, sizes)]
        ends = np.cumsum(np.where(usable, sizes, 0))

    values, last, long = _join_characters(characters)
    first = np.concatenate([[0], np.searchsorted(last, ends)])
    owner = np.repeat(np.arange(count), np.diff(first))
    too_long = np.zeros(count, dtype=bool)
    too_long[owner[long]] = True
    index = np.arange(len(values)) - first[owner]
    lengths = _add_differences(values, first[owner], index)

    pixels = np.array([mask.height * mask.width for mask in masks], dtype=np.int64)
    impossible = np.zeros(count, dtype=bool)
    impossible[owner[(lengths < 0) | (lengths > pixels[owner])]] = True
    impossible |= too_long
    _mark(faults, impossible, "has runs that are negative or longer than the image")
    totals = _sum_segments(lengths, first)
    for position in np.flatnonzero(usable & ~impossible & (totals != pixels)).tolist():
        mask = masks[position]
        faults[position] = (
            f"has counts for {totals[position]} pixels, but {mask.height} rows of {mask.width} are {pixels[position]}"
        )
    areas = _sum_segments(np.where(index % 2 == 1, lengths, 0), first)
    areas[[fault is not None for fault in faults]] = 0
    return RunLengths(lengths, first, areas, faults)


def _paint(masks: Sequence[Rle], height: int, width: int) -> NDArray[np.uint8]:
    # Not by pycocotools, whose `decode` warns under numpy 2 and, given bad counts, writes where it should not.
    runs = decode_runs(masks)
    for mask, fault in zip(masks, runs.faults, strict=True):
        if fault is not None:
            raise ValueError(f"the RLE {fault}")
        if (mask.height, mask.width) != (height, width):
            raise ValueError(f"the mask is {mask.height}x{mask.width}, its image {height}x{width} (height x width)")
    index = np.arange(len(runs.lengths)) - np.repeat(runs.first[:-1], np.diff(runs.first))
    columns = np.repeat((index % 2).astype(np.uint8), runs.lengths).reshape(len(masks), width, height)
    return np.ascontiguousarray(columns.transpose(0, 2, 1))


def _join_characters(
    characters: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return signed values, the position of each one's last character, and which had too many characters."""
    last = np.flatnonzero(characters < 32)
    start = np.concatenate([[0], last[:-1] + 1]).astype(np.int64)[: len(last)]
    sizes = last - start + 1
    values = (characters[start] & 31).astype(np.int64)
    rest = np.flatnonzero(sizes > 1)
    for place in range(1, LONGEST_RUN_CHARACTERS):
        values[rest] |= (characters[start[rest] + place] & 31).astype(np.int64) << (5 * place)
        rest = rest[sizes[rest] > place + 1]
    negative = (characters[last] & 16) != 0
    values[negative] -= 1 << (5 * np.minimum(sizes[negative], LONGEST_RUN_CHARACTERS))
    return values, last, sizes > LONGEST_RUN_CHARACTERS


def _add_differences(
    values: NDArray[np.int64], first: NDArray[np.int64], index: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Undo the differences: from a mask's fourth run on, a value adds to the run two before.

    Sums over every second value of all masks, less the sum before the mask's own chain: runs 1, 3, ... and 2, 4, ...
    """
    sums = np.zeros(len(values) + 2, dtype=np.int64)
    for parity in (0, 1):
        sums[2 + parity :: 2] = np.cumsum(values[parity::2])
    chain = first + np.where(index == 0, 0, 2 - index % 2)
    lengths: NDArray[np.int64] = sums[2:] - sums[chain]
    return lengths


def _sum_segments(values: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    sums = np.concatenate([[0], np.cumsum(values)])
    total: NDArray[np.int64] = sums[first[1:]] - sums[first[:-1]]
    return total


def _mark(faults: list[str | None], where: NDArray[np.bool_], reason: str) -> None:
    for position in np.flatnonzero(where).tolist():
        faults[position] = reason


def split_by_bytes(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Give the items in lists whose sizes add up to about CHUNK_BYTES, and of at most MOST_ITEMS."""
    chunk: list[T] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += size_of(item)
        if size >= CHUNK_BYTES or len(chunk) == MOST_ITEMS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
