"""Pictures of one image with its objects: masks translucent, boxes, class and score; errors marked. Drawn with cv2."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data import decode_mask

PANEL_WIDTH, PANEL_HEIGHT = 640, 420  # pixels that a panel fits into; small images are enlarged
MOST_ENLARGED = 4.0
MOST_LABELS = 30  # objects in a picture; with more of them labels hide what they name
# RGB. Red and yellow are kept for errors.
CLASS_COLOURS = ((37, 120, 245), (255, 122, 24), (34, 178, 90), (168, 85, 247), (6, 182, 212), (236, 72, 153))
FALSE_COLOUR = (225, 29, 29)
MISSED_COLOUR = (255, 221, 0)
IGNORE_COLOUR = (148, 163, 184)
Pixels = NDArray[np.uint8]


def fit_image(image: Pixels) -> tuple[Pixels, float]:
    """Return the image [h, w, 3] at a panel's size, and panel pixels a pixel of it."""
    import cv2

    height, width = image.shape[:2]
    scale = min(PANEL_WIDTH / width, PANEL_HEIGHT / height, MOST_ENLARGED)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted: Pixels = np.ascontiguousarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)
    return fitted, scale


def draw_truth(image: Pixels, scale: float, truth: Sequence[dict[str, Any]], classes: dict[int, str]) -> Pixels:
    """Return the panel with every object, and regions to ignore in grey. `scale`: panel pixels an annotated pixel."""
    order = list(classes)
    panel = image.copy()
    for row in truth:
        fill_mask(panel, row, IGNORE_COLOUR if row.get("iscrowd") else colour_class(order, row["category_id"]))
    for row in truth:
        if not row.get("iscrowd"):
            colour = colour_class(order, row["category_id"])
            label = classes.get(row["category_id"], "?") if len(truth) <= MOST_LABELS and len(classes) > 1 else ""
            draw_box(panel, row["bbox"], scale, colour, label)
    return panel


def draw_predictions(
    image: Pixels,
    scale: float,
    predictions: Sequence[dict[str, Any]],
    missed: Sequence[dict[str, Any]],
    classes: dict[int, str],
) -> Pixels:
    """Return the panel with predictions, those that are `false` outlined in red; `missed` objects dashed in yellow."""
    order = list(classes)
    panel = image.copy()
    for row in predictions:
        fill_mask(panel, row, colour_class(order, row["category_id"]))
    for row in missed:
        draw_dashed(panel, row["bbox"], scale)
    for row in sorted(predictions, key=lambda row: row["score"]):
        colour = FALSE_COLOUR if row["false"] else colour_class(order, row["category_id"])
        name = f"{classes.get(row['category_id'], '?')} " if len(classes) > 1 else ""
        label = f"{name}{row['score']:.2f}".replace("0.", ".") if len(predictions) <= MOST_LABELS else ""
        draw_box(panel, row["bbox"], scale, colour, label, thickness=2 if row["false"] else 1)
    return panel


def colour_class(order: list[int], category: int) -> tuple[int, int, int]:
    """Return a class's colour by its place among the classes."""
    return CLASS_COLOURS[order.index(category) % len(CLASS_COLOURS) if category in order else 0]


def fill_mask(panel: Pixels, row: dict[str, Any], colour: tuple[int, int, int]) -> None:
    """Lay a row's run-length mask, where it has one, over the panel, with its outline."""
    import cv2

    shape = row.get("segmentation")
    if shape is None:
        return
    small = decode_mask(shape)
    large = cv2.resize(small, (panel.shape[1], panel.shape[0]), interpolation=cv2.INTER_LINEAR)
    # Enlarging a mask by its float values would round its edge; the nearest half is close enough for a picture.
    inside = large > 0
    panel[inside] = (0.58 * panel[inside] + 0.42 * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(panel, outlines, -1, colour, 1, cv2.LINE_AA)


def draw_box(
    panel: Pixels, box: Sequence[float], scale: float, colour: tuple[int, int, int], label: str, thickness: int = 1
) -> None:
    """Draw a box [x, y, w, h] of annotated pixels, with its label above it, or inside at the panel's top."""
    import cv2

    x, y, right, bottom = place_box(panel, box, scale)
    cv2.rectangle(panel, (x, y), (right, bottom), colour, thickness, cv2.LINE_AA)
    if not label:
        return
    text = spell_ascii(label)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    x = max(0, min(x, panel.shape[1] - width - 3))
    top = y - height - 4 if y - height - 4 >= 0 else y + 1
    cv2.rectangle(panel, (x, top), (x + width + 2, top + height + 4), colour, -1)
    cv2.putText(panel, text, (x + 1, top + height + 1), font, size, (255, 255, 255), 1, cv2.LINE_AA)


def spell_ascii(text: str) -> str:
    """Return a text in the letters that OpenCV can draw: without accents, other scripts by their letters' numbers."""
    plain = unicodedata.normalize("NFKD", text.replace("×", "x").replace("−", "-"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return plain.encode("ascii", "backslashreplace").decode()


def place_box(panel: Pixels, box: Sequence[float], scale: float) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom of a box [x, y, w, h] on the panel, cut off a pixel beyond its edges."""
    height, width = panel.shape[:2]
    x, y, w, h = box
    left, right = (round(min(max(value * scale, -1), width)) for value in (x, x + w))
    top, bottom = (round(min(max(value * scale, -1), height)) for value in (y, y + h))
    return left, top, right, bottom


def draw_dashed(panel: Pixels, box: Sequence[float], scale: float) -> None:
    """Draw a dashed box: an object that nothing hit."""
    import cv2

    x, y, right, bottom = place_box(panel, box, scale)
    corners = [(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        length = max(abs(x1 - x0), abs(y1 - y0))
        for start in range(0, length, 9):
            end = min(start + 5, length)
            a = (x0 + (x1 - x0) * start // length, y0 + (y1 - y0) * start // length)
            b = (x0 + (x1 - x0) * end // length, y0 + (y1 - y0) * end // length)
            cv2.line(panel, a, b, (0, 0, 0), 4)
            cv2.line(panel, a, b, MISSED_COLOUR, 2)


def encode_jpeg(panel: Pixels) -> bytes:
    """Return the panel as JPEG."""
    import cv2

    encoded = cv2.imencode(".jpg", cv2.cvtColor(panel, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    content: bytes = encoded.tobytes()
    return content
