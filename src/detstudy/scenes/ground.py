"""The ground of drawn streets, seen from above: asphalt, kerbs and pavements, markings, sunshine and shade."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.scenes.canvas import Bytes, Floats, Light, make_grain, make_noise, measure_hazes
from detstudy.scenes.scenery import Item

STREET_START = 2.0  # metres ahead of the camera at frame 0 where the textures begin
STREET_LENGTH = 62.0  # metres


@dataclass(frozen=True, slots=True)
class Layout:
    """Where lanes and kerbs run, in metres to the right of the camera."""

    left_wall: float
    left_kerb: float
    middle: float  # the line between both directions
    right_kerb: float
    right_wall: float
    parking: bool  # whether the outer two metres of the road are for parked cars


@dataclass(frozen=True, slots=True)
class Shade:
    """The shade of the houses on the sunny side."""

    side: int  # 1: the sun is on the right, -1: on the left, 0: no shade
    wall: float  # where those houses stand, in metres to the right
    reach: Floats  # how far their shade reaches from there, in metres, along the street


def measure_sunshine(shade: Shade, x: float, z: float) -> float:
    """Give the share of the sun that reaches a place; `z` counted from where the camera stands at frame 0."""
    if not shade.side:
        return 1.0
    row = min(max(int((z - STREET_START) * len(shade.reach) / STREET_LENGTH), 0), len(shade.reach) - 1)
    return min(max(0.5 - float(shade.reach[row]) + abs(shade.wall - x), 0.0), 1.0)


def paint_texture(
    generator: np.random.Generator, layout: Layout, light: Light, along: Floats, shade: Shade,
    items: tuple[Item, ...], detail: float,
) -> Bytes:  # fmt: skip
    """Paint the ground [len(along), columns, 3]: rows at the distances `along`, columns from wall to wall."""
    columns = round((layout.right_wall - layout.left_wall) * 8 * detail)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32((layout.right_wall - layout.left_wall) / columns)
    x += np.float32(layout.left_wall)
    rows = len(along)
    off = (x < layout.left_kerb) | (x > layout.right_kerb)
    profile = _color_lanes(generator, layout, x, off)
    texture = 1.0 + 0.08 * make_grain(generator, rows, columns)
    texture += 0.05 * make_noise(generator, rows, columns, round(6 * detail))
    texture += np.cos((x - layout.middle) / 0.9) * np.float32(0.025)  # wheels polish the lanes
    _mark_joints(generator, texture, along, x, off, detail)
    texture[:, [0, -1]] = 1.0  # the borders are drawn out where nothing is built: keep them free of streaks
    paint = _mark_lanes(generator, layout, along, x)
    haze = measure_hazes(light, np.maximum(along - 1.5, 0))[:, None]
    texture *= 1 - haze  # less is left of what is far
    lit = _light_ground(generator, light, along, x, shade, items, detail)
    # Channel by channel: arrays whose last axis is three long are slow.
    planes = []
    bare = paint == 0
    for k in range(3):
        plane = np.where(bare, profile[:, k], paint)
        plane *= texture
        plane *= lit * (light.direct[k] * light.sun[1]) + light.ambient[k]
        plane += light.haze[k] * haze
        planes.append(np.minimum(plane, 255.0, out=plane).astype(np.uint8))
    return np.asarray(cv2.merge(planes), dtype=np.uint8)


def _color_lanes(generator: np.random.Generator, layout: Layout, x: Floats, off: NDArray[np.bool_]) -> Floats:
    """Give the ground's colour across the street [columns, 3]."""
    asphalt, paving = generator.uniform(72, 118), generator.uniform(112, 158)
    profile = np.empty((len(x), 3), np.float32)
    profile[:] = asphalt * np.array([1.0, 0.995, 0.98], np.float32)
    profile[off] = paving * np.array([1.0, 0.97, 0.92], np.float32)
    if generator.random() < 0.3:  # a strip of grass behind the kerb
        verge = generator.uniform(0.8, 1.6)
        strip = off & ((x > layout.left_kerb - verge) & (x < layout.right_kerb + verge))
        profile[strip] = np.array([78, 96, 48], np.float32) * generator.uniform(0.8, 1.2)
    if layout.parking:
        parked = ~off & ((x < layout.left_kerb + 2.0) | (x > layout.right_kerb - 2.0))
        profile[parked] *= generator.uniform(0.86, 1.08)
    for kerb in (layout.left_kerb, layout.right_kerb):
        inward = -np.sign(kerb)
        profile[np.abs(x - kerb) < 0.10] = paving * 1.18
        profile[np.abs(x - kerb - inward * 0.22) < 0.12] *= 0.72
    return profile


