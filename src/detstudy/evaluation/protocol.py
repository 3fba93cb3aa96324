"""COCO's evaluation protocol in numbers, exactly as pycocotools' COCOeval has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["box", "mask"]

KINDS: tuple[Kind, ...] = ("box", "mask")
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
DETECTION_LIMITS = np.array([1, 10, 100], dtype=np.int64)  # per image and class
SIZE_BANDS = ("all", "small", "medium", "large")
AREA_RANGES = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]], dtype=np.float64)  # pixels, both ends in
EVERY_THRESHOLD = (1 << len(IOU_THRESHOLDS)) - 1  # a bit for each IoU threshold


@dataclass(frozen=True, slots=True)
class Definition:
    """What a measure averages over classes: interpolated precision or final recall, at one or all IoU thresholds."""

    of: Literal["precision", "recall"]
    threshold: int | None = None  # index into IOU_THRESHOLDS; None averages over all
    band: int = 0  # index into SIZE_BANDS
    limit: int = 2  # index into DETECTION_LIMITS


DEFINITIONS: dict[str, Definition] = {
    "AP": Definition("precision"),
    "AP50": Definition("precision", threshold=0),
    "AP75": Definition("precision", threshold=5),
    "APs": Definition("precision", band=1),
    "APm": Definition("precision", band=2),
    "APl": Definition("precision", band=3),
    "AR1": Definition("recall", limit=0),
    "AR10": Definition("recall", limit=1),
    "AR100": Definition("recall"),
    "ARs": Definition("recall", band=1),
    "ARm": Definition("recall", band=2),
    "ARl": Definition("recall", band=3),
}

ERROR_KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(6)
CORRECT, IGNORED = 6, 7
"""Codes of `Matches.kinds` beside those of the false positives; no detection is MISSED, which objects are."""

FOREGROUND_IOU = 0.5
BACKGROUND_IOU = 0.1
