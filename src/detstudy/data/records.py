"""The one in-memory form that every reader gives: images with boxes, classes, RLE masks, crowds and sequences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detstudy.errors import InputError
from detstudy.study.setting import SplitName


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask in COCO's compressed run-length encoding: the one form behind every reader."""

    height: int
    width: int
    counts: bytes

    def to_coco(self) -> dict[str, object]:
        """Return the mask as pycocotools' functions take it."""
        return {"size": [self.height, self.width], "counts": self.counts}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object, or one region to ignore (`crowd`): neither learned nor counted as a false positive."""

    id: int  # unique in its split
    class_index: int  # into Dataset.classes; -1 where a crowd belongs to every class
    box: tuple[float, float, float, float]  # x, y, width, height in pixels
    area: float  # pixels of the mask
    mask: Rle | None  # None in ground truth of boxes alone; what is trained on has masks
    crowd: bool


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image with its annotations; images of one sequence are alike and stay together."""

    id: int  # unique in its split
    path: Path
    name: str  # as the data set names it, relative and with forward slashes
    width: int  # pixels; 0 by 0 where ground truth of boxes does not say it
    height: int
    sequence: str | None
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Splits of images over one list of classes. `category_ids` are the classes' ids in COCO files."""

    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    splits: dict[SplitName, tuple[ImageRecord, ...]]


class DataError(InputError):
    """A fault in a data set, with its place and remedy in the message."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding of a check. A fatal one stops a study before anything starts."""

    kind: str  # snake_case: missing_image, unknown_class, ...
    where: str  # file, line, image or annotation
    message: str  # what is wrong and what to do
    fatal: bool
