"""Files that a run goes on from: written whole or not at all, the last two kept."""

from __future__ import annotations

import os
import re
import uuid
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

KEPT = 2
FINAL_WEIGHTS = "weights.pt"
_NAME = re.compile(r"checkpoint-(\d{8})\.pt")

State = dict[str, Any]


def write_checkpoint(folder: Path, iteration: int, state: State) -> None:
    """Write a run's state after `iteration` steps, and remove all but the last two."""
    write_tensors(folder / f"checkpoint-{iteration:08d}.pt", state)
    for path in find_checkpoints(folder)[KEPT:]:
        path.unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> State | None:
    """Return the newest state that can be read, or None where there is none; damaged files are passed over."""
    for path in find_checkpoints(folder):
        state = _try_read(path)
        if state is not None:
            return state
    return None


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, newest first."""
    found = [path for path in folder.glob("checkpoint-*.pt") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def is_intact(path: Path) -> bool:
    """Whether a file of `write_tensors` is there and as it was written, by its own checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not is_swollen(path) and archive.testzip() is None
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return False


def is_swollen(path: Path) -> bool:
    """Whether a file is an archive that unpacks to more than its own size.

    torch packs nothing, so such a file was made to fill memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # torch says what it is instead
        return False


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints: the run has ended, and its weights stand on their own."""
    for path in find_checkpoints(folder):
        path.unlink(missing_ok=True)


def write_tensors(path: Path, state: object) -> None:
    """Write tensors and plain values to a file that appears, whole, at once. Raises OSError, for a full disk, too."""

    def save(file: IO[bytes]) -> None:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch's own, about a position, that hides the file system's
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None

    _write_whole(path, save)


def write_text(path: Path, text: str) -> None:
    """Write text to a file that appears, whole, at once."""
    _write_whole(path, lambda file: file.write(text.encode()))


def _write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write to a temporary file, sync it and rename it. Its name is of the kind that the ledger sweeps up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where folders can be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _try_read(path: Path) -> State | None:
    try:
        # torch does not look at its files' checksums, and a flipped bit would train on.
        if not is_intact(path):
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # a damaged file fails in many ways, and all of them mean the same
        return None
    return state if isinstance(state, dict) else None
