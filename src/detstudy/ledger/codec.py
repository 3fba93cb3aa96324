"""The one way in and out of the ledger's JSON files: frozen records with a format version and a checksum.

msgspec converts, since it is strict and fast: 400 results of 4.5 kB, JSON and checksums included, are read in 32 ms;
pydantic takes 49 ms and cattrs 66 ms, and both, without a setting against it, take the text "1" and true for a number.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from detstudy.errors import InputError
from detstudy.ledger.files import CHECKSUM, sum_content, write_atomically

T = TypeVar("T")

FORMAT = 2
"""The version of what is written. Version 0.1 wrote no number, which is read as 1."""

FORMAT_KEY = "format_version"


class NewerFormatError(InputError):
    """A file that a newer detstudy wrote: not damaged, and not to be written over."""

    def __init__(self, found: int, where: str = "the file") -> None:
        self.found = found
        super().__init__(
            f"{where}: has format version {found}, and this detstudy reads versions up to {FORMAT}; install a newer "
            "detstudy"
        )


def encode(record: Any, *, indent: int | None = 1) -> bytes:
    """Return a record (a dataclass or a mapping) as JSON with the format's version and a checksum of all else.

    Raises ValueError for NaN and infinity: null with a reason takes their place.
    """
    values = json.loads(json.dumps(record, default=dataclasses.asdict, allow_nan=False))
    plain = {FORMAT_KEY: FORMAT, **values}
    return (json.dumps({**plain, CHECKSUM: sum_content(plain)}, indent=indent) + "\n").encode()


def decode(content: bytes, shape: type[T]) -> T | None:
    """Return the record in JSON as `encode` gives it; None where it is damaged or of another shape.

    Raises NewerFormatError where a newer detstudy wrote it. Keys that the shape does not have are left out. A list
    (of a COCO result file) has neither version nor checksum.
    """
    try:
        plain = json.loads(content)
        if isinstance(plain, dict):
            version = plain.get(FORMAT_KEY, 1)
            if type(version) is not int or version < 1:
                return None
            if version > FORMAT:
                raise NewerFormatError(version)
            if plain.pop(CHECKSUM, None) not in (None, sum_content(plain)):  # NaN has none
                return None
            plain.pop(FORMAT_KEY, None)
        return msgspec.convert(plain, shape)
    except NewerFormatError:
        raise
    except (ValueError, RecursionError):
        return None


def write_record(path: Path, record: Any) -> None:
    """Write a record's file, atomically. Raises ValueError for NaN and infinity."""
    write_atomically(path, encode(record))


def read_records(folder: Path, shape: type[T]) -> list[T]:
    """Return the records of a folder's files, in the order of their names; without what `read_record` can't read."""
    return [record for path in sorted(folder.glob("*.json")) if (record := read_record(path, shape)) is not None]


def read_record(path: Path, shape: type[T]) -> T | None:
    """Return a file's record; None where the file is missing, damaged or of another shape.

    Raises NewerFormatError, which names the file, where a newer detstudy wrote it.
    """
    try:
        return decode(path.read_bytes(), shape) if path.is_file() else None  # a pipe would be waited for
    except (FileNotFoundError, NotADirectoryError):
        return None
    except NewerFormatError as error:
        raise NewerFormatError(error.found, str(path)) from None
