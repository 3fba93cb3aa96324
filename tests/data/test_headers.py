"""What the head and the chunks of an image file say, before anything of it is decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from detstudy.data.headers import is_cut


def test_a_png_whose_end_claims_a_length_that_is_not_there_is_cut() -> None:
    data = cv2.imencode(".png", np.zeros((4, 5), np.uint16))[1].tobytes()
    assert not is_cut(data)
    assert is_cut(data[:-12] + struct.pack(">I", 1 << 30) + data[-8:])
