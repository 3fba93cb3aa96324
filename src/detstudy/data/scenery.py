"""What stands along drawn streets and hides objects without being one: trees, lamps, signs, cabinets, bollards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.data.canvas import (
    Bytes,
    Canvas,
    Floats,
    Light,
    fill_hull,
    fill_polygon,
    list_colors,
    make_grain,
    make_noise,
    measure_haze,
    project_points,
)

ItemKind = Literal["tree", "lamp", "sign", "cabinet", "bollard"]
_SIGNS = ((190, 30, 34), (28, 70, 160), (230, 200, 40), (228, 228, 224))
_CIRCLE = np.linspace(0, 2 * np.pi, 12)[:-1].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing beside the road; metres, `z` counted from where the street begins."""

    kind: ItemKind
    x: float
    z: float
    height: float
    color: tuple[float, float, float]
    variant: int


def make_foliage(generator: np.random.Generator, light: Light, size: int) -> Bytes:
    """Draw the crown of a tree [size, size, 4], the last channel being where leaves are."""
    ticks = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = ticks[None, :], ticks[:, None]
    lumps = make_noise(generator, size, size, max(size // 7, 2)) + 0.6 * make_noise(
        generator, size, size, max(size // 16, 2)
    )
    grain = make_grain(generator, size, size)
    cover = 1.0 - (across**2 + down**2) + 0.24 * lumps + 0.22 * grain
    side = 0.5 + 0.5 * (across * float(light.sun[0]) - down * 0.8)
    brightness = 0.45 + 0.14 * lumps + 0.12 * grain
    hue = np.array([[62, 92, 38], [84, 104, 44], [110, 92, 36], [48, 78, 44]], np.float32)[int(generator.integers(4))]
    tone = light.ambient * 0.8 + light.direct * np.clip(side, 0, 1)[..., None] * 1.1
    leaves = np.clip(hue * generator.uniform(0.9, 1.2) * tone * (brightness[..., None] + 0.55), 0, 255)
    return np.dstack([leaves, np.where(cover > 0.22, 255, 0)]).astype(np.uint8)


def sample_item(generator: np.random.Generator, kind: ItemKind, x: float, z: float) -> Item:
    """Draw the size and colour of one thing at a place."""
    low, high = {"tree": (5.5, 9.0), "lamp": (5.0, 7.5), "sign": (2.1, 2.9), "cabinet": (0.9, 1.4),
                 "bollard": (0.8, 1.0)}[kind]  # fmt: skip
    tone = generator.uniform(50, 130)
    if kind == "tree":
        color = (tone * 0.75, tone * 0.64, tone * 0.52)
    elif kind == "sign":
        color = _SIGNS[int(generator.integers(len(_SIGNS)))]
    else:
        color = (tone, tone * 1.02, tone * 1.03)
    return Item(kind, x, z, float(generator.uniform(low, high)), color, int(generator.integers(1 << 16)))


def paint_item(canvas: Canvas, item: Item, foliage: tuple[Bytes, ...], depth: float, exposure: float) -> None:
    """Paint a thing `depth` metres away over what is farther; where it hides an object, the object's id goes."""
    h, x = item.height, item.x
    if item.kind == "tree":
        thick = 0.10 + 0.014 * h
        _paint_post(canvas, x, depth, h * 0.6, thick, item.color, exposure)
        _paint_crown(canvas, foliage[item.variant % len(foliage)], x, depth, h)
    elif item.kind == "lamp":
        _paint_post(canvas, x, depth, h, 0.075, item.color, exposure)
        arm = -np.sign(x) * 1.2
        _paint_quads(canvas, [(x, h - 0.08, x + arm, h + 0.04), (x + arm * 0.75, h - 0.16, x + arm * 1.35, h + 0.02)],
                     depth, item.color, exposure)  # fmt: skip
    elif item.kind == "sign":
        _paint_post(canvas, x, depth, h, 0.035, (120, 122, 124), exposure)
        _paint_plate(canvas, item, depth, exposure)
    elif item.kind == "cabinet":
        width = 0.35 + 0.4 * (item.variant % 5) / 4
        _paint_box(canvas, x, depth, width, h, 0.5, item.color, exposure)
    else:
        _paint_post(canvas, x, depth, h, 0.06, item.color, exposure)
        _paint_quads(canvas, [(x - 0.06, h * 0.72, x + 0.06, h * 0.86)], depth, (205, 60, 50), exposure)


def _light_flat(canvas: Canvas, colors: Floats, depth: float, exposure: float, toward: float) -> Floats:
    light = canvas.light
    haze = measure_haze(light, depth)
    lit = colors * (light.ambient * 0.85 + light.direct * (max(toward, 0.0) * exposure))
    return np.asarray(np.clip(lit * (1 - haze) + light.haze * haze, 0, 255), dtype=np.float32)


def _paint_post(
    canvas: Canvas, x: float, depth: float, height: float, radius: float, color: tuple[float, ...], exposure: float
) -> None:
    sun = canvas.light.sun
    base = np.array([color], np.float32)
    strips = ((-1.0, -0.35), (-0.35, 0.35), (0.35, 1.0))
    for (left, right), normal in zip(strips, (-0.8, 0.0, 0.8), strict=True):
        toward = float(sun[0]) * normal - float(sun[2]) * (1 - abs(normal) * 0.4)
        tone = list_colors(_light_flat(canvas, base, depth, exposure, 0.8 * toward))[0]
        quad = np.array([[x + left * radius * 1.15, 0, depth], [x + right * radius * 1.15, 0, depth],
                         [x + right * radius, height, depth], [x + left * radius, height, depth]], np.float32)  # fmt: skip
        polygon = project_points(canvas.camera, quad)
        fill_polygon(canvas.image, polygon, tone)
        fill_polygon(canvas.ids, polygon, 0)


def _paint_quads(
    canvas: Canvas, boxes: list[tuple[float, float, float, float]], depth: float, color: tuple[float, ...],
    exposure: float,
) -> None:  # fmt: skip
    toward = 0.7 * max(0.0, -float(canvas.light.sun[2])) + 0.1
    tone = list_colors(_light_flat(canvas, np.array([color], np.float32), depth, exposure, toward))[0]
    for left, low, right, high in boxes:
        quad = np.array([[left, low, depth], [right, low, depth], [right, high, depth], [left, high, depth]], np.float32)
        polygon = project_points(canvas.camera, quad)
        fill_polygon(canvas.image, polygon, tone)
        fill_polygon(canvas.ids, polygon, 0)


def _paint_plate(canvas: Canvas, item: Item, depth: float, exposure: float) -> None:
    corners = (11, 3, 4)[item.variant % 3]
    turn = _CIRCLE if corners == 11 else (np.arange(corners) / corners * 2 * np.pi + (np.pi / 4, np.pi / 2)[corners == 3])
    toward = 0.8 * max(0.0, -float(canvas.light.sun[2])) + 0.15
    for radius, color in ((0.34, item.color), (0.24, (225, 225, 220) if item.variant % 2 else item.color)):
        tone = list_colors(_light_flat(canvas, np.array([color], np.float32), depth, exposure, toward))[0]
        plate = np.stack([item.x + radius * np.cos(turn), item.height - 0.3 + radius * np.sin(turn), 0 * turn + depth], 1)
        polygon = project_points(canvas.camera, plate.astype(np.float32))
        fill_polygon(canvas.image, polygon, tone)
        fill_polygon(canvas.ids, polygon, 0)


def _paint_box(
    canvas: Canvas, x: float, depth: float, width: float, height: float, deep: float, color: tuple[float, ...],
    exposure: float,
) -> None:  # fmt: skip
    sun = canvas.light.sun
    base = np.array([color], np.float32)
    inner = x - np.sign(x) * width / 2
    front = [[x - width / 2, 0, depth], [x + width / 2, 0, depth], [x + width / 2, height, depth],
             [x - width / 2, height, depth]]  # fmt: skip
    side = [[inner, 0, depth], [inner, 0, depth + deep], [inner, height, depth + deep], [inner, height, depth]]
    top = [front[3], front[2], [x + width / 2, height, depth + deep], [x - width / 2, height, depth + deep]]
    for quad, toward in ((top, float(sun[1])), (side, -np.sign(x) * float(sun[0])), (front, -float(sun[2]))):
        polygon = project_points(canvas.camera, np.array(quad, np.float32))
        tone = list_colors(_light_flat(canvas, base, depth, exposure, float(toward)))[0]
        fill_hull(canvas.image, polygon, tone)
        fill_hull(canvas.ids, polygon, 0)


def _paint_crown(canvas: Canvas, foliage: Bytes, x: float, depth: float, height: float) -> None:
    camera = canvas.camera
    scale = camera.focal / depth
    size = len(foliage)
    across, tall = 0.62 * height * scale, 0.72 * height * scale
    left = camera.center + x * scale - across / 2
    top = camera.horizon + (camera.altitude - 1.08 * height) * scale
    # Only the part inside the picture is made: crowns of near trees reach far above it.
    x0, x1 = max(int(left), 0), min(int(left + across) + 1, camera.width)
    y0, y1 = max(int(top), 0), min(int(top + tall) + 1, camera.height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    inverse = np.array([[size / across, 0, (x0 - left) * size / across], [0, size / tall, (y0 - top) * size / tall]])
    patch = cv2.warpAffine(foliage, inverse, (x1 - x0, y1 - y0), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    mask: NDArray[np.uint8] = np.ascontiguousarray(patch[..., 3])
    color = np.ascontiguousarray(patch[..., :3])
    haze = float(measure_haze(canvas.light, depth))
    if haze > 0.06:
        color = cv2.addWeighted(color, 1 - haze, np.full_like(color, canvas.light.haze.astype(np.uint8)), haze, 0)
    cv2.copyTo(color, mask, canvas.image[y0:y1, x0:x1])
    canvas.ids[y0:y1, x0:x1][mask > 0] = 0
