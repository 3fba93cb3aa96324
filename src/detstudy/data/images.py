"""Pixels, opened only when they are needed, in the orientation in which they were annotated."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import clean_text
from detstudy.data.headers import ImageHeader, is_cut, read_header
from detstudy.data.records import DataError, Fault, ImageRecord

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def load_image(record: ImageRecord) -> NDArray[np.uint8]:
    """Return the image as uint8 [h, w, 3], RGB.

    Grey and palette images become RGB, alpha is dropped, 16 bits become 8 (the upper ones). A camera's orientation tag
    is ignored, since annotations are in stored pixels. Raises DataError where the file is missing, empty, cut short,
    not an image, or of another size than its annotation says.
    """
    image = decode_image(record)
    if isinstance(image, Fault):
        raise DataError(f"{image.where}: {image.message}")
    return image


def decode_image(record: ImageRecord) -> NDArray[np.uint8] | Fault:
    """Return the image as `load_image` does, or the fault that it would raise."""
    data = _read_image(record)
    return data if isinstance(data, Fault) else _decode(record, data)


def inspect_image(record: ImageRecord) -> tuple[str, ...] | Fault:
    """Return what is unusual in an image that decodes (`grey_image`, `turned_image`, ...), or its fault."""
    data = _read_image(record)
    if isinstance(data, Fault):
        return data
    image = _decode(record, data)
    if isinstance(image, Fault):
        return image
    header = _find_header(data)
    if header is None:
        return ()
    traits = {
        "deep_image": header.bits > 8,
        "grey_image": header.grey,
        "palette_image": header.palette,
        "alpha_image": header.alpha,
        "turned_image": header.orientation != 1,
    }
    return tuple(kind for kind, present in traits.items() if present)


def find_missing(paths: Iterable[Path]) -> list[Path]:
    """Return those of the paths that don't exist, in order, with one listing a folder instead of a look at each."""
    listings: dict[Path, frozenset[str]] = {}
    missing = []
    for path in paths:
        folder = path.parent
        if folder not in listings:
            listings[folder] = list_folder(folder)
        if path.name not in listings[folder]:
            missing.append(path)
    return missing


def list_folder(folder: Path) -> frozenset[str]:
    """Return the names in a folder; none where it is not there or can't be read."""
    try:
        return frozenset(os.listdir(folder))
    except (OSError, ValueError):
        return frozenset()


def read_image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels from the header of a PNG or JPEG file, without its pixels.

    Raises DataError for a file that is neither, or breaks off before its size.
    """
    try:
        if not os.path.isfile(path):  # a pipe would never end
            raise ValueError("no file")
        with path.open("rb") as file:
            header = read_header(file)
    except (OSError, ValueError, struct.error) as error:
        raise DataError(f"{path}: the image's size can't be read ({error}); fetch the file again.") from error
    return header.height, header.width


def _read_image(record: ImageRecord) -> bytes | Fault:
    where = clean_text(str(record.path))
    try:
        if record.path.exists() and not record.path.is_file():
            return Fault("missing_image", where, "this is no file; put the image there or correct its name.", True)
        data = record.path.read_bytes()
    except (OSError, ValueError) as error:
        reason = "is not there"
        if record.path.is_symlink():
            reason = "is a link that leads nowhere"
        elif isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            reason = f"can't be read ({error.strerror})"
        return Fault("missing_image", where, f"the image {reason}; put it there or correct its name.", True)
    if not data:
        return Fault("empty_image", where, "the image file is empty; fetch it again.", True)
    if is_cut(data):
        return Fault("undecodable_image", where, "the image file is cut short; fetch it again.", True)
    return data


def _decode(record: ImageRecord, data: bytes) -> NDArray[np.uint8] | Fault:
    import cv2

    where = clean_text(str(record.path))
    header = _find_header(data)
    # Told before decoding: a header of another size may ask for more memory than there is.
    if header is not None and (header.height, header.width) != (record.height, record.width):
        return _refuse_size(record, header.height, header.width, header.orientation)
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        message = "the file does not decode as an image; fetch it again, or save it as PNG or JPEG."
        return Fault("undecodable_image", where, message, True)
    height, width = image.shape[:2]
    if (height, width) != (record.height, record.width):
        return _refuse_size(record, height, width, 1)
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _refuse_size(record: ImageRecord, height: int, width: int, orientation: int) -> Fault:
    hint = "use the image that was annotated, or correct the annotation."
    if orientation >= 5 and (width, height) == (record.height, record.width):
        hint = f"its orientation tag ({orientation}) turns it: it was annotated turned, so save it turned, without tag."
    message = f"the image is {width}x{height} pixels, but its annotation says {record.width}x{record.height}; {hint}"
    return Fault("image_size_mismatch", clean_text(str(record.path)), message, True)


def _find_header(data: bytes) -> ImageHeader | None:
    """Return the header of PNG and JPEG data, else None."""
    try:
        return read_header(io.BytesIO(data))
    except (ValueError, struct.error):
        return None