def _light_ground(
    generator: np.random.Generator, light: Light, along: Floats, x: Floats, shade: Shade, items: tuple[Item, ...],
    detail: float,
) -> Floats:  # fmt: skip
    """Give the sun's share on the ground [along, across]: the houses' shade and, in patches, the trees'."""
    if not shade.side:
        return np.ones((len(along), len(x)), np.float32)
    lit = np.clip((np.abs(shade.wall - x)[None] - shade.reach[:, None]) * np.float32(4), 0, 1)
    step_z, step_x = float(along[1] - along[0]), float(x[1] - x[0])
    size = int(6.0 / step_z) + 2, int(6.0 / step_x) + 2
    patch = make_noise(generator, *size, max(round(3 * detail), 2)) + make_grain(generator, *size)
    first_z, first_x = float(along[0]), float(x[0])
    for item in items:
        if item.kind != "tree":
            continue
        reach = item.height * 0.7 / max(float(light.sun[1]), 0.35)
        z, at = item.z - reach * float(light.sun[2]), item.x - reach * float(light.sun[0])
        top, bottom = (min(max(int((z + d - first_z) / step_z), 0), len(along)) for d in (-3.0, 3.0))
        left, right = (min(max(int((at + d - first_x) / step_x), 0), len(x)) for d in (-3.0, 3.0))
        if bottom - top < 2 or right - left < 2:
            continue
        near = ((along[top:bottom, None] - z) / 2.4) ** 2 + ((x[None, left:right] - at) / 2.2) ** 2
        leaves = patch[: bottom - top, : right - left]
        lit[top:bottom, left:right] *= np.where(near + 0.35 * leaves < 0.9, np.float32(0.25), np.float32(1.0))
    return np.asarray(lit, dtype=np.float32)


def _mark_joints(
    generator: np.random.Generator, texture: Floats, along: Floats, x: Floats, off: NDArray[np.bool_], detail: float
) -> None:
    slab = generator.uniform(0.7, 1.3)
    wide = max(0.06, 0.09 / detail)
    cross = np.where(np.mod(along, slab) < wide, np.float32(0.84), np.float32(1.0))[:, None]
    down = np.where(np.mod(x, slab) < wide, np.float32(0.88), np.float32(1.0))
    first, last = int(np.argmin(off)), len(x) - int(np.argmin(off[::-1]))  # the road
    for part in (slice(0, first), slice(last, len(x))):
        texture[:, part] *= cross * down[part]
    for _ in range(int(generator.integers(2, 7))):  # repairs
        z, left = generator.uniform(STREET_START, 40), generator.uniform(x[0], x[-1])
        top, bottom = np.searchsorted(along, (z, z + generator.uniform(1, 6))).tolist()
        start, end = np.searchsorted(x, (left, left + generator.uniform(0.6, 2.4))).tolist()
        texture[top:bottom, max(start, first) : min(end, last)] *= np.float32(generator.uniform(0.8, 1.12))
    for _ in range(int(generator.integers(1, 5))):  # cracks, as random walks along the road
        walk = generator.uniform(x[0], x[-1]) + np.cumsum(generator.standard_normal(len(along))) * 0.05
        column = np.clip(((walk - x[0]) * (len(x) / (x[-1] - x[0]))).astype(int), 0, len(x) - 1)
        texture[np.arange(len(along)), column] *= 0.72
    for _ in range(int(generator.integers(1, 4))):  # manholes
        z, at = generator.uniform(6, 45), generator.uniform(-4, 1.5)
        near_z, near_x = np.flatnonzero(np.abs(along - z) < 0.32), np.flatnonzero(np.abs(x - at) < 0.32)
        disc = (along[near_z, None] - z) ** 2 + (x[near_x] - at) ** 2 < 0.1
        texture[np.ix_(near_z, near_x)] *= np.where(disc, np.float32(0.6), np.float32(1.0))


def _mark_lanes(generator: np.random.Generator, layout: Layout, along: Floats, x: Floats) -> Floats:
    """Give the brightness of painted markings [along, across], 0 where there are none."""
    marks = np.zeros((len(along), len(x)), np.float32)
    white = generator.uniform(185, 232)
    period, line = generator.uniform(6, 11), generator.uniform(2.5, 4.5)
    dash = np.mod(along, period) < line if generator.random() < 0.75 else np.ones(len(along), bool)

    def paint(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> None:
        marks[np.ix_(rows, columns)] = white

    whole = np.ones(len(along), bool)
    paint(dash, np.abs(x - layout.middle) < 0.075)
    if layout.parking and generator.random() < 0.6:
        for edge in (layout.left_kerb + 2.1, layout.right_kerb - 2.1):
            paint(whole if generator.random() < 0.5 else np.mod(along, 5.5) < 0.9, np.abs(x - edge) < 0.06)
    if generator.random() < 0.3:  # zebra crossing
        z = generator.uniform(7, 30)
        bars = (np.mod(x, 1.0) < 0.5) & (x > layout.left_kerb + 0.3) & (x < layout.right_kerb - 0.3)
        paint((along > z) & (along < z + 3.0), bars)
    elif generator.random() < 0.3:  # stop line
        z = generator.uniform(8, 25)
        paint((along > z) & (along < z + 0.45), (x > layout.middle + 0.2) & (x < layout.right_kerb - 0.3))
    return marks
