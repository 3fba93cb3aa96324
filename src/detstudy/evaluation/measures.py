"""COCO's twelve measures of boxes and of masks, from matches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.evaluation.ground_truth import GroundTruth
from detstudy.evaluation.matching import Matches, match_predictions
from detstudy.evaluation.precision import PrecisionRecall, accumulate_precision
from detstudy.evaluation.protocol import DEFINITIONS, KINDS, SIZE_BANDS, Definition, Kind
from detstudy.evaluation.results import have_masks, load_predictions
from detstudy.trainers.contract import Prediction

MEASURE_NAMES: tuple[str, ...] = tuple(f"{kind}/{name}" for kind in KINDS for name in DEFINITIONS)


@dataclass(frozen=True, slots=True)
class Summary:
    """Measures by flat name (`box/AP`, `mask/ARl`, ...), 0 to 100; None where undefined, with the reason."""

    measures: dict[str, float | None]
    per_class: dict[str, dict[str, float | None]]
    undefined: dict[str, str]  # of `measures`


def evaluate(
    ground_truth: GroundTruth,
    predictions: str | os.PathLike[str] | Sequence[Prediction],
    image_ids: Sequence[int] | None = None,
) -> tuple[dict[Kind, Matches], Summary]:
    """Check and match predictions (a result file or its list) and summarize boxes and, where there are any, masks.

    `image_ids` restricts the evaluation to some images. Raises EvaluationError for predictions that do not fit the
    ground truth.
    """
    return evaluate_checked(ground_truth, load_predictions(predictions, ground_truth), image_ids)


def evaluate_checked(
    ground_truth: GroundTruth, checked: Sequence[Prediction], image_ids: Sequence[int] | None = None
) -> tuple[dict[Kind, Matches], Summary]:
    """Match and summarize as `evaluate` does, for predictions that `load_predictions` returned."""
    matches: dict[Kind, Matches] = {"box": match_predictions(ground_truth, checked, "box", image_ids)}
    if ground_truth.object_masks is not None and have_masks(checked):
        matches["mask"] = match_predictions(ground_truth, checked, "mask", image_ids)
    return matches, summarize(matches, ground_truth)


def summarize(matches: Mapping[Kind, Matches], ground_truth: GroundTruth) -> Summary:
    """Return all measures over classes and per class, equal to pycocotools' summarize.

    A measure is the mean over the classes that have objects in its size band. It is None where none has, and for a kind
    that was not matched. With objects but without detections it is 0.
    """
    measures: dict[str, float | None] = {}
    per_class: dict[str, dict[str, float | None]] = {name: {} for name in ground_truth.category_names}
    undefined: dict[str, str] = {}
    for kind in KINDS:
        arrays = accumulate_precision(matches[kind]) if kind in matches else None
        for short, definition in DEFINITIONS.items():
            name = f"{kind}/{short}"
            values = None if arrays is None else _select_values(arrays, definition)
            measures[name] = _average(values)
            if measures[name] is None:
                undefined[name] = _explain(kind, definition, matches, ground_truth)
            for k, class_name in enumerate(ground_truth.category_names):
                per_class[class_name][name] = None if values is None else _average(values[..., k])
    return Summary(measures, per_class, undefined)


def _select_values(arrays: PrecisionRecall, definition: Definition) -> NDArray[np.float64]:
    """Return what the measure averages, classes on the last axis."""
    chosen = slice(None) if definition.threshold is None else slice(definition.threshold, definition.threshold + 1)
    values = arrays.precision if definition.of == "precision" else arrays.recall
    return values[chosen, ..., definition.band, definition.limit]


def _average(values: NDArray[np.float64] | None) -> float | None:
    if values is None:
        return None
    # one mean over all that is defined, in pycocotools' order, so that rounding is the same too
    defined = values[~np.isnan(values)]
    return float(np.mean(defined)) * 100 if len(defined) else None


def _explain(kind: Kind, definition: Definition, matches: Mapping[Kind, Matches], ground_truth: GroundTruth) -> str:
    if kind in matches:
        return "no objects" if definition.band == 0 else f"no {SIZE_BANDS[definition.band]} objects"
    if kind == "box":
        return "boxes were not evaluated"
    return "the ground truth has no masks" if ground_truth.object_masks is None else "the predictions have no masks"
