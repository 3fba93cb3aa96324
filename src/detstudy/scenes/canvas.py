"""What drawn scenes are painted on: a pinhole camera, a light, and a canvas of colours and instance ids.

World axes in metres: x to the right, y up from the ground, z ahead of the camera. Colours are red, green, blue in
0-255 and are worked on as if display values were light: the look counts here, not photometry.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
_Sheet = TypeVar("_Sheet", Floats, Bytes)
Pose = tuple[float, float, float]  # metres right and ahead of the camera; turn in radians, 0 faces away from it
OVERSAMPLING = 2  # canvas pixels for one image pixel, in each direction
NEAREST = 0.6  # metres; points closer than this are moved there, so that nothing is projected from behind the camera
_SHIFT = 4  # fractional bits of the polygon coordinates that OpenCV takes
_SCALE = float(1 << _SHIFT)


@dataclass(frozen=True, slots=True)
class Camera:
    """A level pinhole camera; lengths in canvas pixels, except for its height above the ground in metres."""

    width: int
    height: int
    focal: float
    center: float  # column of the vanishing point
    horizon: float  # row of the vanishing point
    altitude: float


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and sky of one place; `sun` points towards the sun and has length one."""

    sun: Floats
    direct: Floats  # colour of the sun, about 1 where it shines; 0 under clouds
    ambient: Floats
    sky: Floats  # what smooth upward faces and glass reflect, 0-255
    haze: Floats  # what distance fades to, 0-255
    visibility: float  # metres at which the haze takes 63 % of the contrast


@dataclass(frozen=True, slots=True)
class Canvas:
    """The picture being painted, far things first.

    Its fourth channel holds the id of what is seen, 0 where that is no object: one fill sets colour and id alike.
    """

    camera: Camera
    light: Light
    image: Bytes  # [height, width, 4]


@dataclass(frozen=True, slots=True)
class Sketch:
    """How one object is to be painted: polygons over one another, each with red, green, blue and id."""

    polygons: list[NDArray[np.int32]]
    colors: list[list[float]]
    box: tuple[int, int, int, int]  # left, top, right, bottom in canvas pixels; holds all polygons


def enlarge_camera(camera: Camera) -> Camera:
    """Give the same view with OVERSAMPLING times as many pixels in each direction."""
    return Camera(
        width=camera.width * OVERSAMPLING,
        height=camera.height * OVERSAMPLING,
        focal=camera.focal * OVERSAMPLING,
        center=camera.center * OVERSAMPLING,
        horizon=camera.horizon * OVERSAMPLING,
        altitude=camera.altitude,
    )


def create_canvas(camera: Camera, light: Light) -> Canvas:
    """Give an empty canvas of the camera's size."""
    return Canvas(camera, light, np.empty((camera.height, camera.width, 4), np.uint8))


def place_points(points: Floats, x: float | Floats, z: float | Floats, yaw: float | Floats) -> Floats:
    """Turn points [..., 3] by `yaw` (half pi faces right) and set them on the ground at x, z, one or [..., 1] each."""
    sine, cosine = np.sin(yaw), np.cos(yaw)
    placed = np.empty_like(points)
    placed[..., 0] = points[..., 0] * cosine + points[..., 2] * sine + x
    placed[..., 1] = points[..., 1]
    placed[..., 2] = points[..., 2] * cosine - points[..., 0] * sine + z
    return placed


def project_points(camera: Camera, points: Floats) -> NDArray[np.int32]:
    """Project world points [..., 3] to the fixed-point columns and rows [..., 2] that `fill_polygon` takes."""
    scale = (camera.focal * _SCALE) / np.maximum(points[..., 2], NEAREST)
    pixels = np.empty((*points.shape[:-1], 2), np.int32)
    pixels[..., 0] = points[..., 0] * scale + ((camera.center - 0.5) * _SCALE + 0.5)
    pixels[..., 1] = (camera.altitude - points[..., 1]) * scale + ((camera.horizon - 0.5) * _SCALE + 0.5)
    return pixels


