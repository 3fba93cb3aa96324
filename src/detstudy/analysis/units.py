"""The units that a difference is judged on: whole sequences of alike images, else single images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.labels import count
from detstudy.evaluation import GroundTruth, count_units, jackknife_weights, resampling_units

MAX_GROUPS = 100
"""More units than this are left out in groups, so that the work does not grow with them."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How many units there are, in words ("20 sequences"), and the image weights with each left out once."""

    count: int
    label: str
    weights: NDArray[np.int32]  # [units or groups, images]


def read_units(ground_truth: GroundTruth) -> Units:
    """Return the units of a ground truth: its sequences where every image has one, else its images.

    Past MAX_GROUPS units the jackknife leaves out groups of them, drawn at random with a fixed seed. With 100 groups
    the standard error is known to 7 %, for which the degrees of freedom make allowance.
    """
    units = resampling_units(ground_truth)
    number = count_units(units)
    groups = units
    if number > MAX_GROUPS:
        order = np.random.default_rng(0).permutation(number)
        groups = (order % MAX_GROUPS)[units]
    noun = "image" if None in ground_truth.sequences else "sequence"
    return Units(number, count(number, noun), jackknife_weights(groups))
