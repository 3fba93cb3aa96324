"""A gallery as one picture, for the Markdown report: images down, ground truth and settings across."""

from __future__ import annotations

from typing import Any

import numpy as np

from detstudy.reporting.gallery import Gallery, Panel
from detstudy.reporting.panel import Pixels, spell_ascii

PANEL_WIDTH = 420  # pixels
CAPTION_HEIGHT = 22
GAP = 6
MOST_ROWS = 3


def draw_sheet(gallery: Gallery) -> Pixels:
    """Return a contact sheet [h, w, 3], BGR, of the gallery's first images, with a caption above each panel."""
    rows = []
    for row in gallery.rows[:MOST_ROWS]:
        pictures = [shrink_panel(panel) for panel in row.panels]
        height = max(picture.shape[0] for picture in pictures)
        rows.append(
            np.hstack([caption_picture(p, panel, height) for p, panel in zip(pictures, row.panels, strict=True)])
        )
    return np.vstack(rows)


def shrink_panel(panel: Panel) -> Pixels:
    """Return a panel's picture at the sheet's width; a row of white where it has none."""
    import cv2

    if panel.jpeg is None:
        return np.full((1, PANEL_WIDTH, 3), 255, dtype=np.uint8)
    image: Any = cv2.imdecode(np.frombuffer(panel.jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    size = (PANEL_WIDTH, max(1, round(image.shape[0] * PANEL_WIDTH / image.shape[1])))
    smaller: Pixels = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller


def caption_picture(picture: Pixels, panel: Panel, height: int) -> Pixels:
    """Return the picture on white, its caption above; a panel without a picture says why."""
    import cv2

    canvas = np.full((CAPTION_HEIGHT + height + GAP, PANEL_WIDTH + GAP, 3), 255, dtype=np.uint8)
    canvas[CAPTION_HEIGHT : CAPTION_HEIGHT + picture.shape[0], :PANEL_WIDTH] = picture
    text = panel.caption if panel.jpeg else f"{panel.caption}: {panel.alt}"
    text = spell_ascii(text)[:60]
    cv2.putText(canvas, text, (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return canvas