def measure_box(camera: Camera, pixels: NDArray[np.int32]) -> tuple[int, int, int, int]:
    """Give left, top, right, bottom of the canvas pixels that projected points [n, 2] and what they bound can touch."""
    left, top, width, height = cv2.boundingRect(pixels)
    return (
        max((left >> _SHIFT) - 1, 0),
        max((top >> _SHIFT) - 1, 0),
        max(min(((left + width) >> _SHIFT) + 3, camera.width), 0),
        max(min(((top + height) >> _SHIFT) + 3, camera.height), 0),
    )


def fill_polygon(target: Bytes, polygon: NDArray[np.int32], value: Sequence[float] | int) -> None:
    """Fill a convex polygon of projected points with one colour."""
    cv2.fillConvexPoly(target, polygon, value, 8, _SHIFT)


def paint_sketch(canvas: Canvas, sketch: Sketch) -> None:
    """Paint an object over what is farther away, and its id over theirs."""
    image, fill = canvas.image, cv2.fillConvexPoly
    for polygon, color in zip(sketch.polygons, sketch.colors, strict=True):
        fill(image, polygon, color, 8, _SHIFT)


def fill_hull(target: Bytes, points: NDArray[np.int32], value: int) -> None:
    """Fill the convex hull of projected points."""
    cv2.fillConvexPoly(target, cv2.convexHull(points), value, 8, _SHIFT)


def measure_haze(light: Light, depth: float) -> float:
    """Give the share of haze in what is seen at a depth, 0 near and 1 far away."""
    return 1.0 - math.exp(-depth / light.visibility)


def measure_hazes(light: Light, depths: Floats) -> Floats:
    """Give the share of haze at each of many depths."""
    return np.asarray(1.0 - np.exp(-depths / np.float32(light.visibility)), dtype=np.float32)


def list_colors(colors: Floats) -> list[list[float]]:
    """Give colours [n, 3] in the form that `fill_polygon` takes, for what is no object."""
    return [[red, green, blue, 0.0] for red, green, blue in colors.tolist()]


def cast_shadow(light: Light, points: Floats) -> Floats:
    """Move points [..., 3] along the sun's rays to the ground; a low sun's shadows end after some metres."""
    reach = np.minimum(points[..., 1:2] / max(float(light.sun[1]), 0.2), 6.0)
    shadow = points - reach * light.sun
    shadow[..., 1] = 0.0
    return np.asarray(shadow, dtype=np.float32)


def make_noise(generator: np.random.Generator, height: int, width: int, cell: int) -> Floats:
    """Give smooth noise [height, width] of unit variance at its nodes, whose blobs are `cell` pixels wide."""
    nodes = generator.standard_normal((max(height // cell, 1) + 2, max(width // cell, 1) + 2), dtype=np.float32)
    return np.asarray(cv2.resize(nodes, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def make_grain(generator: np.random.Generator, height: int, width: int) -> Floats:
    """Give noise [height, width] that is independent in each pixel, even between -1 and 1.

    It is cut from one sheet at a place of the generator's choice: drawing fresh numbers for every texture and every
    photograph would take a tenth of the whole time. What is larger than the sheet repeats it.
    """
    return _cut_sheet(generator, _make_sheet(), height, width)


def make_speckle(generator: np.random.Generator, height: int, width: int) -> Bytes:
    """Give the same noise as `make_grain` as bytes, even between 0 and 255."""
    return _cut_sheet(generator, _make_byte_sheet(), height, width)


def _cut_sheet(generator: np.random.Generator, sheet: _Sheet, height: int, width: int) -> _Sheet:
    down, across = (int(generator.integers(side // 2)) for side in sheet.shape)
    if down + height <= sheet.shape[0] and across + width <= sheet.shape[1]:
        return sheet[down : down + height, across : across + width]
    rows, columns = (
        np.arange(size) % side for size, side in ((height + down, sheet.shape[0]), (width + across, sheet.shape[1]))
    )
    return sheet[np.ix_(rows[down:], columns[across:])]


@functools.cache
def _make_sheet() -> Floats:
    sheet = np.random.default_rng(0).random((768, 2048), np.float32) * 2 - 1
    sheet.flags.writeable = False
    return sheet


@functools.cache
def _make_byte_sheet() -> Bytes:
    sheet = np.random.default_rng(0).integers(0, 256, (768, 2048), np.uint8)
    sheet.flags.writeable = False
    return sheet
