"""What a PNG or JPEG file tells of its image, before any pixel is decoded."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8"
# Start-of-frame markers of JPEG, the only ones with the image's size: C0 to CF without DHT (C4), JPG (C8), DAC (CC).
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ORIENTATION_TAG = 0x0112
LONGEST_EXIF = 1 << 20  # bytes that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """An image as its file is stored: the size in pixels, not turned by the orientation tag."""

    height: int
    width: int
    bits: int = 8  # a channel, or an index into the palette
    grey: bool = False
    palette: bool = False
    alpha: bool = False
    orientation: int = 1  # of the camera, by EXIF: 1 upright, 5 to 8 on its side


def read_header(file: BinaryIO) -> ImageHeader:
    """Return the header. Raises ValueError or struct.error where it is that of neither format, or breaks off."""
    start = file.read(len(PNG_SIGNATURE))
    if start == PNG_SIGNATURE:
        return _read_png(file)
    if start.startswith(JPEG_SIGNATURE):
        file.seek(len(JPEG_SIGNATURE))
        return _read_jpeg(file)
    raise ValueError("no header of a PNG or JPEG image")


def is_cut(data: bytes) -> bool:
    """Whether a PNG or JPEG lacks its end; False for other formats.

    OpenCV fills the missing part with grey and says nothing, and takes memory for whatever length a PNG's chunk claims.
    """
    if data.startswith(PNG_SIGNATURE):
        at: int = len(PNG_SIGNATURE)
        while at + 12 <= len(data):  # length, kind and checksum of a chunk
            length, kind = struct.unpack_from(">I4s", data, at)
            at += 12 + length
            if kind == b"IEND":
                return at > len(data)
        return True
    if data.startswith(JPEG_SIGNATURE):
        # An embedded thumbnail has an end of its own, before the image's last scan begins.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return False


def _read_png(file: BinaryIO) -> ImageHeader:
    width, height, bits, colour = struct.unpack(">8xIIBB3x4x", file.read(25))
    orientation = 1
    while True:
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            break
        (length,) = struct.unpack(">I", head[:4])
        if head[4:] == b"eXIf":
            orientation = _read_orientation(file.read(min(length, LONGEST_EXIF)))
            break
        file.seek(length + 4, os.SEEK_CUR)
    return ImageHeader(
        height=height,
        width=width,
        bits=bits,
        grey=colour in (0, 4),
        palette=colour == 3,
        alpha=colour in (4, 6),
        orientation=orientation,
    )


def _read_jpeg(file: BinaryIO) -> ImageHeader:
    orientation = 1
    while True:
        mark, kind = struct.unpack(">BB", file.read(2))
        while kind == 0xFF:  # fill bytes
            (kind,) = struct.unpack(">B", file.read(1))
        if mark != 0xFF or kind == 0xDA:
            raise ValueError("a JPEG header without the image's size")
        (length,) = struct.unpack(">H", file.read(2))
        if kind in JPEG_FRAMES:
            bits, height, width, channels = struct.unpack(">BHHB", file.read(6))
            return ImageHeader(height=height, width=width, bits=bits, grey=channels == 1, orientation=orientation)
        if kind == 0xE1:
            content = file.read(max(length - 2, 0))
            if content.startswith(b"Exif\0\0"):
                orientation = _read_orientation(content[6:])
        else:
            file.seek(max(length - 2, 0), os.SEEK_CUR)


def _read_orientation(tiff: bytes) -> int:
    """Return the orientation that EXIF data tells; 1 where it tells none that there is."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for entry in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind, values, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if (tag, kind, values) == (ORIENTATION_TAG, 3, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
