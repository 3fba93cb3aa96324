"""Matches and errors in a file: numpy's `.npz`, without pickle."""

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
from detstudy.evaluation.errors import Errors
from detstudy.evaluation.matching import Matches
from detstudy.evaluation.protocol import KINDS, Kind

_VERSION = 2
_AGAIN = "match the run's predictions again"


def save_matches(path: str | os.PathLike[str], matches: Mapping[Kind, Matches], errors: Mapping[Kind, Errors]) -> None:
    """Write matches and what errors they hold under exactly this name; equal ones give equal bytes."""
    arrays: dict[str, Any] = {"version": np.array(_VERSION)}
    for prefix, tables in (("", matches), ("errors/", errors)):
        for kind, table in tables.items():
            for field in dataclasses.fields(table):
                arrays[f"{prefix}{kind}/{field.name}"] = np.asarray(getattr(table, field.name))
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_matches(path: str | os.PathLike[str]) -> tuple[dict[Kind, Matches], dict[Kind, Errors]]:
    """Read what `save_matches` wrote.

    Raises EvaluationError for a file that is missing, damaged, of an older version or of another kind.
    """
    try:
        # read first: numpy leaves the file open when it turns out to be no archive
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; {_AGAIN}") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, TypeError, NotImplementedError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); {_AGAIN}") from None
    if "version" not in arrays or arrays["version"].tolist() != _VERSION:
        raise EvaluationError(f"{path}: not matches of version {_VERSION}; {_AGAIN}")
    matches: dict[Kind, Matches] = {}
    errors: dict[Kind, Errors] = {}
    for kind in KINDS:
        if f"{kind}/scores" in arrays:
            fields = _read_fields(Matches, arrays, f"{kind}/", path)
            fields["category_names"] = tuple(str(name) for name in fields["category_names"])
            matches[kind] = Matches(**fields)
            errors[kind] = Errors(**_read_fields(Errors, arrays, f"errors/{kind}/", path))
    return matches, errors


def _read_fields(
    table: type[Matches | Errors], arrays: Mapping[str, Any], prefix: str, path: str | os.PathLike[str]
) -> dict[str, Any]:
    fields = {field.name: arrays.get(prefix + field.name) for field in dataclasses.fields(table)}
    missing = [name for name, value in fields.items() if value is None]
    if missing:
        raise EvaluationError(f"{path}: lacks {prefix}{missing[0]}; {_AGAIN}")
    return fields
