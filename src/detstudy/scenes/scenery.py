"""What stands along drawn streets and hides objects without being one: trees, lamps, signs, cabinets, bollards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.scenes.canvas import (
    Bytes,
    Canvas,
    Floats,
    Light,
    fill_polygon,
    list_colors,
    make_grain,
    make_noise,
    measure_haze,
    measure_hazes,
    project_points,
)

ItemKind = Literal["tree", "lamp", "sign", "cabinet", "bollard"]
Panel = tuple[list[tuple[float, float, float]], tuple[float, ...], tuple[float, float, float]]  # points, colour, normal
_SIGNS = ((190, 30, 34), (28, 70, 160), (230, 200, 40), (228, 228, 224))
_HEIGHTS = {"tree": (5.5, 9.0), "lamp": (5.0, 7.5), "sign": (2.1, 2.9), "cabinet": (0.9, 1.4), "bollard": (0.8, 1.0)}
_LAYER = 11.0  # metres of depth in which trees get the same haze
_CORNERS = 8  # of every panel; those with fewer repeat their last one


@dataclass(frozen=True, slots=True)
class Item:
    """One thing beside the road; metres, `z` counted from where the camera stands at frame 0."""

    kind: ItemKind
    x: float
    z: float
    height: float
    color: tuple[float, float, float]
    variant: int


@dataclass(frozen=True, slots=True)
class Scenery:
    """All things along one street, with their panels lit once: neither they nor the sun move."""

    items: tuple[Item, ...]
    outlines: Floats  # panels of all items [n, corners, 3]
    colors: list[list[float]]  # [n]
    firsts: list[int]  # each item's first panel, and at last n
    foliage: tuple[tuple[tuple[Bytes, ...], Bytes], ...]  # colours in each layer of haze and cover (0, 255) of crowns


def sample_item(generator: np.random.Generator, kind: ItemKind, x: float, z: float) -> Item:
    """Draw the size and colour of one thing at a place."""
    low, high = _HEIGHTS[kind]
    tone = float(generator.uniform(50, 130))
    color = (tone, tone * 1.02, tone * 1.03)
    if kind == "tree":
        color = (tone * 0.75, tone * 0.64, tone * 0.52)
    elif kind == "sign":
        color = _SIGNS[int(generator.integers(len(_SIGNS)))]
    return Item(kind, x, z, float(generator.uniform(low, high)), color, int(generator.integers(1 << 16)))


def build_scenery(
    generator: np.random.Generator, light: Light, items: tuple[Item, ...], exposures: Floats, detail: float
) -> Scenery:
    """Light the items once; `exposures` [n] are their shares of the sun, `detail` the image's rows divided by 96."""
    outlines, colors, normals, firsts, owners = [], [], [], [0], []
    for k, item in enumerate(items):
        for points, color, normal in _list_panels(item):
            outlines.append(points + points[-1:] * (_CORNERS - len(points)))
            colors.append(color)
            normals.append(normal)
            owners.append(k)
        firsts.append(len(outlines))
    incidence = np.maximum(np.array(normals, np.float32).reshape(-1, 3) @ light.sun, 0.0) * exposures[owners]
    depth = np.array([item.z for item in items], np.float32)[owners]
    lit = np.array(colors, np.float32).reshape(-1, 3) * (light.ambient * 0.85 + light.direct * incidence[:, None])
    haze = measure_hazes(light, np.maximum(depth - 1.5, 0))[:, None]
    size = round(52 * max(detail, 1.0) ** 0.8)
    return Scenery(
        items=items,
        outlines=np.array(outlines, np.float32).reshape(-1, _CORNERS, 3),
        colors=list_colors(np.minimum(lit * (1 - haze) + light.haze * haze, 255.0)),
        firsts=firsts,
        foliage=tuple(_make_foliage(generator, light, size) for _ in range(2)),
    )


def _list_panels(item: Item) -> list[Panel]:
    x, z, h = item.x, item.z, item.height
    if item.kind == "tree":
        return _list_post(x, z, h * 0.6, 0.10 + 0.014 * h, item.color)
    if item.kind == "lamp":
        arm = -float(np.sign(x)) * 1.2
        head = _flat_box(x + arm * 0.75, h - 0.16, x + arm * 1.35, h + 0.02, z)
        return [*_list_post(x, z, h, 0.075, item.color), (_flat_box(x, h - 0.08, x + arm, h + 0.04, z), item.color,
                (0, 0.3, -0.7)), (head, item.color, (0, 0.3, -0.7))]  # fmt: skip
    if item.kind == "bollard":
        band = _flat_box(x - 0.06, h * 0.72, x + 0.06, h * 0.86, z)
        return [*_list_post(x, z, h, 0.06, item.color), (band, (205.0, 60.0, 50.0), (0, 0.3, -0.7))]
    if item.kind == "sign":
        count = (8, 3, 4)[item.variant % 3]
        turn = np.arange(count) / count * 2 * np.pi + {8: 0.39, 3: np.pi / 2, 4: np.pi / 4}[count]
        inner = (225.0, 225.0, 220.0) if item.variant % 2 else tuple(0.9 * c for c in item.color)
        rim = np.stack([np.cos(turn), np.sin(turn)], axis=1).tolist()
        plates: list[Panel] = [
            ([(x + r * a, h - 0.3 + r * b, z) for a, b in rim], color, (0, 0.2, -0.8))
            for r, color in ((0.34, item.color), (0.24, inner))
        ]
        return [*_list_post(x, z, h, 0.035, (120.0, 122.0, 124.0)), *plates]
    half, deep = 0.18 + 0.2 * (item.variant % 5) / 4, 0.5
    side = -float(np.sign(x))
    inner_x = x + side * half
    front, back = _flat_box(x - half, 0, x + half, h, z), _flat_box(x - half, 0, x + half, h, z + deep)
    return [
        ([front[3], front[2], back[2], back[3]], item.color, (0, 1, 0)),
        ([(inner_x, 0, z), (inner_x, 0, z + deep), (inner_x, h, z + deep), (inner_x, h, z)], item.color, (side, 0, 0)),
        (front, item.color, (0, 0, -1)),
    ]


