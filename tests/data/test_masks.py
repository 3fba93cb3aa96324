"""Masks against pycocotools, whose format they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from detstudy.data.masks import (
    decode_mask,
    decode_masks,
    decode_runs,
    encode_mask,
    measure_areas,
    measure_boxes,
    pack_runs,
    rasterize_polygons,
)
from detstudy.data.records import Annotation, Rle

MASKS = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda shape: arrays.arrays(np.bool_, shape))

# pycocotools 2.0.11 decodes with a warning under numpy 2.
ignore_oracle = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def annotate(mask: Rle) -> Annotation:
    return Annotation(1, 0, (0.0, 0.0, 1.0, 1.0), 1.0, mask, False)


@ignore_oracle
@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_a_mask_comes_back_as_it_was(array):
    mask = encode_mask(array)
    reference = coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})
    assert np.array_equal(reference, array)
    assert (mask.height, mask.width) == array.shape
    assert np.array_equal(decode_mask(mask), array)
    assert np.array_equal(decode_masks([annotate(mask)] * 2, *array.shape), np.stack([array, array]))


@settings(max_examples=60, deadline=None)
@given(st.lists(MASKS, max_size=6))
def test_runs_of_many_masks_are_those_of_each_array(masks):
    runs = decode_runs([encode_mask(array) for array in masks])
    assert runs.faults == [None] * len(masks)
    assert runs.areas.tolist() == [int(array.sum()) for array in masks]
    for index, array in enumerate(masks):
        lengths = runs.lengths[runs.first[index] : runs.first[index + 1]]
        colours = np.arange(len(lengths)) % 2
        assert np.array_equal(np.repeat(colours, lengths), array.T.ravel())
        assert np.array_equal(decode_mask(pack_runs(lengths.tolist(), *array.shape)), array)


def test_boxes_are_tight_and_an_empty_mask_has_none():
    array = np.zeros((9, 12), dtype=bool)
    empty = encode_mask(array)
    array[2:5, 3:10] = True
    assert measure_boxes([encode_mask(array), empty]) == [(3.0, 2.0, 7.0, 3.0), (0.0, 0.0, 0.0, 0.0)]
    assert measure_boxes([]) == []
    assert decode_masks([], 9, 12).shape == (0, 9, 12)


def test_runs_without_pixels_are_joined():
    whole = pack_runs([0, 3, 0, 4, 5, 0], 3, 4)
    assert whole == encode_mask(decode_mask(whole))
    assert decode_mask(whole).T.ravel().tolist() == [1] * 7 + [0] * 5
    assert pack_runs([5, 0, 7], 3, 4) == encode_mask(np.zeros((3, 4)))


@ignore_oracle
@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-20, 50), min_size=6, max_size=16).filter(lambda p: len(p) % 2 == 0), min_size=1))
def test_polygons_become_what_pycocotools_makes_of_them(polygons):
    reference = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, 24, 32)))
    mask = rasterize_polygons(polygons, 24, 32)
    assert np.array_equal(decode_mask(mask), reference)
    assert measure_areas([mask]) == ([int(reference.sum())], [None])


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (b"", "no counts"),
        (b"\x00\x01", "characters"),
        (b"12 3", "characters"),
        ("é".encode(), "characters"),
        (b"PP", "break off"),
        (b"PPPPPPPPPPP1", "negative or longer"),
        (b"O", "negative or longer"),
        (b"4", "4 pixels, but 3 rows of 4 are 12"),
        (b"66", None),
        (b"661", "13 pixels"),
    ],
)
def test_counts_that_do_not_fit_are_found_before_pycocotools_sees_them(counts, reason):
    good = encode_mask(np.ones((3, 4)))
    areas, faults = measure_areas([good, Rle(3, 4, counts), good])
    assert (areas[0], areas[2], faults[0], faults[2]) == (12, 12, None, None)
    if reason is None:
        assert faults[1] is None
    else:
        assert faults[1] is not None
        assert reason in faults[1]
        assert areas[1] == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12) | st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ`abcno", max_size=12))
def test_whatever_is_called_sound_decodes_to_its_area(counts):
    mask = Rle(5, 7, counts if isinstance(counts, bytes) else counts.encode())
    areas, faults = measure_areas([mask])
    if faults == [None]:
        assert decode_mask(mask).sum() == areas[0]


def test_a_mask_of_another_size_is_not_decoded():
    with pytest.raises(ValueError, match="the mask is 3x4, its image 4x3"):
        decode_masks([annotate(encode_mask(np.ones((3, 4))))], 4, 3)


def test_many_masks_are_measured_in_chunks(monkeypatch):
    monkeypatch.setattr("detstudy.data.masks.CHUNK_BYTES", 16)
    rng = np.random.default_rng(0)
    masks = [rng.random((6, 8)) < 0.5 for _ in range(50)]
    areas, faults = measure_areas([encode_mask(array) for array in masks])
    assert areas == [int(array.sum()) for array in masks]
    assert faults == [None] * 50
