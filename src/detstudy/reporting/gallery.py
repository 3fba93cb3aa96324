"""The same validation images with the ground truth and every setting's predictions, from the ledger alone."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detstudy.analysis import Analysis, SettingSummary
from detstudy.data import DataError
from detstudy.data.images import read_image_size
from detstudy.evaluation import EvaluationError, GroundTruth, load_ground_truth, load_predictions
from detstudy.ledger import Ledger, RunRecord, list_unlike
from detstudy.ledger.files import read_json
from detstudy.reporting.matching import match_image
from detstudy.reporting.panel import Pixels, draw_predictions, draw_truth, encode_jpeg, fit_image
from detstudy.reporting.standing import error_kind, explain_absence
from detstudy.trainers.contract import Prediction

MOST_PIXELS = 1 << 24  # of a kept image
MOST_BYTES = 7_000_000  # of JPEG in one page, which is a third more as text


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture. `counts` are predictions at the threshold, false positives, missed objects; None: ground truth."""

    caption: str
    counts: tuple[int, int, int] | None
    jpeg: bytes | None  # None where the setting has no result; the caption says why
    alt: str

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg or b'').decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryRow:
    """One validation image: the ground truth first, then the settings in order."""

    name: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A section's pictures; `left_out` images did not fit into the page."""

    rows: tuple[GalleryRow, ...]
    classes: tuple[str, ...]
    threshold: float
    left_out: int


def gather_galleries(
    ledger: Ledger, analysis: Analysis, sections: Sequence[Sequence[tuple[str, str]]]
) -> list[Gallery | None]:
    """Draw the gallery of each section, given as (caption, setting id) in order; None where there is nothing to show.

    A panel is drawn once and shared by the sections. Images that would make the page too large are left out of all.
    """
    images = ledger.read_gallery()
    truth = read_truth(ledger, [image.image_id for image in images])
    runs = {key: choose_run(setting) for key, setting in analysis.settings.items()}
    wanted = list(dict.fromkeys(key for section in sections for _, key in section))
    if truth is None or not images or not any(runs[key] for key in wanted):
        return [None for _ in sections]
    threshold, kind = analysis.study.operating_score_threshold, error_kind(analysis)
    classes = dict(zip(truth.category_ids, truth.category_names, strict=True))
    truth_of = list_objects(truth)
    read = {key: read_predictions(run, truth, threshold) for key in wanted if (run := runs[key])}
    predictions = {key: found for key, found in read.items() if found is not None}
    rows: list[list[GalleryRow]] = [[] for _ in sections]
    used = 0
    shown = 0
    for image in images:
        pixels = read_pixels(image.path)
        if pixels is None:
            continue
        fitted, enlarged = fit_image(pixels)
        scale = image.scale * enlarged
        objects = truth_of.get(image.image_id, [])
        panels: dict[str, Panel] = {
            key: draw_setting(fitted, scale, rows_of.get(image.image_id, []), objects, classes, kind, image.name)
            for key, rows_of in predictions.items()
        }
        first = Panel(
            caption="ground truth",
            counts=None,
            jpeg=encode_jpeg(draw_truth(fitted, scale, objects, classes)),
            alt=f"{image.name}: ground truth, {sum(not row.get('iscrowd') for row in objects)} objects",
        )
        size = sum(
            len(first.jpeg or b"") + sum(len(panels[key].jpeg or b"") for _, key in section if key in panels)
            for section in sections
        )
        if shown and used + size > MOST_BYTES:
            break
        used += size
        shown += 1
        for number, section in enumerate(sections):
            row = [caption_panel(panels.get(key), caption, analysis.settings[key]) for caption, key in section]
            rows[number].append(GalleryRow(name=image.name, panels=(first, *row)))
    names = tuple(classes.values())
    return [
        Gallery(rows=tuple(found), classes=names, threshold=threshold, left_out=len(images) - shown) if found else None
        for found in rows
    ]


