"""Matches in a file: numpy's `.npz`, without pickle."""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detstudy.data.formats.entries import limit_unpacked
from detstudy.evaluation.ground_truth import EvaluationError
from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import IGNORED, KINDS, SIZE_BANDS, Kind

_VERSION = 3
_AGAIN = "match the run's predictions again"

# What `save_matches` writes: the type of each array and what its axes count.
_FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "image_ids": ("int64", ("images",)),
    "category_ids": ("int64", ("classes",)),
    "category_names": ("str", ("classes",)),
    "class_starts": ("int64", ("starts",)),
    "scores": ("float64", ("detections",)),
    "images": ("int32", ("detections",)),
    "ranks": ("uint8", ("detections",)),
    "predictions": ("int64", ("detections",)),
    "matched": ("uint16", ("bands", "detections")),
    "ignored": ("uint16", ("bands", "detections")),
    "kinds": ("uint8", ("detections",)),
    "objects": ("int32", ("detections",)),
    "object_starts": ("int64", ("starts",)),
    "object_images": ("int32", ("objects",)),
    "object_rows": ("int64", ("objects",)),
    "object_bands": ("uint8", ("objects",)),
}


def save_matches(path: str | os.PathLike[str], matches: Mapping[Kind, Matches]) -> None:
    """Write matches under exactly this name; equal ones give equal bytes."""
    arrays: dict[str, Any] = {"version": np.array(_VERSION)}
    for kind, table in matches.items():
        for field in dataclasses.fields(table):
            arrays[f"{kind}/{field.name}"] = np.asarray(getattr(table, field.name))
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_matches(path: str | os.PathLike[str]) -> dict[Kind, Matches]:
    """Read what `save_matches` wrote.

    Raises EvaluationError for a file that is missing, damaged, of an older version or of another kind.
    """
    try:
        # read first: numpy leaves the file open when it turns out to be no archive
        packed = Path(path).read_bytes()
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > limit_unpacked(len(packed)):
            raise EvaluationError(f"it unpacks to {unpacked:,} bytes")
        with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}  # what is no array comes as bytes
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; {_AGAIN}") from None
    except Exception as error:  # a damaged file fails in many ways, and all of them mean the same
        raise EvaluationError(f"{path}: cannot be read ({error}); {_AGAIN}") from None
    if "version" not in arrays or arrays["version"].tolist() != _VERSION:
        raise EvaluationError(f"{path}: not matches of version {_VERSION}; {_AGAIN}")
    matches: dict[Kind, Matches] = {}
    for kind in KINDS:
        if f"{kind}/scores" in arrays:
            fields: dict[str, Any] = {name: arrays.get(f"{kind}/{name}") for name in _FORMS}
            missing = [name for name, value in fields.items() if value is None]
            if missing:
                raise EvaluationError(f"{path}: lacks {kind}/{missing[0]}; {_AGAIN}")
            wrong = _find_misfit(fields)
            if wrong is not None:
                raise EvaluationError(f"{path}: {kind}/{wrong} does not fit the other arrays; {_AGAIN}")
            fields["category_names"] = tuple(str(name) for name in fields["category_names"])
            matches[kind] = Matches(**fields)
    return matches


def _find_misfit(arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the name of an array of another form, or that points past another: compiled code trusts them all."""
    counts = {"images": arrays["image_ids"].size, "classes": arrays["category_ids"].size, "bands": len(SIZE_BANDS)}
    counts |= {"detections": arrays["scores"].size, "objects": arrays["object_images"].size}
    counts["starts"] = counts["classes"] + 1
    for name, (form, axes) in _FORMS.items():
        array = arrays[name]
        typed = array.dtype.kind == "U" if form == "str" else array.dtype == form
        if not typed or array.shape != tuple(counts[axis] for axis in axes):
            return name
    for name, least, end in (
        ("images", 0, counts["images"]),
        ("object_images", 0, counts["images"]),
        ("objects", -1, counts["objects"]),
        ("kinds", 0, IGNORED + 1),
        ("predictions", 0, np.inf),
        ("object_rows", 0, np.inf),
    ):
        if ((arrays[name] < least) | (arrays[name] >= end)).any():
            return name
    for name, end in (("class_starts", counts["detections"]), ("object_starts", counts["objects"])):
        starts = arrays[name]
        if starts[0] != 0 or starts[-1] != end or (np.diff(starts) < 0).any():
            return name
    return None
