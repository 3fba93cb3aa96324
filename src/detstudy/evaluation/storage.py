"""Matches in a file: numpy's `.npz`, without pickle."""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detstudy.evaluation.documents import EvaluationError
from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import KINDS, Kind

_VERSION = 1


def save_matches(path: str | os.PathLike[str], matches: Mapping[Kind, Matches]) -> None:
    """Write the matches of one or both kinds under exactly this name; equal matches give equal bytes."""
    arrays: dict[str, Any] = {"version": np.array(_VERSION)}
    for kind, table in matches.items():
        for field in dataclasses.fields(Matches):
            arrays[f"{kind}/{field.name}"] = np.asarray(getattr(table, field.name))
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_matches(path: str | os.PathLike[str]) -> dict[Kind, Matches]:
    """Read what `save_matches` wrote. Raises EvaluationError for a file that is missing, damaged or of another kind."""
    try:
        # read first: numpy leaves the file open when it turns out to be no archive
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; evaluate the run's predictions again") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, TypeError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); evaluate the run's predictions again") from None
    if "version" not in arrays or arrays["version"].tolist() != _VERSION:
        raise EvaluationError(f"{path}: not matches of version {_VERSION}; evaluate the run's predictions again")
    matches: dict[Kind, Matches] = {}
    for kind in KINDS:
        if f"{kind}/scores" not in arrays:
            continue
        fields: dict[str, Any] = {
            field.name: arrays.get(f"{kind}/{field.name}") for field in dataclasses.fields(Matches)
        }
        missing = [name for name, value in fields.items() if value is None]
        if missing:
            raise EvaluationError(f"{path}: lacks {kind}/{missing[0]}; evaluate the run's predictions again")
        fields["category_names"] = tuple(str(name) for name in fields["category_names"])
        matches[kind] = Matches(**fields)
    return matches
