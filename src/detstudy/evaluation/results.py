"""Predictions, read from a COCO result file and checked against the ground truth."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detstudy.data.faults import Place, shorten
from detstudy.data.formats.entries import WHOLE, JsonError, read_lists
from detstudy.data.formats.numbers import is_number, read_integer
from detstudy.data.formats.segmentation import encode_shape, parse_segmentation
from detstudy.data.masks import measure_areas
from detstudy.evaluation.ground_truth import EvaluationError, GroundTruth, Size, refuse_fault
from detstudy.trainers.contract import Prediction


def load_predictions(
    source: str | os.PathLike[str] | Sequence[Prediction], ground_truth: GroundTruth
) -> list[Prediction]:
    """Read a COCO result file (or its parsed list) and return its entries, checked; an empty list is no detections.

    Each entry has image_id, category_id, score and bbox [x, y, width, height], segmentation or both; all entries the
    same of the two. Masks come back as Rle, whatever form they had. The entries given are not changed.

    Raises EvaluationError naming file and entry for what is missing, unknown to the ground truth, not finite, negative
    or of another size than its image.
    """
    name = "predictions"
    entries: Any = source
    if isinstance(source, str | os.PathLike):
        name, entries = str(source), _read_entries(Path(source))
    if not isinstance(entries, list | tuple):
        _refuse_kind(name, type(entries).__name__, has_annotations="annotations" in entries)
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
    _, faults = measure_areas([entry["segmentation"] for entry in checked if "segmentation" in entry])
    broken = next((n for n, fault in enumerate(faults) if fault is not None), None)
    if broken is not None:
        raise EvaluationError(f"{name}: entry {broken}: the RLE {faults[broken]}; write it again")
    return checked


def have_masks(predictions: Sequence[Prediction]) -> bool:
    """Whether mask measures can be had: no prediction lacks a mask."""
    return all("segmentation" in entry for entry in predictions)


def _read_entries(path: Path) -> list[Any]:
    entries: list[Any] = []

    def take(found: Iterator[Any]) -> None:
        entries.extend(found)

    try:
        types = read_lists(path, {WHOLE: take})
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; give the path of a COCO result file") from None
    except JsonError as error:
        hint = "; [] is a result file without detections" if path.stat().st_size == 0 else ""
        raise EvaluationError(f"{path}: {error}{hint}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); give a COCO JSON file, plain or gzipped") from None
    if types != "list":
        kind = types if isinstance(types, str) else "dict"
        _refuse_kind(str(path), kind, has_annotations="annotations" in types)
    return entries


def _refuse_kind(name: str, kind: str, *, has_annotations: bool) -> None:
    hint = " (ground truth? give the result file, or the list under annotations)" if has_annotations else ""
    raise EvaluationError(f"{name}: is a JSON {kind}{hint}; a COCO result file is a list of detections")


def _check_entry(
    entry: Any, where: str, sizes: dict[int, Size | None], categories: frozenset[int], ground_truth: GroundTruth
) -> Prediction:
    if not isinstance(entry, dict):
        raise EvaluationError(f"{where}: is {shorten(entry)}; an object with image_id, category_id, score is needed")
    for key in ("image_id", "category_id", "score"):
        if key not in entry:
            raise EvaluationError(f"{where}: has no {key}; a COCO detection needs it")
    image_id, category_id, score = read_integer(entry["image_id"]), read_integer(entry["category_id"]), entry["score"]
    for key, value in (("image_id", image_id), ("category_id", category_id)):
        if value is None:
            raise EvaluationError(
                f"{where}: {key} {shorten(entry[key])} is no whole number; write it as the ground truth does"
            )
    if image_id not in sizes:
        listed = f"the {len(sizes)} image ids of {ground_truth.source}"
        raise EvaluationError(f"{where}: image_id {shorten(image_id)} is not among {listed}")
    if category_id not in categories:
        pairs = zip(ground_truth.category_ids, ground_truth.category_names, strict=True)
        listed = shorten(", ".join(f"{id_} {name}" for id_, name in pairs))
        raise EvaluationError(f"{where}: category_id {shorten(category_id)} is not among the classes {listed}")
    if not is_number(score):
        raise EvaluationError(f"{where}: score is {shorten(score)}; a finite number is needed")
    box, segmentation = entry.get("bbox"), entry.get("segmentation")
    if not box and not segmentation:  # an empty list or null is none
        raise EvaluationError(f"{where}: has neither bbox nor segmentation; give at least one")
    checked = {"image_id": image_id, "category_id": category_id, "score": score}
    if box:
        if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(is_number, box)) or min(box[2:]) < 0:
            raise EvaluationError(
                f"{where}: bbox is {shorten(box)}; [x, y, width, height] in pixels, neither side negative, is needed"
            )
        checked["bbox"] = box
    if segmentation:
        size = sizes[image_id]
        shape = parse_segmentation(segmentation, size, Place(where, refuse_fault))
        assert shape is not None  # else the fault was raised
        checked["segmentation"] = encode_shape(shape, size)
    return checked
