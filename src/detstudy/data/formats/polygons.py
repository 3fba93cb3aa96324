"""Polygons that cover a pixel for certain, told from their outlines: drawing them costs several times more."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# pycocotools draws an outline over fifths of a pixel, less than half a pixel from where it lies.
MARGIN = 1.0  # pixels


def find_covering(
    shapes: Sequence[Sequence[array[float]]], heights: Sequence[int], widths: Sequence[int]
) -> NDArray[np.bool_]:
    """Return for each shape whether it covers a pixel of its image for certain: [shapes].

    A shape is a list of polygons [x0, y0, x1, y1, ...] of finite doubles. It covers for certain where the centre of
    some pixel lies inside a polygon by the even-odd rule and more than MARGIN from its outline, so that moving the
    outline by less changes nothing there. Others may cover pixels all the same; for them the mask has to be drawn.
    """
    covering = np.zeros(len(shapes), dtype=np.bool_)
    outlines = [polygon for polygons in shapes for polygon in polygons]
    if not outlines:
        return covering
    x, y = np.frombuffer(b"".join(outlines)).reshape(-1, 2).T
    owners = np.repeat(np.arange(len(shapes)), [len(polygons) for polygons in shapes])
    height, width = np.array(heights)[owners], np.array(widths)[owners]
    count = np.array([len(polygon) // 2 for polygon in outlines])
    first = np.cumsum(count) - count
    edge = np.repeat(np.arange(len(count)), count)  # the polygon of each edge; edge i goes from point i to the next
    following = np.arange(len(x)) + 1
    following[first + count - 1] = first
    dx, dy = x[following] - x, y[following] - y

    # A column of pixels through the middle of the polygon crosses its outline an even number of times.
    left, right = np.minimum.reduceat(x, first), np.maximum.reduceat(x, first)
    column = np.floor((np.clip(left, 0, width) + np.clip(right, 0, width)) / 2) + 0.5
    crossed = np.flatnonzero((x <= column[edge]) != (x[following] <= column[edge]))
    polygon_of = edge[crossed]
    rows = y[crossed] + (column[polygon_of] - x[crossed]) * dy[crossed] / dx[crossed]
    rows = np.clip(rows, 0, height[polygon_of])
    top, bottom = rows[np.lexsort((rows, polygon_of))].reshape(-1, 2).T
    polygon_of = polygon_of[::2]

    # In the middle of the longest stretch inside lies the pixel to look at.
    order = np.argsort(bottom - top, kind="stable")
    order = order[(bottom - top)[order] > MARGIN]  # half a pixel further it is inside still
    row = np.full(len(count), np.nan)
    row[polygon_of[order]] = np.floor((top + bottom)[order] / 2) + 0.5
    from_x, from_y = column[edge] - x, row[edge] - y
    along = np.clip((from_x * dx + from_y * dy) / np.maximum(dx * dx + dy * dy, np.finfo(float).tiny), 0, 1)
    distance = np.minimum.reduceat(np.hypot(from_x - along * dx, from_y - along * dy), first)
    covering[owners[(distance > MARGIN) & (column < width) & (row < height)]] = True
    return covering