def read_truth(ledger: Ledger, ids: Collection[int]) -> GroundTruth | None:
    """Return the ground truth of these validation images; None where the folder has none."""
    document = read_json(ledger.ground_truth_path("validation"))
    if not isinstance(document, dict):
        return None
    images = [image for image in document["images"] if image["id"] in ids]
    objects = [row for row in document["annotations"] if row["image_id"] in ids]
    return load_ground_truth({**document, "images": images, "annotations": objects})


def list_objects(truth: GroundTruth) -> dict[int, list[dict[str, Any]]]:
    """Return the objects by image, as COCO annotations with their boxes and, where all have them, masks."""
    found: dict[int, list[dict[str, Any]]] = {}
    for n, (image, category) in enumerate(zip(truth.object_images, truth.object_classes, strict=True)):
        row = {
            "category_id": truth.category_ids[category],
            "bbox": truth.object_boxes[n].tolist(),
            "iscrowd": int(truth.object_crowds[n]),
        }
        if truth.object_masks is not None:
            row["segmentation"] = truth.object_masks[n]
        found.setdefault(truth.image_ids[image], []).append(row)
    return found


def choose_run(setting: SettingSummary) -> RunRecord | None:
    """Return the finished run with the smallest seed: the same seed for all settings, as far as they have it."""
    finished = [run for run in setting.runs if run.outcome == "finished"]
    return min(finished, key=lambda run: run.seed, default=None)


def read_predictions(run: RunRecord, truth: GroundTruth, threshold: float) -> dict[int, list[Prediction]] | None:
    """Return a run's predictions at or above the threshold on the images of the ground truth, by image.

    None where they are missing or damaged.
    """
    path = run.evaluation_folder / "predictions.json"
    rows = None if path.name in list_unlike(path.with_name("result.json")) else read_json(path)
    if not isinstance(rows, list):
        return None
    shown = [row for row in rows if isinstance(row, dict) and row.get("image_id") in truth.image_ids]
    try:
        checked = load_predictions(shown, truth)
    except EvaluationError:
        return None
    found: dict[int, list[Prediction]] = {}
    for row in checked:
        if row["score"] >= threshold:
            found.setdefault(row["image_id"], []).append(row)
    return found


def read_pixels(path: Path) -> Pixels | None:
    """Return a kept image as RGB [h, w, 3], or None where it is missing, damaged or larger than any that is kept."""
    import cv2

    try:
        height, width = read_image_size(path)
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except (DataError, FileNotFoundError):
        return None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if height * width <= MOST_PIXELS else None
    if image is None:
        return None
    pixels: Pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return pixels


def draw_setting(
    image: Pixels,
    scale: float,
    predictions: list[dict[str, Any]],
    truth: list[dict[str, Any]],
    classes: dict[int, str],
    kind: str,
    name: str,
) -> Panel:
    """Draw one setting's predictions on one image."""
    masks = all(isinstance(row.get("segmentation"), dict) for row in (*predictions, *truth))
    match = match_image(predictions, truth, kind if masks else "box")
    counts = (len(predictions), sum(hit is False for hit in match.hits), len(match.missed))
    jpeg = encode_jpeg(draw_predictions(image, scale, predictions, truth, match, classes))
    alt = f"{name}: {counts[0]} predictions, {counts[1]} false positives, {counts[2]} objects missed"
    return Panel(caption="", counts=counts, jpeg=jpeg, alt=alt)


def caption_panel(panel: Panel | None, caption: str, setting: SettingSummary) -> Panel:
    """Return the panel under a section's own caption, or an empty one that says why there is none."""
    if panel is None:
        reason = explain_absence(setting) or "its predictions are missing or damaged"
        return Panel(caption=caption, counts=None, jpeg=None, alt=reason)
    return Panel(caption=caption, counts=panel.counts, jpeg=panel.jpeg, alt=f"{caption}; {panel.alt}")
