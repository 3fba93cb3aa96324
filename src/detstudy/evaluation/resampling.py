"""Measures of resampled images: units drawn whole, matches made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.ground_truth import GroundTruth
from detstudy.evaluation.matching import Matches, select_images
from detstudy.evaluation.measures import MEASURE_NAMES
from detstudy.evaluation.precision import find_objects
from detstudy.evaluation.protocol import (
    DEFINITIONS,
    DETECTION_LIMITS,
    EVERY_THRESHOLD,
    IOU_THRESHOLDS,
    KINDS,
    RECALLS,
    Kind,
)

Weights = NDArray[np.integer]


def resampling_units(ground_truth: GroundTruth, image_ids: Sequence[int] | None = None) -> NDArray[np.int64]:
    """Return the unit of each image, counted from 0: its sequence where every image has one, else the image itself.

    Images of a sequence are alike, so only whole sequences are independent draws. `image_ids` as in matching.
    """
    chosen = select_images(ground_truth, image_ids)
    sequences = [ground_truth.sequences[n] for n in chosen]
    if None in sequences:
        return np.arange(len(chosen))
    numbers: dict[str | None, int] = {}
    return np.array([numbers.setdefault(sequence, len(numbers)) for sequence in sequences], dtype=np.int64)


def count_units(units: NDArray[np.int64]) -> int:
    """Return how many units there are."""
    return int(units.max()) + 1 if len(units) else 0


def draw_weights(units: NDArray[np.int64], resamples: int, seed: int) -> NDArray[np.int32]:
    """Return how often each image is drawn, [resamples, images], as many units drawn with replacement as there are.

    The ordinary (cluster) bootstrap; the same seed and units give the same draws.
    """
    count = count_units(units)
    if count == 0:
        return np.zeros((resamples, 0), dtype=np.int32)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.ascontiguousarray(draws[:, units], dtype=np.int32)


def resample_measures(matches: Mapping[Kind, Matches], weights: Weights, names: Sequence[str]) -> NDArray[np.float64]:
    """Return measures [resamples, names], 0 to 100, for image weights [resamples, images].

    Weights of ones give what `summarize` gives; whole weights what evaluating the repeated images would (but for ties
    in score within one image and class). NaN where a resample has no object that the measure needs, or the kind was
    not matched. Raises ValueError for unknown names and for weights of another shape, negative or not whole.
    """
    unknown = [name for name in names if name not in MEASURE_NAMES]
    if unknown:
        raise ValueError(f"{unknown[0]} is no measure; known are {', '.join(MEASURE_NAMES)}")
    result = np.full((len(weights), len(names)), np.nan)
    for kind in KINDS:
        if kind not in matches:
            continue
        checked = check_weights(weights, len(matches[kind].image_ids))
        arrays: dict[tuple[str, int, int], NDArray[np.float64]] = {}
        for column, name in enumerate(names):
            if not name.startswith(f"{kind}/"):
                continue
            definition = DEFINITIONS[name.removeprefix(f"{kind}/")]
            key = (definition.of, definition.band, definition.limit)
            if key not in arrays:
                arrays[key] = (
                    _resample_precision(matches[kind], checked, definition.band)
                    if definition.of == "precision"
                    else _resample_recall(matches[kind], checked, definition.band, definition.limit)
                )
            values = arrays[key]
            if definition.threshold is not None:
                values = values[:, definition.threshold : definition.threshold + 1]
            result[:, column] = _average(values) * 100
    return result


def check_weights(weights: Weights, images: int) -> NDArray[np.int32]:
    """Return weights as the kernels take them; raises ValueError where they are none of these images."""
    array = np.asarray(weights)
    if array.ndim != 2 or array.shape[1] != images or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"weights are {array.dtype} of shape {array.shape}; whole numbers [resamples, {images} images] are needed"
        )
    if array.size and array.min() < 0:
        raise ValueError("weights have a negative number; an image is drawn zero or more times")
    return np.ascontiguousarray(array, dtype=np.int32)


def _resample_precision(matches: Matches, weights: NDArray[np.int32], band: int) -> NDArray[np.float64]:
    """Return AP [resamples, thresholds, classes], of all detections kept."""
    from detstudy.evaluation import kernels

    result = np.full((len(weights), len(IOU_THRESHOLDS), len(matches.category_ids)), np.nan)
    for k in range(len(matches.category_ids)):
        objects = find_objects(matches, k, band)
        if len(objects):
            rows = np.arange(matches.class_starts[k], matches.class_starts[k + 1])
            rows = rows[matches.ignored[band, rows] != EVERY_THRESHOLD]  # in a size band, most are
            table = matches.images[rows], matches.matched[band, rows], matches.ignored[band, rows]
            result[:, :, k] = kernels.resample_class(*table, objects, weights, RECALLS)
    return result


def _resample_recall(matches: Matches, weights: NDArray[np.int32], band: int, limit: int) -> NDArray[np.float64]:
    """Return recall [resamples, thresholds, classes]: weighted true positives over weighted objects."""
    result = np.full((len(weights), len(IOU_THRESHOLDS), len(matches.category_ids)), np.nan)
    images = len(matches.image_ids)
    exact = weights.astype(np.float64)  # sums of whole numbers are exact in floats, and BLAS is fast
    for k in range(len(matches.category_ids)):
        objects = exact @ np.bincount(find_objects(matches, k, band), minlength=images).astype(np.float64)
        rows = np.arange(matches.class_starts[k], matches.class_starts[k + 1])
        rows = rows[matches.ranks[rows] < DETECTION_LIMITS[limit]]
        for t in range(len(IOU_THRESHOLDS)):
            found = matches.images[rows[(matches.matched[band, rows] >> t) & 1 == 1]]
            true = exact @ np.bincount(found, minlength=images).astype(np.float64)
            np.divide(true, objects, out=result[:, t, k], where=objects > 0)
    return result


def _average(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over thresholds and defined classes; NaN where no class is defined."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=(1, 2))
    result = np.full(len(values), np.nan)
    np.divide(np.where(defined, values, 0.0).sum(axis=(1, 2)), counts, out=result, where=counts > 0)
    return result
