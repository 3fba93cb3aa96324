"""What is said to cover a pixel for certain covers one where pycocotools draws it."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detstudy.data.formats.polygons import find_covering
from detstudy.data.masks import measure_packed_area, rasterize_polygons

SQUARE = [3.0, 3.0, 9.0, 3.0, 9.0, 9.0, 3.0, 9.0]


def covers(*polygons, height=12, width=14):
    return bool(find_covering([[array("d", polygon) for polygon in polygons]], [height], [width])[0])


coordinates = st.one_of(st.floats(-20, 40), st.integers(-20, 40).map(float))
polygons = st.lists(coordinates, min_size=3, max_size=8).flatmap(
    lambda x: st.lists(coordinates, min_size=len(x), max_size=len(x)).map(
        lambda y: [value for point in zip(x, y, strict=True) for value in point]
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(polygons, min_size=1, max_size=2), st.integers(1, 24), st.integers(1, 24), st.booleans())
def test_nothing_is_said_to_cover_that_pycocotools_draws_empty(outlines, height, width, twice):
    outlines = [outline * 2 for outline in outlines] if twice else outlines
    if covers(*outlines, height=height, width=width):
        assert measure_packed_area(rasterize_polygons(outlines, height, width)) > 0


@pytest.mark.parametrize(
    "outline",
    [
        SQUARE * 2,  # inside twice is outside
        [3.0, 3.0, 9.0, 3.0, 9.0, 3.4, 3.0, 3.4],  # between two rows of pixels
        [20.0, 3.0, 30.0, 3.0, 30.0, 9.0],
        [3.0, -9.0, 9.0, -9.0, 9.0, -3.0],
        [3.0, 3.0, 3.0, 3.0, 3.0, 3.0],
    ],
    ids=["twice around", "thin", "right of the image", "above the image", "a point"],
)
def test_what_may_be_empty_is_not_said_to_cover(outline):
    assert not covers(outline)


def test_ordinary_shapes_are_told_without_drawing():
    assert covers(SQUARE)
    assert covers([3.0, 3.0, 3.2, 3.0, 3.2, 3.2], SQUARE)  # one of two is enough
    assert covers([-30.0, -30.0, 40.0, -30.0, 40.0, 40.0, -30.0, 40.0])  # larger than the image
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (200, 30)), axis=1)
    blobs = np.stack([80 + 30 * np.cos(angles), 60 + 30 * np.sin(angles)], axis=2).reshape(200, -1)
    found = find_covering([[array("d", blob)] for blob in blobs.tolist()], [120] * 200, [160] * 200)
    assert found.all()


def test_each_shape_is_judged_by_itself():
    shapes = [[array("d", SQUARE)], [array("d", SQUARE * 2)], [array("d", SQUARE)]]
    assert find_covering(shapes, [12, 12, 2], [14, 14, 14]).tolist() == [True, False, False]
    assert find_covering([], [], []).tolist() == []
