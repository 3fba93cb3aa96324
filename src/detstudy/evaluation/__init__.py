"""COCO evaluation: predictions matched to objects once, then measures, counts and resamples from the matches.

Importing this package is cheap; numba and pycocotools are imported by what needs them.
"""

from detstudy.evaluation.counts import COUNTED, BestThreshold, ErrorCounts, count_errors, find_best_threshold
from detstudy.evaluation.ground_truth import EvaluationError, GroundTruth, load_ground_truth
from detstudy.evaluation.matching import Matches, match_predictions
from detstudy.evaluation.measures import MEASURE_NAMES, Summary, evaluate, evaluate_checked, summarize
from detstudy.evaluation.precision import PrecisionRecall, accumulate_precision
from detstudy.evaluation.proposals import RECALL_MEASURES, measure_proposal_recall
from detstudy.evaluation.protocol import ERROR_KINDS, SIZE_BANDS, Kind
from detstudy.evaluation.repairs import ERROR_MEASURES, resample_errors
from detstudy.evaluation.resampling import (
    count_units,
    draw_weights,
    resample_measures,
    resampling_units,
)
from detstudy.evaluation.results import load_predictions
from detstudy.evaluation.storage import load_matches, save_matches

__all__ = [
    "COUNTED",
    "ERROR_KINDS",
    "ERROR_MEASURES",
    "MEASURE_NAMES",
    "RECALL_MEASURES",
    "SIZE_BANDS",
    "BestThreshold",
    "ErrorCounts",
    "EvaluationError",
    "GroundTruth",
    "Kind",
    "Matches",
    "PrecisionRecall",
    "Summary",
    "accumulate_precision",
    "count_errors",
    "count_units",
    "draw_weights",
    "evaluate",
    "evaluate_checked",
    "find_best_threshold",
    "load_ground_truth",
    "load_matches",
    "load_predictions",
    "match_predictions",
    "measure_proposal_recall",
    "resample_errors",
    "resample_measures",
    "resampling_units",
    "save_matches",
    "summarize",
]
