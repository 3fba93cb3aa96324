"""The loops that need a compiler. Importing this module imports numba: do it inside functions.

Each kernel is called with one set of types (int64, int32, float64, uint8, uint16 arrays, contiguous), so that numba
compiles it once and finds it in its cache ever after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.protocol import (
    BACKGROUND,
    BOTH,
    CLASSIFICATION,
    CORRECT,
    DUPLICATE,
    IGNORED,
    LOCALISATION,
)

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Index = NDArray[np.int32]
Bits = NDArray[np.uint16]
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compile_kernel(function: Kernel) -> Kernel:
    """Return the function compiled at its first call, without the interpreter lock, and cached on disk."""
    compiled: Kernel = numba.njit(cache=True, nogil=True)(function)
    return compiled


@compile_kernel
def match_groups(
    starts: Int,
    object_starts: Int,
    object_ends: Int,
    iou_starts: Int,
    strides: Int,
    ious: Float,
    areas: Float,
    object_areas: Float,
    object_crowds: NDArray[np.uint8],
    thresholds: Float,
    area_ranges: Float,
) -> tuple[Bits, Bits]:
    """Match each group's detections to its objects at every IoU threshold, for every size band, as COCOeval does.

    A group is one image and class: detections starts[g]:starts[g + 1] by falling score, objects
    object_starts[g]:object_ends[g], IoUs from iou_starts[g], object-major, strides[g] from object to object. Returns
    [bands, detections] twice, with a bit for each threshold: matched to an object that counts; to be ignored. Neither
    is a false positive.
    """
    bands = len(area_ranges)
    matched = np.zeros((bands, len(areas)), dtype=np.uint16)
    ignored = np.zeros((bands, len(areas)), dtype=np.uint16)
    most = 0
    for g in range(len(object_starts)):
        most = max(most, object_ends[g] - object_starts[g])
    order = np.empty(most, dtype=np.int64)
    taken = np.empty(most, dtype=np.bool_)
    for g in range(len(object_starts)):
        first = object_starts[g]
        objects = object_ends[g] - first
        detections = starts[g + 1] - starts[g]
        for band in range(bands):
            low, high = area_ranges[band, 0], area_ranges[band, 1]
            # objects that count come first, those to ignore after them, each in the file's order
            counting = 0
            for n in range(objects):
                area = object_areas[first + n]
                if not (object_crowds[first + n] or area < low or area > high):
                    order[counting] = n
                    counting += 1
            place = counting
            for n in range(objects):
                area = object_areas[first + n]
                if object_crowds[first + n] or area < low or area > high:
                    order[place] = n
                    place += 1
            for t in range(len(thresholds)):
                bit = np.uint16(1 << t)
                taken[:objects] = False
                for d in range(detections):
                    best, partner, counts = min(thresholds[t], 1 - 1e-10), -1, False
                    for rank in range(objects):
                        n = order[rank]
                        if taken[n] and not object_crowds[first + n]:
                            continue
                        if counts and rank >= counting:
                            break  # what is to be ignored never takes a detection from what counts
                        iou = ious[iou_starts[g] + n * strides[g] + d]
                        if iou < best:
                            continue
                        best, partner, counts = iou, n, rank < counting
                    row = starts[g] + d
                    if partner >= 0:
                        taken[partner] = True
                        if counts:
                            matched[band, row] |= bit
                        else:
                            ignored[band, row] |= bit
                    elif areas[row] < low or areas[row] > high:
                        ignored[band, row] |= bit
    return matched, ignored


@compile_kernel
def accumulate_class(
    weights: Int, ranks: NDArray[np.uint8], matched: Bits, ignored: Bits, objects: int, limits: Int, recalls: Float
) -> tuple[Float, Float]:
    """Return interpolated precision [thresholds, recalls, limits] and final recall [thresholds, limits] of a class.

    Detections stand by falling score with their image's weight; `objects` is the weighted number of objects, above 0.
    """
    thresholds = 10
    precision = np.zeros((thresholds, len(recalls), len(limits)))
    recall = np.zeros((thresholds, len(limits)))
    found = np.empty(len(weights), dtype=np.int64)  # true positives so far, at each true positive
    exact = np.empty(len(weights))  # precision there
    for m in range(len(limits)):
        for t in range(thresholds):
            points, true, seen = 0, 0, 0
            for d in range(len(weights)):
                if weights[d] == 0 or ranks[d] >= limits[m] or (ignored[d] >> t) & 1:
                    continue
                seen += weights[d]
                if (matched[d] >> t) & 1:
                    true += weights[d]
                    found[points] = true
                    exact[points] = true / (seen + 2.220446049250313e-16)
                    points += 1
            recall[t, m] = true / objects
            for n in range(points - 2, -1, -1):
                exact[n] = max(exact[n], exact[n + 1])
            n = 0
            for r in range(len(recalls)):
                while n < points and found[n] / objects < recalls[r]:
                    n += 1
                if n == points:
                    break
                precision[t, r, m] = exact[n]
    return precision, recall


@compile_kernel
def resample_class(
    images: Index, matched: Bits, ignored: Bits, object_images: Index, weights: Index, recalls: Float
) -> Float:
    """Return AP [resamples, thresholds] of a class for image weights [resamples, images]; NaN where no object counts.

    Per resample the detections are walked once; each threshold then walks only those that are not plain false
    positives there, which are few: precision matters at true positives alone.
    """
    thresholds = 10
    size = len(images)
    events = np.empty((thresholds, size), dtype=np.int32)
    ends = np.zeros(thresholds, dtype=np.int64)
    for d in range(size):
        special = matched[d] | ignored[d]
        for t in range(thresholds):
            if (special >> t) & 1:
                events[t, ends[t]] = d
                ends[t] += 1
    result = np.full((len(weights), thresholds), np.nan)
    seen = np.empty(size, dtype=np.int64)
    found = np.empty(size, dtype=np.int64)
    exact = np.empty(size)
    needed = np.empty(len(recalls), dtype=np.int64)  # true positives for each recall
    for b in range(len(weights)):
        objects = 0
        for n in range(len(object_images)):
            objects += weights[b, object_images[n]]
        if objects == 0:
            continue
        reached = 0
        for r in range(len(recalls)):
            while reached / objects < recalls[r]:
                reached += 1
            needed[r] = reached
        total = 0
        for d in range(size):
            total += weights[b, images[d]]
            seen[d] = total
        for t in range(thresholds):
            points, true, left_out = 0, 0, 0
            for e in range(ends[t]):
                d = events[t, e]
                weight = weights[b, images[d]]
                if weight == 0:
                    continue
                if (matched[d] >> t) & 1:
                    true += weight
                    found[points] = true
                    exact[points] = true / (seen[d] - left_out + 2.220446049250313e-16)
                    points += 1
                else:
                    left_out += weight
            for n in range(points - 2, -1, -1):
                exact[n] = max(exact[n], exact[n + 1])
            area, n = 0.0, 0
            for r in range(len(recalls)):
                while n < points and found[n] < needed[r]:
                    n += 1
                if n == points:
                    break
                area += exact[n]
            result[b, t] = area / len(recalls)
    return result


@compile_kernel
def relate_images(
    starts: Int,
    object_starts: Int,
    iou_starts: Int,
    ious: Float,
    classes: Int,
    object_classes: Int,
    object_counts: NDArray[np.uint8],
    ignored: NDArray[np.uint8],
    foreground: float,
    background: float,
) -> tuple[NDArray[np.uint8], Int]:
    """Return each detection's kind, in the codes of `Matches.kinds`, and the object that it concerns (-1 for none).

    Image n has detections starts[n]:starts[n + 1], by class and falling score, and objects object_starts[n] to
    object_starts[n + 1], those not in `object_counts` passed over; IoUs from iou_starts[n], object-major. Matching is
    that of `match_groups`.
    """
    kinds = np.empty(len(classes), dtype=np.uint8)
    concerned = np.full(len(classes), -1, dtype=np.int64)
    taken = np.zeros(len(object_classes), dtype=np.bool_)
    for image in range(len(starts) - 1):
        first, detections = starts[image], starts[image + 1] - starts[image]
        for d in range(detections):
            row = first + d
            free, same, other = -1, -1, -1
            free_iou, same_iou, other_iou = foreground, 0.0, 0.0
            for n in range(object_starts[image], object_starts[image + 1]):
                if not object_counts[n]:
                    continue
                iou = ious[iou_starts[image] + (n - object_starts[image]) * detections + d]
                if object_classes[n] != classes[row]:
                    if iou > other_iou:
                        other, other_iou = n, iou
                    continue
                if iou > same_iou:
                    same, same_iou = n, iou
                if not taken[n] and iou >= free_iou:
                    free, free_iou = n, iou
            if free >= 0:
                taken[free] = True
                kinds[row], concerned[row] = CORRECT, free
            elif ignored[row]:
                kinds[row] = IGNORED
            elif background <= same_iou < foreground:
                kinds[row], concerned[row] = LOCALISATION, same
            elif other_iou >= foreground:
                kinds[row], concerned[row] = CLASSIFICATION, other
            elif same_iou >= foreground:
                kinds[row], concerned[row] = DUPLICATE, same
            elif other_iou > background:
                kinds[row], concerned[row] = BOTH, other
            else:
                kinds[row] = BACKGROUND
    return kinds, concerned


@compile_kernel
def resample_precision(
    images: Index, right: NDArray[np.uint8], object_images: Index, weights: Index, recalls: Float
) -> Float:
    """Return AP [resamples] of a class at one IoU threshold; NaN where no object counts.

    As `resample_class`, for detections by falling score that are each right or wrong.
    """
    result = np.full(len(weights), np.nan)
    found = np.empty(len(images), dtype=np.int64)
    exact = np.empty(len(images))
    for b in range(len(weights)):
        objects = 0
        for n in range(len(object_images)):
            objects += weights[b, object_images[n]]
        if objects == 0:
            continue
        points, true, seen = 0, 0, 0
        for d in range(len(images)):
            weight = weights[b, images[d]]
            seen += weight
            if right[d] and weight:
                true += weight
                found[points] = true
                exact[points] = true / (seen + 2.220446049250313e-16)
                points += 1
        for n in range(points - 2, -1, -1):
            exact[n] = max(exact[n], exact[n + 1])
        area, n = 0.0, 0
        for r in range(len(recalls)):
            while n < points and found[n] / objects < recalls[r]:
                n += 1
            if n == points:
                break
            area += exact[n]
        result[b] = area / len(recalls)
    return result
