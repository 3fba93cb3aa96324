"""The contrast of two COCO result files over one ground truth: by resampling, and by swapping them unit by unit."""

from __future__ import annotations

import filecmp
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.evidence.evidence import Units, read_units
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import Note, NoVerdict, OverUnitsAlone
from detstudy.analysis.statistics.contrast import Difference, judge_difference
from detstudy.analysis.statistics.variance import estimate_unit_part
from detstudy.evaluation import evaluate, load_ground_truth, resample_measures, resampling_units
from detstudy.evaluation.randomisation import randomise_measures
from detstudy.study.study import MEASURES

Pair = tuple[float | None, float | None]


def compare_results(ground_truth: Path, a: Path, b: Path) -> dict[str, Contrast]:
    """Return the contrast of two COCO result files over one ground truth, in every AP measure.

    Interval and p come from resampling, as a study's; the p of swapping the two files unit by unit is given too.
    Both hold for these two files over other images of the same kind; whether another training would differ likewise
    they can't say, so there is no verdict. Raises EvaluationError for files that don't fit.
    """
    truth = load_ground_truth(ground_truth)
    units = read_units(truth)
    (matches_a, summary_a), (matches_b, summary_b) = (evaluate(truth, path) for path in (a, b))
    draws = [resample_measures(matches, units.weights, MEASURES) for matches in (matches_a, matches_b)]
    identical = filecmp.cmp(a, b, shallow=False)
    swapped = randomise_measures(matches_a, matches_b, resampling_units(truth), MEASURES)
    return {
        measure: _contrast_files(
            (os.fspath(a), os.fspath(b)),
            measure,
            (summary_a.measures[measure], summary_b.measures[measure]),
            summary_a.undefined.get(measure) or summary_b.undefined.get(measure),
            units,
            draws[0][:, column] - draws[1][:, column],
            float(swapped[column]),
            identical,
        )
        for column, measure in enumerate(MEASURES)
    }


def _contrast_files(
    names: tuple[str, str],
    measure: str,
    values: Pair,
    undefined: Fact | None,
    units: Units,
    differences: NDArray[np.float64],
    p_randomisation: float,
    identical: bool,
) -> Contrast:
    first, second = values
    estimate = None if first is None or second is None else first - second
    part = None if estimate is None else estimate_unit_part(differences, units.count)
    notes: list[Fact] = [Note.SAME_FILE] if identical else []
    interval: dict[str, Any] = {}
    if part and estimate is not None:
        judged = judge_difference(Difference(estimate=estimate, seed_parts=(), unit_part=part), 0.0)
        if judged:
            notes.append(OverUnitsAlone(units.counted))
            interval = {name: getattr(judged, name) for name in ("low", "high", "p", "degrees_of_freedom")}
    return Contrast(
        a=names[0],
        b=names[1],
        measure=measure,
        estimate=estimate,
        **interval,
        reason=undefined or NoVerdict.TWO_FILES,
        a_value=first,
        b_value=second,
        seeds=(1, 1),
        units=units.counted,
        notes=tuple(notes),
        unit_variance=part.variance if part else None,
        p_randomisation=None if math.isnan(p_randomisation) else p_randomisation,
    )
