"""The same validation images with the ground truth and every setting's predictions, from the ledger alone."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detstudy.analysis import Analysis, SettingSummary
from detstudy.analysis.evidence.evidence import read_ground_truth, read_tables
from detstudy.data import DataError
from detstudy.data.images import read_image_size
from detstudy.evaluation import EvaluationError, GroundTruth, load_predictions
from detstudy.evaluation.protocol import CORRECT, IGNORED
from detstudy.ledger import Ledger, RunRecord, list_unlike
from detstudy.ledger.codec import read_record
from detstudy.reporting.panel import Pixels, draw_predictions, draw_truth, encode_jpeg, fit_image
from detstudy.reporting.standing import error_kind, explain_absence

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
    truth = read_ground_truth(ledger, needed=False)
    runs = {key: choose_run(setting) for key, setting in analysis.settings.items()}
    wanted = list(dict.fromkeys(key for section in sections for _, key in section))
    if truth is None or not images or not any(runs[key] for key in wanted):
        return [None for _ in sections]
    threshold, kind = analysis.study.operating_score_threshold, error_kind(analysis)
    classes = dict(zip(truth.category_ids, truth.category_names, strict=True))
    shown_ids = {image.image_id for image in images}
    objects_of = list_objects(truth, shown_ids)
    read = {key: read_detections(run, truth, kind, threshold, shown_ids) for key in wanted if (run := runs[key])}
    detections = {key: found for key, found in read.items() if found is not None}
    rows: list[list[GalleryRow]] = [[] for _ in sections]
    used = 0
    shown = 0
    for image in images:
        pixels = read_pixels(image.path)
        if pixels is None:
            continue
        fitted, enlarged = fit_image(pixels)
        scale = image.scale * enlarged
        objects = objects_of.get(image.image_id, {})
        panels: dict[str, Panel] = {
            key: draw_setting(fitted, scale, rows_of.get(image.image_id, []), objects, classes, image.name)
            for key, rows_of in detections.items()
        }
        first = Panel(
            caption="ground truth",
            counts=None,
            jpeg=encode_jpeg(draw_truth(fitted, scale, [*objects.values()], classes)),
            alt=f"{image.name}: ground truth, {sum(not row['iscrowd'] for row in objects.values())} objects",
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


def list_objects(truth: GroundTruth, image_ids: Collection[int]) -> dict[int, dict[int, dict[str, Any]]]:
    """Return the objects of these images, by image and row of the ground truth, with box and, where there is, mask."""
    found: dict[int, dict[int, dict[str, Any]]] = {}
    for n, (image, category) in enumerate(zip(truth.object_images, truth.object_classes, strict=True)):
        image_id = truth.image_ids[image]
        if image_id in image_ids:
            found.setdefault(image_id, {})[n] = {
                "category_id": truth.category_ids[category],
                "bbox": truth.object_boxes[n].tolist(),
                "iscrowd": int(truth.object_crowds[n]),
                "segmentation": truth.object_masks[n] if truth.object_masks else None,
            }
    return found


def choose_run(setting: SettingSummary) -> RunRecord | None:
    """Return the finished run with the smallest seed: the same seed for all settings, as far as they have it."""
    finished = [run for run in setting.runs if run.outcome == "finished"]
    return min(finished, key=lambda run: run.seed, default=None)


def read_detections(
    run: RunRecord, truth: GroundTruth, kind: str, threshold: float, image_ids: Collection[int]
) -> dict[int, list[dict[str, Any]]] | None:
    """Return a run's predictions at or above the threshold on these images, by image, with what was matched to them.

    That is whether they are `false`, and the `object` found as a row of the ground truth. None where they are missing
    or damaged.
    """
    path = run.evaluation_folder / "predictions.json"
    entries = None if path.name in list_unlike(path.with_name("result.json")) else read_record(path, list)
    tables = read_tables(run, truth)
    if entries is None or not tables:
        return None
    table = tables["mask"] if kind == "mask" and "mask" in tables else tables["box"]
    shown = np.isin(table.image_ids[table.images], [*image_ids]) & (table.scores >= threshold)
    rows = np.flatnonzero(shown)[np.argsort(table.predictions[shown])]
    try:
        checked = load_predictions([entries[n] for n in table.predictions[rows].tolist()], truth)
    except (EvaluationError, IndexError):
        return None
    found: dict[int, list[dict[str, Any]]] = {}
    for row, entry in zip(rows.tolist(), checked, strict=True):
        kind_of = int(table.kinds[row])
        right = int(table.object_rows[table.objects[row]]) if kind_of == CORRECT else None
        drawn = {**entry, "false": kind_of not in (CORRECT, IGNORED), "object": right}
        found.setdefault(entry["image_id"], []).append(drawn)
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
    predictions: Sequence[dict[str, Any]],
    objects: Mapping[int, dict[str, Any]],
    classes: dict[int, str],
    name: str,
) -> Panel:
    """Draw one setting's predictions on one image."""
    found = {row["object"] for row in predictions}
    missed = [row for n, row in objects.items() if not row["iscrowd"] and n not in found]
    counts = (len(predictions), sum(row["false"] for row in predictions), len(missed))
    jpeg = encode_jpeg(draw_predictions(image, scale, predictions, missed, classes))
    alt = f"{name}: {counts[0]} predictions, {counts[1]} false positives, {counts[2]} objects missed"
    return Panel(caption="", counts=counts, jpeg=jpeg, alt=alt)


def caption_panel(panel: Panel | None, caption: str, setting: SettingSummary) -> Panel:
    """Return the panel under a section's own caption, or an empty one that says why there is none."""
    if panel is None:
        reason = explain_absence(setting) or "its predictions are missing or damaged"
        return Panel(caption=caption, counts=None, jpeg=None, alt=reason)
    return Panel(caption=caption, counts=panel.counts, jpeg=panel.jpeg, alt=f"{caption}; {panel.alt}")
