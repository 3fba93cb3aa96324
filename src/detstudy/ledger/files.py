"""Writing so that a reader sees all of a file or none of it, through any crash; reading so that damage is noticed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKSUM = "checksum"
"""The key of a JSON mapping that holds the checksum of all the others; a mapping without it is taken as it is."""

DIGITS = 16  # of a checksum, in hexadecimal

SETTLED_SECONDS = 0.2
"""A temporary file older than this is not being written by a process of another machine just now."""

_TEMPORARY = ".*.part"  # training.checkpoint names its temporary files the same way


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file by a synced temporary one beside it and a rename."""
    with _write_temporary(path, content) as temporary:
        temporary.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """Write a file where there is none yet, atomically: of two writers the first wins."""
    with _write_temporary(path, content) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            if not path.exists():
                temporary.replace(path)


def choose_number(folder: Path) -> Path:
    """Return the file of the next number in a folder whose files are numbered and never written again."""
    taken = [int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()]
    return folder / f"{max(taken, default=0) + 1:03d}.json"


@contextlib.contextmanager
def _write_temporary(path: Path, content: bytes) -> Iterator[Path]:
    """Give a synced temporary file beside a path, and sync their folder after it was put there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:12]}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_temporaries(folder: Path) -> None:
    """Remove what writers left in a folder and those below it when they died; only for who alone may write there."""
    for path in folder.rglob(_TEMPORARY):
        path.unlink(missing_ok=True)


def remove_dead_temporaries(folder: Path) -> None:
    """Remove what writers of this machine left in a folder when they died; others may be writing there just now."""
    import psutil

    for path in folder.glob(_TEMPORARY):
        writer = path.name.split(".")[-2].partition("-")[0]
        with contextlib.suppress(FileNotFoundError, OverflowError):  # no process has a number as long as this
            settled = time.time() - path.stat().st_mtime > SETTLED_SECONDS
            if writer.isdigit() and settled and not psutil.pid_exists(int(writer)):
                path.unlink()


def sum_content(content: dict[str, Any]) -> str:
    """Return a checksum of a mapping as JSON gives it: sixteen hex digits of SHA-256."""
    return sum_bytes(json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


def sum_bytes(content: bytes) -> str:
    """Return sixteen hex digits of the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def sum_file(path: Path) -> str | None:
    """Return a file's checksum, None where it is missing."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
    except (FileNotFoundError, NotADirectoryError):
        return None
