"""Predictions, read from a COCO result file and checked against the ground truth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detstudy.evaluation.documents import EvaluationError, is_finite, is_whole, read_json, shorten
from detstudy.evaluation.ground_truth import GroundTruth, Size
from detstudy.evaluation.masks import MaskError, encode_segmentation, find_broken_mask
from detstudy.trainers.contract import Prediction


def load_predictions(
    source: str | os.PathLike[str] | Sequence[Prediction], ground_truth: GroundTruth
) -> list[Prediction]:
    """Read a COCO result file (or its parsed list) and return its entries, checked; an empty list is no detections.

    Each entry has image_id, category_id, score and bbox [x, y, width, height], segmentation or both; all entries the
    same of the two. Masks come back as compressed RLE, whatever form they had. The entries given are not changed.

    Raises EvaluationError naming file and entry for what is missing, unknown to the ground truth, not finite, negative
    or of another size than its image.
    """
    if isinstance(source, str | os.PathLike):
        name, entries = str(source), read_json(Path(source))
    else:
        name, entries = "predictions", source
    if not isinstance(entries, list | tuple):
        hint = (
            " (ground truth? give the result file, or the list under annotations)" if _has_annotations(entries) else ""
        )
        found = f"is a JSON {type(entries).__name__}{hint}"
        raise EvaluationError(f"{name}: {found}; a COCO result file is a list of detections")
    sizes = dict(zip(ground_truth.image_ids, ground_truth.image_sizes, strict=True))
    categories = frozenset(ground_truth.category_ids)
    checked = [
        _check_entry(entry, f"{name}: entry {n}", sizes, categories, ground_truth) for n, entry in enumerate(entries)
    ]
    for key in ("bbox", "segmentation"):
        with_key = [key in entry for entry in checked]
        if any(with_key) and not all(with_key):
            raise EvaluationError(
                f"{name}: entry {with_key.index(False)} has no {key}, entry {with_key.index(True)} has one;"
                " give it for all or for none"
            )
    broken = find_broken_mask([entry["segmentation"] for entry in checked if "segmentation" in entry])
    if broken is not None:
        raise EvaluationError(f"{name}: entry {broken}: the mask's counts do not decode to its size; encode it again")
    return checked


def have_masks(predictions: Sequence[Prediction]) -> bool:
    """Whether mask measures can be had: no prediction lacks a mask."""
    return all("segmentation" in entry for entry in predictions)


def _has_annotations(document: object) -> bool:
    return isinstance(document, dict) and "annotations" in document


def _check_entry(
    entry: Any, where: str, sizes: dict[int, Size | None], categories: frozenset[int], ground_truth: GroundTruth
) -> Prediction:
    if not isinstance(entry, dict):
        raise EvaluationError(f"{where}: is {shorten(entry)}; an object with image_id, category_id, score is needed")
    for key in ("image_id", "category_id", "score"):
        if key not in entry:
            raise EvaluationError(f"{where}: has no {key}; a COCO detection needs it")
    image_id, category_id, score = entry["image_id"], entry["category_id"], entry["score"]
    for key, value in (("image_id", image_id), ("category_id", category_id)):
        if not is_whole(value):
            raise EvaluationError(
                f"{where}: {key} {shorten(value)} is no whole number; write it as the ground truth does"
            )
    if image_id not in sizes:
        listed = f"the {len(sizes)} image ids of {ground_truth.source}"
        raise EvaluationError(f"{where}: image_id {shorten(image_id)} is not among {listed}")
    if category_id not in categories:
        pairs = zip(ground_truth.category_ids, ground_truth.category_names, strict=True)
        listed = shorten(", ".join(f"{id_} {name}" for id_, name in pairs))
        raise EvaluationError(f"{where}: category_id {shorten(category_id)} is not among the classes {listed}")
    if not is_finite(score):
        raise EvaluationError(f"{where}: score is {shorten(score)}; a finite number is needed")
    box, segmentation = entry.get("bbox"), entry.get("segmentation")
    if not box and not segmentation:
        raise EvaluationError(f"{where}: has neither bbox nor segmentation; give at least one")
    checked = entry
    if not box or not segmentation:  # an empty list or null is none
        checked = {key: value for key, value in entry.items() if key not in ("bbox", "segmentation") or value}
    if box and (not isinstance(box, list | tuple) or len(box) != 4 or not all(map(is_finite, box)) or min(box[2:]) < 0):
        raise EvaluationError(
            f"{where}: bbox is {shorten(box)}; [x, y, width, height] in pixels, neither side negative, is needed"
        )
    if segmentation:
        try:
            mask = encode_segmentation(segmentation, sizes[image_id])
        except MaskError as error:
            raise EvaluationError(f"{where}: {error}") from None
        if mask is not segmentation:
            checked = {**checked, "segmentation": mask}
    return checked
