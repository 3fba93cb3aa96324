"""Compressed counts are checked before pycocotools, which trusts them, sees them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from detstudy.data import Rle
from detstudy.data.masks import measure_areas


def measure(mask: dict) -> tuple[int, str | None]:
    """Return one mask's area and fault."""
    height, width = mask["size"]
    areas, faults = measure_areas([Rle(height, width, mask["counts"])])
    return areas[0], faults[0]


SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(size=SIZES, seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_what_pycocotools_encodes_is_whole(size, seed, share):
    mask = (np.random.default_rng(seed).random(size) < share).astype(np.uint8, order="F")
    assert measure(coco_mask.encode(mask)) == (mask.sum(), None)


def test_long_runs_are_whole():
    mask = np.zeros((3000, 4000), dtype=np.uint8, order="F")
    mask[:, 1000:3999] = 1
    assert measure(coco_mask.encode(mask)) == (mask.sum(), None)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' decode, numpy 2
@settings(max_examples=150, deadline=None)
@example(size=(1, 1), counts="1")  # chance rarely finds a whole one
@example(size=(2, 3), counts="123")
@given(size=SIZES, counts=st.text(alphabet=st.characters(min_codepoint=48, max_codepoint=111), max_size=6))
def test_what_is_called_whole_covers_its_size(size, counts):
    area, fault = measure({"size": list(size), "counts": counts.encode()})
    if fault is None:
        assert sum(decode_runs(counts)) == size[0] * size[1]
        decoded = coco_mask.decode({"size": list(size), "counts": counts})
        assert decoded.sum() == sum(decode_runs(counts)[1::2]) == area


def decode_runs(counts: str) -> list[int]:
    """Return the run lengths, by the format's definition: five bits a character, least first, sign in the last."""
    runs: list[int] = []
    value = bits = 0
    for character in counts:
        code = ord(character) - 48
        value |= (code & 31) << bits
        bits += 5
        if not code & 32:
            value -= (1 << bits) if code & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = bits = 0
    return runs


def test_the_broken_one_is_named():
    whole = Rle(2, 3, b"6")
    areas, faults = measure_areas([whole, whole, Rle(2, 2, b"6"), whole])
    assert areas == [0, 0, 0, 0]
    assert [fault is None for fault in faults] == [True, True, False, True]
    assert measure_areas([]) == ([], [])
