"""Images come as RGB in stored orientation, or name what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detstudy.data import DataError, ImageRecord, load_image
from detstudy.data.images import find_missing, read_image_size


def make_record(path: Path, width: int = 6, height: int = 4) -> ImageRecord:
    return ImageRecord(1, path, path.name, width, height, None, ())


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_colour_comes_as_rgb(tmp_path, colours):
    cv2.imwrite(str(tmp_path / "a.png"), colours[..., ::-1])
    assert np.array_equal(load_image(make_record(tmp_path / "a.png")), colours)


def test_grey_alpha_and_sixteen_bits_come_as_eight_bit_rgb(tmp_path, colours):
    grey = colours[..., 0]
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([colours[..., ::-1], grey]))
    for name in ("grey.png", "deep.png"):
        assert np.array_equal(load_image(make_record(tmp_path / name)), np.dstack([grey] * 3))
    assert np.array_equal(load_image(make_record(tmp_path / "alpha.png")), colours)


def test_an_orientation_tag_turns_nothing(tmp_path):
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    encoded = cv2.imencode(".jpg", pixels)[1].tobytes()
    # A big-endian TIFF directory with one entry: tag 0x0112, orientation 6 (a quarter turn).
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    (tmp_path / "a.jpg").write_bytes(
        encoded[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + encoded[2:]
    )
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == (6, 4, 3)
    assert load_image(make_record(tmp_path / "a.jpg")).shape == (4, 6, 3)
    assert read_image_size(tmp_path / "a.jpg") == (4, 6)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_file_cut_short_is_not_half_an_image(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    encoded = cv2.imencode(suffix, pixels)[1].tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded[: len(encoded) * 2 // 3])
    with pytest.raises(DataError, match=rf"a{suffix}: the image file is cut short; fetch it again"):
        load_image(make_record(path, 60, 40))


def test_missing_empty_foreign_and_resized_files_are_named(tmp_path, colours):
    with pytest.raises(DataError, match=r"none\.png: the image is not there; put it there"):
        load_image(make_record(tmp_path / "none.png"))
    (tmp_path / "empty.png").touch()
    with pytest.raises(DataError, match=r"empty\.png: the image file is empty; fetch it again"):
        load_image(make_record(tmp_path / "empty.png"))
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(DataError, match=r"text\.png: the file does not decode .* save it as PNG or JPEG"):
        load_image(make_record(tmp_path / "text.png"))
    cv2.imwrite(str(tmp_path / "a.png"), colours)
    with pytest.raises(DataError, match=r"a\.png: the image is 6x4 pixels, but its annotation says 4x6"):
        load_image(make_record(tmp_path / "a.png", 4, 6))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_size_is_read_from_the_header_alone(tmp_path, suffix):
    encoded = cv2.imencode(suffix, np.zeros((123, 457, 3), dtype=np.uint8))[1].tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded[:33] if suffix == ".png" else encoded[: encoded.index(b"\xff\xda")])
    assert read_image_size(path) == (123, 457)
    path.write_bytes(encoded[:20])
    with pytest.raises(DataError, match="size can't be read"):
        read_image_size(path)


def test_missing_files_are_found_by_folder(tmp_path):
    (tmp_path / "a.png").touch()
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "no" / "a.png"]
    assert find_missing(paths) == paths[1:]
