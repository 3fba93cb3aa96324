"""The units that a difference is judged on: whole sequences of alike images, else single images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.labels import count
from detstudy.evaluation import GroundTruth, count_units, draw_weights, resampling_units

DRAWS = 200
"""Bootstrap draws; a standard error from them is known to 5 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How many units there are, in words ("20 sequences"), and how often each draw has each image."""

    count: int
    label: str
    weights: NDArray[np.int32]  # [draws, images]


def read_units(ground_truth: GroundTruth) -> Units:
    """Return the units of a ground truth (its sequences where every image has one, else its images) and their draws.

    The draws are the same for every run that is analysed, so that differences are paired, and at every analysis.
    """
    units = resampling_units(ground_truth)
    number = count_units(units)
    noun = "image" if None in ground_truth.sequences else "sequence"
    return Units(number, count(number, noun), draw_weights(units, DRAWS, seed=0))
