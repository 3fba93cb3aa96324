"""House fronts, hedges and fences along drawn streets: one long picture for each side of the road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from detstudy.data.canvas import Bytes, Floats, Light, make_grain, make_noise, measure_hazes

FRONT_HEIGHT = 14.0  # metres shown of a front, from the ground
_WALLS = (
    (186, 172, 148), (206, 198, 182), (150, 96, 74), (168, 116, 88), (142, 138, 132), (196, 176, 128), (120, 112, 106),
    (214, 206, 196), (160, 150, 156), (128, 76, 62), (176, 184, 182),
)  # fmt: skip
_ROOFS = ((120, 62, 48), (84, 78, 76), (96, 58, 48), (64, 66, 72))


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two points along one side of the street."""

    kind: Literal["house", "hedge", "fence", "gap"]
    start: float  # metres along the street
    end: float
    height: float  # metres
    color: tuple[float, float, float]


def sample_blocks(generator: np.random.Generator, length: float, style: int) -> tuple[Block, ...]:
    """Fill one side of a street: style 0 is a city, 1 a suburb, 2 a park."""
    # Chances of a house, a house or a hedge, and so on.
    chances = ((0.80, 0.88, 0.92), (0.46, 0.74, 0.86), (0.12, 0.74, 0.84))[style]
    kinds: tuple[Literal["house", "hedge", "fence", "gap"], ...] = ("house", "hedge", "fence", "gap")
    blocks: list[Block] = []
    at = 0.0
    while at < length + 4:
        kind = kinds[int(np.searchsorted(chances, generator.random()))]
        wide = generator.uniform(9, 22) if kind == "house" else generator.uniform(4, 14)
        tone = generator.uniform(0.78, 1.12)
        if kind == "house":
            red, green, blue = _WALLS[int(generator.integers(len(_WALLS)))]
            height = generator.uniform(8, 13.8) if style == 0 else generator.uniform(4.5, 8.5)
        elif kind == "hedge":
            red, green, blue = (70, 92, 46)
            height = generator.uniform(1.2, 3.0) if generator.random() < 0.4 else generator.uniform(4, 8)
        else:
            red, green, blue = (134, 116, 96) if generator.random() < 0.5 else (150, 150, 146)
            height = 0.0 if kind == "gap" else generator.uniform(1.0, 2.0)
        blocks.append(Block(kind, at, at + wide, float(height), (red * tone, green * tone, blue * tone)))
        at += wide
    return tuple(blocks)


def paint_fronts(
    generator: np.random.Generator, blocks: tuple[Block, ...], light: Light, along: Floats, facing: float, detail: float
) -> tuple[Bytes, Bytes]:
    """Paint one side: colours [rows from the top, columns `along` the street, 3] and cover (0, 255).

    `facing` is how much the side looks at the sun, `detail` the image's rows divided by 96.
    """
    rows, columns = round(FRONT_HEIGHT * 7 * detail), len(along)
    up = (FRONT_HEIGHT * (1 - (np.arange(rows, dtype=np.float32) + 0.5) / rows)).astype(np.float32)
    color = np.zeros((3, rows, columns), np.float32)
    cover = np.zeros((rows, columns), np.uint8)
    grain = make_grain(generator, rows, columns)
    blobs = make_noise(generator, rows, columns, max(round(5 * detail), 2))
    for block in blocks:
        first, last = np.searchsorted(along, (block.start, block.end)).tolist()
        if block.kind == "gap" or last - first < 2:
            continue
        here = along[first:last] - np.float32(block.start)
        top = int(np.searchsorted(-up, -block.height))
        part = color[:, top:, first:last]
        flat = np.array(block.color, np.float32)[:, None, None]
        cover[top:, first:last] = 255
        if block.kind == "house":
            part[:] = _paint_house(generator, block, light, up[top:], here)
        elif block.kind == "hedge":
            leaves = blobs[top:, first:last] + 0.8 * grain[top:, first:last]
            rise = (up[top:] / np.float32(block.height))[:, None]
            part[:] = flat * (0.55 + 0.35 * rise + 0.2 * leaves)
            cover[top:, first:last] = np.where(rise + 0.12 * leaves < 0.92, 255, 0)
        else:
            part[:] = flat * np.where(np.mod(here, 0.9) < 0.12, np.float32(0.7), np.float32(1.0))
    # Less sky reaches the foot of a wall; weather and grain on all of it.
    foot = np.clip(0.72 + 0.4 * up, 0.72, 1.0)[:, None]
    texture = foot * (1 + 0.05 * grain + 0.03 * blobs)
    haze = measure_hazes(light, np.maximum(along - 1.5, 0))
    tone = light.ambient * 0.92 + light.direct * max(facing, 0.0)
    texture *= 1 - haze
    planes = []
    for k, plane in enumerate(color):
        plane *= texture
        plane *= tone[k]
        plane += light.haze[k] * haze
        planes.append(np.clip(plane, 0, 255, out=plane).astype(np.uint8))
    return np.asarray(cv2.merge(planes), dtype=np.uint8), cover


