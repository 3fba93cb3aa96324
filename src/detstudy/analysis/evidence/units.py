"""The units that a difference is judged on: whole sequences of alike images, else single images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts.setting import UnitCount
from detstudy.evaluation import GroundTruth, count_units, draw_weights, resampling_units

DRAWS = 200
"""Bootstrap draws; a standard error from them is known to 5 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How many units there are, what each is, and how often each draw has each image."""

    count: int
    noun: str  # "sequence", "image"
    weights: NDArray[np.int32]  # [draws, images]

    @property
    def counted(self) -> UnitCount:
        """How many of what."""
        return UnitCount(self.count, self.noun)


def read_units(ground_truth: GroundTruth) -> Units:
    """Return the units of a ground truth (its sequences where every image has one, else its images) and their draws.

    The draws are the same for every run that is analysed, so that differences are paired, and at every analysis.
    """
    units = resampling_units(ground_truth)
    noun = "image" if None in ground_truth.sequences else "sequence"
    return Units(count_units(units), noun, draw_weights(units, DRAWS, seed=0))
