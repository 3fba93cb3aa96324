"""The AP that each kind of error costs: what AP50 would be with that kind alone repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.counts import COUNTED, count_errors, find_concerned, find_error_bands
from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import (
    CLASSIFICATION,
    CORRECT,
    ERROR_KINDS,
    IGNORED,
    KINDS,
    LOCALISATION,
    MISSED,
    RECALLS,
    SIZE_BANDS,
    Kind,
)
from detstudy.evaluation.resampling import Weights, check_weights


@dataclass(frozen=True, slots=True)
class ErrorDefinition:
    """What an error measure is: AP50 points that errors of a kind and size band cost, or their count an image."""

    kind: Kind
    costs: bool
    index: int  # into COUNTED, which begins with ERROR_KINDS
    band: int  # into SIZE_BANDS


ERROR_MEASURES: dict[str, ErrorDefinition] = {
    f"{kind}/{of}/{name}" + (f"/{size}" if band else ""): ErrorDefinition(kind, of == "cost", index, band)
    for kind in KINDS
    for of, names in (("cost", ERROR_KINDS), ("errors", COUNTED))
    for band, size in enumerate(SIZE_BANDS)
    for index, name in enumerate(names)
}
"""By flat name: `mask/cost/missed`, `box/errors/background/small`."""


def resample_errors(
    matches: Mapping[Kind, Matches], weights: Weights, names: Sequence[str], score_threshold: float
) -> NDArray[np.float64]:
    """Return error measures [resamples, names] for image weights [resamples, images].

    Counts are an image, of detections scoring at least the threshold; costs are AP50 points, of all detections. NaN
    where a resample has no image, for costs no object, or the kind was not matched. Weights of ones give the measure
    itself. Raises ValueError for unknown names and bad weights.

    A cost is what AP50 gains with errors of that kind repaired and all else left as it is. Of the localisation and
    classification errors that concern one object not found, the one with the highest score becomes its detection when
    its kind is repaired; the others of that kind go, as do duplicates, both and background. Missed objects leave the
    ground truth. So costs do not add up to what is missing from 100.

    Source: Bolya et al., TIDE (ECCV 2020), as its authors' tidecv does it. Different here: classes without objects are
    left out of the mean, as in COCO; a class whose objects are all missed, for which nothing would be left, has AP 100
    after that repair.
    """
    unknown = [name for name in names if name not in ERROR_MEASURES]
    if unknown:
        raise ValueError(f"{unknown[0]} is no error measure; known are {', '.join(ERROR_MEASURES)}")
    result = np.full((len(weights), len(names)), np.nan)
    for kind in KINDS:
        if kind not in matches:
            continue
        checked = check_weights(weights, len(matches[kind].image_ids))
        columns = {n: ERROR_MEASURES[name] for n, name in enumerate(names) if ERROR_MEASURES[name].kind == kind}
        if any(definition.costs for definition in columns.values()):
            now = _resample_ap50(matches[kind], checked, None, 0)
        if not all(definition.costs for definition in columns.values()):
            by_image = count_errors(matches[kind], score_threshold).by_image.astype(np.float64)
            images = checked.sum(axis=1, dtype=np.float64)
        for column, definition in columns.items():
            if definition.costs:
                then = _resample_ap50(matches[kind], checked, definition.index, definition.band)
                result[:, column] = _average_gain(now, then) * 100
            else:
                sums = checked.astype(np.float64) @ by_image[definition.index, definition.band]
                np.divide(sums, images, out=result[:, column], where=images > 0)
    return result


def _average_gain(now: NDArray[np.float64], then: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean gain over the classes that have objects; nothing left to find is AP 1."""
    defined = ~np.isnan(now)
    gain = np.where(defined, np.where(np.isnan(then), 1.0, then) - now, 0.0)
    counts = defined.sum(axis=1)
    result = np.full(len(now), np.nan)
    np.divide(gain.sum(axis=1), counts, out=result, where=counts > 0)
    return result


def _resample_ap50(
    matches: Matches, weights: NDArray[np.int32], repaired: int | None, band: int
) -> NDArray[np.float64]:
    """Return AP at IoU 0.5 [resamples, classes] with the errors of a kind and size band repaired."""
    from detstudy.evaluation import kernels

    known = len(matches.category_ids)
    classes = np.repeat(np.arange(known), np.diff(matches.class_starts))
    object_classes = np.repeat(np.arange(known), np.diff(matches.object_starts))
    right = matches.kinds == CORRECT
    rows = np.flatnonzero(matches.kinds != IGNORED)
    objects = np.ones(len(matches.object_images), dtype=bool)
    if repaired == MISSED:
        near = np.isin(matches.kinds, [CLASSIFICATION, LOCALISATION])
        missed = ~find_concerned(matches, right | near)
        objects = ~(missed & ((matches.object_bands >> band) & 1 == 1))
    elif repaired is not None:
        mended = (matches.kinds == repaired) & ((find_error_bands(matches) >> band) & 1 == 1)
        if repaired in (CLASSIFICATION, LOCALISATION):
            first = mended & choose_mended(matches)
            right = right | first
            mended &= ~first
            if repaired == CLASSIFICATION:
                classes[first] = object_classes[matches.objects[first]]
        rows = rows[~mended[rows]]
        if repaired == CLASSIFICATION:
            rows = rows[np.lexsort((-matches.scores[rows], classes[rows]))]
    starts = np.searchsorted(classes[rows], np.arange(known + 1))
    images, flags = matches.images[rows], right[rows].astype(np.uint8)
    result = np.full((len(weights), known), np.nan)
    for k in range(known):
        chosen = slice(starts[k], starts[k + 1])
        there = matches.object_images[objects & (object_classes == k)]
        if len(there):
            result[:, k] = kernels.resample_precision(images[chosen], flags[chosen], there, weights, RECALLS)
    return result


def choose_mended(matches: Matches) -> NDArray[np.bool_]:
    """Return which detections would find an object that none finds if their class or place were right.

    One for each such object, that of the highest score.
    """
    found = find_concerned(matches, matches.kinds == CORRECT)
    candidates = np.flatnonzero(np.isin(matches.kinds, [CLASSIFICATION, LOCALISATION]))
    candidates = candidates[~found[matches.objects[candidates]]]
    candidates = candidates[np.argsort(-matches.scores[candidates], kind="stable")]
    _, firsts = np.unique(matches.objects[candidates], return_index=True)
    chosen = np.zeros(len(matches.kinds), dtype=bool)
    chosen[candidates[firsts]] = True
    return chosen