def _flat_box(left: float, low: float, right: float, high: float, z: float) -> list[tuple[float, float, float]]:
    return [(left, low, z), (right, low, z), (right, high, z), (left, high, z)]


def _list_post(x: float, z: float, height: float, radius: float, color: tuple[float, ...]) -> list[Panel]:
    """Give upright strips that together look round; thin posts need only one or two."""
    strips = [(-1.0, -0.3, -0.8), (-0.3, 0.35, 0.0), (0.35, 1.0, 0.8)]
    if radius < 0.05:
        strips = [(-1.0, 1.0, 0.2)]
    elif radius < 0.1:
        strips = [(-1.0, 0.0, -0.5), (0.0, 1.0, 0.5)]
    return [
        (_flat_box(x + left * radius, 0, x + right * radius, height, z), color, (normal, 0, abs(normal) - 1.0))
        for left, right, normal in strips
    ]


def _make_foliage(generator: np.random.Generator, light: Light, size: int) -> tuple[tuple[Bytes, ...], Bytes]:
    ticks = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = ticks[None, :], ticks[:, None]
    lumps = make_noise(generator, size, size, max(size // 7, 2))
    lumps += 0.6 * make_noise(generator, size, size, max(size // 16, 2))
    grain = make_grain(generator, size, size)
    cover = 1.0 - (across**2 + down**2) + 0.24 * lumps + 0.22 * grain
    side = np.clip(0.5 + 0.5 * (across * float(light.sun[0]) - down * 0.8), 0, 1)
    hue = np.array([[62, 92, 38], [84, 104, 44], [110, 92, 36], [48, 78, 44]], np.float32)[int(generator.integers(4))]
    hue *= float(generator.uniform(0.9, 1.2))
    texture = 1.0 + 0.14 * lumps + 0.12 * grain
    planes = [hue[k] * (light.ambient[k] * 0.8 + light.direct[k] * 1.1 * side) * texture for k in range(3)]
    leaves = cv2.merge([*planes, np.zeros_like(texture)])
    hazes = [measure_haze(light, (k + 0.5) * _LAYER) for k in range(5)]
    layers = [
        cv2.add(leaves * np.float32(1 - haze), (*(light.haze * haze).tolist(), 0.0), dtype=cv2.CV_8U) for haze in hazes
    ]
    return tuple(np.asarray(layer, dtype=np.uint8) for layer in layers), np.where(cover > 0.22, 255, 0).astype(np.uint8)


def project_scenery(canvas: Canvas, scenery: Scenery, travel: float) -> NDArray[np.int32]:
    """Project all panels as seen after `travel` metres, for `paint_item`."""
    return project_points(canvas.camera, scenery.outlines - np.array([0, 0, travel], np.float32))


def paint_item(canvas: Canvas, scenery: Scenery, outlines: NDArray[np.int32], k: int, depth: float) -> None:
    """Paint item `k` at a depth over what is farther; where it hides objects, their ids go."""
    item = scenery.items[k]
    camera = canvas.camera
    scale = camera.focal / depth
    if abs(camera.center + item.x * scale - camera.width / 2) > camera.width / 2 + (0.35 * item.height + 0.5) * scale:
        return
    for panel in range(scenery.firsts[k], scenery.firsts[k + 1]):
        fill_polygon(canvas.image, outlines[panel], scenery.colors[panel])
    if item.kind == "tree":
        _paint_crown(canvas, scenery.foliage[item.variant % len(scenery.foliage)], item.x, depth, item.height)


def _paint_crown(
    canvas: Canvas, foliage: tuple[tuple[Bytes, ...], Bytes], x: float, depth: float, height: float
) -> None:
    camera = canvas.camera
    scale = camera.focal / depth
    layers, shape = foliage
    size = len(shape)
    across, tall = 0.62 * height * scale, 0.72 * height * scale
    left = camera.center + x * scale - across / 2
    top = camera.horizon + (camera.altitude - 1.08 * height) * scale
    # Only the part inside the picture is made: crowns of near trees reach far above it.
    x0, x1 = max(int(left), 0), min(int(left + across) + 1, camera.width)
    y0, y1 = max(int(top), 0), min(int(top + tall) + 1, camera.height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    inverse = np.array([[size / across, 0, (x0 - left) * size / across], [0, size / tall, (y0 - top) * size / tall]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    color = cv2.warpAffine(layers[min(int(depth / _LAYER), len(layers) - 1)], inverse, (x1 - x0, y1 - y0), flags=flags)
    cover = cv2.warpAffine(shape, inverse, (x1 - x0, y1 - y0), flags=flags)
    cv2.copyTo(color, cover, canvas.image[y0:y1, x0:x1])
