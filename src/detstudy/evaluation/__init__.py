"""COCO evaluation: predictions matched to objects once, then measures, counts and resamples from the matches.

Importing this package is cheap; numba and pycocotools are imported by what needs them.
"""

from detstudy.evaluation.counts import Counts, OperatingCounts, count_false_positives
from detstudy.evaluation.documents import EvaluationError
from detstudy.evaluation.ground_truth import GroundTruth, load_ground_truth
from detstudy.evaluation.matching import Matches, match_predictions
from detstudy.evaluation.measures import MEASURE_NAMES, Summary, evaluate, summarize
from detstudy.evaluation.precision import PrecisionRecall, accumulate_precision
from detstudy.evaluation.resampling import (
    count_units,
    draw_weights,
    resample_measures,
    resampling_units,
)
from detstudy.evaluation.results import load_predictions
from detstudy.evaluation.storage import load_matches, save_matches

__all__ = [
    "MEASURE_NAMES",
    "Counts",
    "EvaluationError",
    "GroundTruth",
    "Matches",
    "OperatingCounts",
    "PrecisionRecall",
    "Summary",
    "accumulate_precision",
    "count_false_positives",
    "count_units",
    "draw_weights",
    "evaluate",
    "load_ground_truth",
    "load_matches",
    "load_predictions",
    "match_predictions",
    "resample_measures",
    "resampling_units",
    "save_matches",
    "summarize",
]