def _paint_house(generator: np.random.Generator, block: Block, light: Light, up: Floats, here: Floats) -> Floats:
    """Give a front's colours [3, rows, columns], by what each place is: wall, roof, frame, door, sign or a pane."""
    wide = block.end - block.start
    storey, pitch = generator.uniform(2.9, 3.5), wide / max(round(wide / generator.uniform(1.9, 3.0)), 1)
    roof = generator.uniform(0.5, 1.8) if block.height < 9 else generator.uniform(0.25, 0.6)
    ground = storey * generator.uniform(1.0, 1.25)
    low, high, half = generator.uniform([0.2, 0.72, 0.2], [0.32, 0.86, 0.36]).tolist()
    floor, column = np.floor((up - ground) / storey), np.floor(here / pitch)
    rise, across = (up - ground) / storey - floor, np.abs(here / pitch - column - 0.5)
    upper = (up > ground) & (up < block.height - roof - 0.3)
    wall, dim, frame, cornice, top, door, sign, pane = range(8)
    # Panes of eight tones from dark rooms to mirrored sky, one tone a window.
    tones = np.clip(generator.normal(0.32, 0.2, 8), 0.06, 0.95)
    table = generator.integers(
        pane, pane + 8, (int(floor.max(initial=0)) + 2, int(column.max(initial=0)) + 1), np.uint8
    )
    panes = table[np.maximum(floor, -1).astype(int)][:, column.astype(int)]
    kinds = np.zeros(panes.shape, np.uint8)
    kinds[upper & (rise < 0.06)] = cornice
    kinds[np.outer(upper & (rise > low - 0.05) & (rise < high + 0.04), across < half + 0.05)] = frame
    glass = np.outer(upper & (rise > low) & (rise < high), (across < half) & (across > 0.025))
    if generator.random() < 0.45:  # a shop
        kinds[(up < ground - 0.35) & (up > 0.4)] = dim
        kinds[(up > ground - 0.7) & (up < ground - 0.15)] = sign
        glass |= np.outer((up < ground - 0.8) & (up > 0.5), across < 0.43)
        kinds[glass] = panes[glass]
    else:
        glass |= np.outer((up > 0.95) & (up < ground - 0.7), across < half)
        kinds[glass] = panes[glass]
        entry = int(generator.integers(len(table[0])))
        kinds[np.outer(up < 2.1, (column == entry) & (across < 0.26))] = door
    kinds[up > block.height - roof] = top
    kinds[:, here < 0.12] = dim
    kinds[(up < 0.45)[:, None] & (kinds == wall)] = cornice
    palette = np.empty((pane + 8, 3), np.float32)
    color = np.array(block.color, np.float32)
    palette[wall], palette[dim], palette[cornice] = color, color * 0.6, color * 0.84
    palette[frame] = np.minimum(color * generator.uniform(0.85, 1.35), 235)
    palette[top] = _ROOFS[int(generator.integers(len(_ROOFS)))]
    palette[door] = generator.uniform(30, 110, 3)
    palette[sign] = generator.uniform(30, 190, 3)
    palette[pane:] = tones[:, None] * (0.35 * light.sky + 30) / (0.6 + 0.4 * light.ambient)
    return np.stack([plane[kinds] for plane in palette.T])
