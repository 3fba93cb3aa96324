"""Paired randomisation of two result files: would swapping them, unit by unit, give so large a difference?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import Kind
from detstudy.evaluation.resampling import count_units, resample_measures

TOLERANCE = 1e-9
"""AP by which a swapped difference may fall short of the files' own and still count as large: rounding."""


def randomise_measures(
    a: Mapping[Kind, Matches],
    b: Mapping[Kind, Matches],
    units: NDArray[np.int64],
    names: Sequence[str],
    randomisations: int = 1000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return each measure's two-sided p [names] of the hypothesis that the two files are exchangeable unit by unit.

    In each randomisation every unit (of `resampling_units`) changes sides with probability one half, and the measures
    of both sides are computed anew from all their detections. p is (1 + how many differences are at least as large as
    the files' own) / (1 + randomisations). Where there are no more than that many ways to swap, each is taken once and
    p is exact. NaN for a measure that is undefined or of a kind that one of the two was not matched in.

    The matches must be of the same ground truth and images; ValueError where they are not.

    Source: Noreen, Computer-Intensive Methods for Testing Hypotheses (1989); p as in Phipson and Smyth (2010).
    """
    pooled = {kind: pool_matches(a[kind], b[kind]) for kind in a if kind in b}
    count = count_units(units)
    exact = count <= 30 and 2**count <= randomisations + 1
    if exact:
        swaps = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        swaps = np.random.default_rng(seed).integers(0, 2, (randomisations, count))
        swaps = np.concatenate([np.zeros((1, count), dtype=swaps.dtype), swaps])
    stays = np.ascontiguousarray(1 - swaps[:, units], dtype=np.int32)
    first = resample_measures(pooled, np.concatenate([stays, 1 - stays], axis=1), names)
    second = resample_measures(pooled, np.concatenate([1 - stays, stays], axis=1), names)
    differences = np.abs(first - second)
    # the files as they are stand among the randomisations: the first of all ways, or the one added to the draws
    share = (differences >= differences[0] - TOLERANCE).mean(axis=0)
    return np.where(np.isnan(differences[0]), np.nan, share)


def pool_matches(a: Matches, b: Matches) -> Matches:
    """Return the detections of both in one table over twice the images: a's come first, b's after them.

    With a weight of 1 for one of the two copies of each image, and 0 for the other, it is the table of a file that has
    a's detections in some images and b's in the rest.
    """
    images = len(a.image_ids)
    same = np.array_equal(a.image_ids, b.image_ids) and np.array_equal(a.category_ids, b.category_ids)
    if not (same and np.array_equal(a.object_images, b.object_images)):
        raise ValueError("the matches are of different ground truth; match both files to the same")
    classes = np.concatenate([_list_classes(a.class_starts), _list_classes(b.class_starts)])
    object_classes = _list_classes(a.object_starts)
    scores = np.concatenate([a.scores, b.scores])
    ranks = np.concatenate([a.ranks, b.ranks])
    places = np.concatenate([a.images, b.images])
    # ties in score stand by image, then as within the image: as one file would have them
    order = np.lexsort((ranks, places, -scores, classes))
    object_order = np.argsort(np.concatenate([object_classes, object_classes]), kind="stable")
    places = np.append(np.argsort(object_order), -1).astype(np.int32)  # of each object, and of none
    concerned = np.concatenate([a.objects, np.where(b.objects < 0, -1, b.objects + len(object_classes))])
    return dataclasses.replace(
        a,
        image_ids=np.concatenate([a.image_ids, b.image_ids]),
        class_starts=a.class_starts + b.class_starts,
        scores=scores[order],
        images=np.concatenate([a.images, b.images + np.int32(images)])[order],
        ranks=ranks[order],
        predictions=np.concatenate([a.predictions, b.predictions])[order],
        matched=np.ascontiguousarray(np.concatenate([a.matched, b.matched], axis=1)[:, order]),
        ignored=np.ascontiguousarray(np.concatenate([a.ignored, b.ignored], axis=1)[:, order]),
        kinds=np.concatenate([a.kinds, b.kinds])[order],
        objects=places[concerned[order]],
        object_starts=2 * a.object_starts,
        object_images=np.concatenate([a.object_images, b.object_images + np.int32(images)])[object_order],
        object_rows=np.concatenate([a.object_rows, b.object_rows])[object_order],
        object_bands=np.concatenate([a.object_bands, b.object_bands])[object_order],
    )


def _list_classes(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each row of a table whose class k has rows starts[k] to starts[k + 1]."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))
