"""Reading JSON documents that people bring, with errors that say where and what to do."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from detstudy.errors import InputError

MOST_UNPACKED = 100
"""To how many times its size a packed file may unpack, beside some MiB; one made to fill memory reaches 1000."""

_LARGEST_ID = 2**63 - 1
_LARGEST_FLOAT = 1e150  # its square, an area, is a float too
_NUMBERS: tuple[type[Any], ...] = (float, int, np.floating, np.integer)


class EvaluationError(InputError):
    """Ground truth, predictions or stored matches that cannot be evaluated; the message names place and remedy."""


def read_json(path: Path) -> Any:
    """Return the parsed document of a `.json` or `.json.gz` file (told apart by content, not by name).

    Raises EvaluationError for a file that is missing, unreadable, cut off or not JSON in UTF-8.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _unpack(data)
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; give the path of a COCO JSON file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); give a COCO JSON file, plain or gzipped") from None
    if not data.strip():
        raise EvaluationError(f"{path}: is empty; COCO JSON is needed, [] for a result file without detections")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise EvaluationError(f"{path}: not JSON at {place} ({error.msg}); is the file cut off?") from None
    except (RecursionError, ValueError) as error:  # nested without end; a number of thousands of digits
        raise EvaluationError(f"{path}: is no COCO JSON ({error})") from None


def limit_unpacked(packed: int) -> int:
    """Return how many bytes a file of so many packed ones may unpack to; real ones stay far below."""
    return MOST_UNPACKED * packed + (1 << 26)


def _unpack(data: bytes) -> bytes:
    limit = limit_unpacked(len(data))
    with gzip.open(io.BytesIO(data)) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"it unpacks to more than {limit >> 20} MiB")
    return content


def read_id(entry: dict[str, Any], key: str, where: str) -> int:
    """Return a whole number that identifies something; raises EvaluationError where it is missing or anything else."""
    if key not in entry:
        raise EvaluationError(f"{where}: has no {key}; COCO JSON needs it")
    value = entry[key]
    if not is_whole(value) or abs(value) > _LARGEST_ID:
        raise EvaluationError(f"{where}: {key} is {shorten(value)}; a whole number is needed")
    return int(value)


def is_whole(value: object) -> bool:
    """Whether the value is a whole number, Python's or numpy's; true and false are none."""
    return type(value) is int or isinstance(value, np.integer)


def is_finite(value: object) -> bool:
    """Whether the value is a number, Python's or numpy's, neither infinite nor NaN, with a square that fits a float."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and -_LARGEST_FLOAT < value < _LARGEST_FLOAT


def shorten(value: object) -> str:
    """Return the value as a message can show it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
