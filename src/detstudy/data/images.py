"""Pixels, opened only when they are needed, in the orientation in which they were annotated."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from detstudy.data.records import DataError, Fault, ImageRecord

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers of JPEG, the only ones with the image's size: C0 to CF without DHT (C4), JPG (C8), DAC (CC).
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


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
    import cv2

    where = str(record.path)
    try:
        data = record.path.read_bytes()
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"can't be read ({error.strerror})"
        return Fault("missing_image", where, f"the image {reason}; put it there or correct its name.", True)
    if not data:
        return Fault("empty_image", where, "the image file is empty; fetch it again.", True)
    if _is_cut(data):
        # OpenCV fills the missing part with grey and says nothing.
        return Fault("undecodable_image", where, "the image file is cut short; fetch it again.", True)
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
        message = (
            f"the image is {width}x{height} pixels, but its annotation says {record.width}x{record.height}; "
            "use the image that was annotated, or correct the annotation."
        )
        return Fault("image_size_mismatch", where, message, True)
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def find_missing(paths: Iterable[Path]) -> list[Path]:
    """Return those of the paths that don't exist, in order, with one listing a folder instead of a look at each."""
    listings: dict[Path, set[str]] = {}
    missing = []
    for path in paths:
        folder = path.parent
        if folder not in listings:
            listings[folder] = set(os.listdir(folder)) if folder.is_dir() else set()
        if path.name not in listings[folder]:
            missing.append(path)
    return missing


def read_image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels from the header of a PNG or JPEG file, without its pixels.

    Raises DataError for a file that is neither, or breaks off before its size.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
            if head.startswith(PNG_SIGNATURE) and len(head) == 24:
                width, height = struct.unpack(">II", head[16:24])
            elif head.startswith(b"\xff\xd8"):
                file.seek(2)
                height, width = _read_jpeg_size(file)
            else:
                raise ValueError("no header of a PNG or JPEG image")
    except (OSError, ValueError, struct.error) as error:
        raise DataError(f"{path}: the image's size can't be read ({error}); fetch the file again.") from error
    return height, width


def _read_jpeg_size(file: BinaryIO) -> tuple[int, int]:
    while True:
        mark, kind = struct.unpack(">BB", file.read(2))
        while kind == 0xFF:  # fill bytes
            (kind,) = struct.unpack(">B", file.read(1))
        if mark != 0xFF or kind == 0xDA:
            raise ValueError("a JPEG header without the image's size")
        (length,) = struct.unpack(">H", file.read(2))
        if kind in JPEG_FRAMES:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return height, width
        file.seek(length - 2, os.SEEK_CUR)


def _is_cut(data: bytes) -> bool:
    """Whether a PNG or JPEG lacks its end."""
    if data.startswith(PNG_SIGNATURE):
        return b"IEND" not in data
    if data.startswith(b"\xff\xd8"):
        # An embedded thumbnail has an end of its own, before the image's last scan begins.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return False
