"""A data set's records in one file, so that what was read once is read by no worker again: msgpack with a checksum."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from detstudy.data.records import DataError, Dataset

_HEAD = b"detstudy records 1\n"  # another number where the same files shall give other records
_SUM_BYTES = hashlib.sha256().digest_size
_RECENT = 2 * 10**9  # nanoseconds within which a file may change twice and its times once


@dataclass(frozen=True, slots=True)
class Packed:
    """Records with the signature of what they were read from; None where nothing vouches for its staying the same."""

    sources: str | None
    dataset: Dataset


def pack_records(packed: Packed, root: Path) -> bytes:
    """Return the records as a file's content; paths of images are kept relative to the data's root."""

    def keep_path(value: Any) -> str:
        return os.path.relpath(value, root) if value.is_relative_to(root) else str(value)

    content = msgspec.msgpack.encode(packed, enc_hook=keep_path)
    return _HEAD + hashlib.sha256(content).digest() + content


def unpack_records(path: Path, root: Path) -> Packed:
    """Return a file's records. Raises DataError where it is missing, damaged or of another version."""
    remedy = "`detstudy run` with the study file writes it again"
    try:
        whole = path.read_bytes()
        content = whole[len(_HEAD) + _SUM_BYTES :]
        if whole[: len(whole) - len(content)] != _HEAD + hashlib.sha256(content).digest():
            raise DataError(f"{path}: is not as it was written (cut off, edited or of another version); {remedy}")
        return msgspec.msgpack.decode(content, type=Packed, dec_hook=lambda _, value: root / value)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the data's records can't be read ({error}); {remedy}") from None


def sign_sources(section: object, sources: Iterable[Path]) -> str | None:
    """Return a hash that is another one as soon as the section, a file's content or a folder's list of files is.

    Files are read, which takes a hundredth of parsing them. Of the files in a folder name, size and times count; the
    time of the last change to a file's entry can't be set back. None where a source can't be read, or an entry changed
    so lately that it may change again within the same tick of the clock.
    """
    digest = hashlib.sha256(repr((_HEAD, section)).encode())
    recent = time.time_ns() - _RECENT
    try:
        for source in sources:
            if not source.is_dir():
                with source.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
                continue
            for name in sorted(os.listdir(source)):
                entry = os.stat(source / name)
                if entry.st_ctime_ns > recent:
                    return None
                digest.update(repr((name, entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns)).encode())
    except OSError:
        return None
    return digest.hexdigest()
