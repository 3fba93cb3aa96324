"""House fronts, hedges and fences along drawn streets: one long picture for each side of the road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from detstudy.scenes.canvas import Bytes, Floats, Light, make_grain, make_noise, measure_hazes

FRONT_HEIGHT = 14.0  # metres shown of a front, from the ground
_WALLS = (
    (186, 172, 148), (206, 198, 182), (150, 96, 74), (168, 116, 88), (142, 138, 132), (196, 176, 128), (120, 112, 106),
    (214, 206, 196), (160, 150, 156), (128, 76, 62), (176, 184, 182),
)  # fmt: skip
# Parts of a front; from _PANE on they are panes of different tones.
_WALL, _DIM, _FRAME, _CORNICE, _TOP, _DOOR, _SIGN, _PANE, _PARTS = 0, 1, 2, 3, 4, 5, 6, 7, 13
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
) -> Bytes:
    """Paint one side [rows from the top and one below, columns `along` the street, 4]: colours and cover (0, 255).

    `facing` is how much the side looks at the sun, `detail` the image's rows divided by 96.
    """
    rows, columns = round(FRONT_HEIGHT * 7 * detail), len(along)
    up = (FRONT_HEIGHT * (1 - (np.arange(rows, dtype=np.float32) + 0.5) / rows)).astype(np.float32)
    grain = make_grain(generator, rows, columns)
    blobs = make_noise(generator, rows, columns, max(round(5 * detail), 2))
    # What stands where, as rows of one palette, and how bright it is there. Less sky reaches the foot of a wall.
    parts = np.zeros((rows, columns), np.uint8)
    palette = np.zeros((len(blocks) * _PARTS, 3), np.float32)
    cover = np.zeros((rows, columns), np.uint8)
    texture = np.clip(0.72 + 0.4 * up, 0.72, 1.0)[:, None] * (1 + 0.05 * grain + 0.03 * blobs)
    for k, block in enumerate(blocks):
        first, last = np.searchsorted(along, (block.start, block.end)).tolist()
        if block.kind == "gap" or last - first < 2:
            continue
        top = int(np.searchsorted(-up, -block.height))
        area = (slice(top, rows), slice(first, last))
        here = along[first:last] - np.float32(block.start)
        parts[area] = k * _PARTS
        palette[k * _PARTS : (k + 1) * _PARTS] = block.color
        cover[area] = 255
        if block.kind == "house":
            found, colors = _divide_house(generator, block, light, up[top:], here)
            parts[area] += found
            palette[k * _PARTS : (k + 1) * _PARTS] = colors
        elif block.kind == "hedge":
            leaves = blobs[area] + 0.8 * grain[area]
            rise = (up[top:] / np.float32(block.height))[:, None]
            texture[area] *= 0.55 + 0.35 * rise + 0.2 * leaves
            cover[area] = np.where(rise + 0.12 * leaves < 0.92, 255, 0)
        else:
            texture[area] *= np.where(np.mod(here, 0.9) < 0.12, np.float32(0.7), np.float32(1.0))
    haze = measure_hazes(light, np.maximum(along - 1.5, 0))
    texture *= 1 - haze
    palette *= light.ambient * 0.92 + light.direct * max(facing, 0.0)
    planes = []
    for k in range(3):
        plane = np.take(palette[:, k], parts)
        plane *= texture
        plane += light.haze[k] * haze
        planes.append(np.clip(plane, 0, 255, out=plane).astype(np.uint8))
    # A row below the foot and both ends cover nothing, so that drawing out the border shows no wall where none is.
    front = np.asarray(
        cv2.copyMakeBorder(cv2.merge([*planes, cover]), 0, 1, 0, 0, cv2.BORDER_REPLICATE), dtype=np.uint8
    )
    front[-1, :, 3] = 0
    front[:, [0, -1], 3] = 0
    return front


def _divide_house(
    generator: np.random.Generator, block: Block, light: Light, up: Floats, here: Floats
) -> tuple[Bytes, Floats]:
    """Give what each place of a front is [rows, columns] and the colours of these parts [parts, 3]."""
    wide = block.end - block.start
    dice = generator.uniform(size=10).tolist()
    storey, pitch = 2.9 + 0.6 * dice[0], wide / max(round(wide / (1.9 + 1.1 * dice[1])), 1)
    roof = 0.5 + 1.3 * dice[2] if block.height < 9 else 0.25 + 0.35 * dice[2]
    ground = storey * (1 + 0.25 * dice[3])
    low, high, half = 0.2 + 0.12 * dice[4], 0.72 + 0.14 * dice[5], 0.2 + 0.16 * dice[6]
    floor, column = np.floor((up - ground) / storey), np.floor(here / pitch)
    rise, across = (up - ground) / storey - floor, np.abs(here / pitch - column - 0.5)
    upper = (up > ground) & (up < block.height - roof - 0.3)
    # Panes of some tones from dark rooms to mirrored sky, one tone a window.
    shape = (int(floor.max(initial=0)) + 2, int(column.max(initial=0)) + 1)
    panes = generator.integers(_PANE, _PARTS, shape, np.uint8)[np.maximum(floor, -1).astype(int)][:, column.astype(int)]
    found = np.zeros(panes.shape, np.uint8)
    found[upper & (rise < 0.06)] = _CORNICE
    found[np.outer(upper & (rise > low - 0.05) & (rise < high + 0.04), across < half + 0.05)] = _FRAME
    glass = np.outer(upper & (rise > low) & (rise < high), (across < half) & (across > 0.025))
    if dice[7] < 0.45:  # a shop
        found[(up < ground - 0.35) & (up > 0.4)] = _DIM
        found[(up > ground - 0.7) & (up < ground - 0.15)] = _SIGN
        glass |= np.outer((up < ground - 0.8) & (up > 0.5), across < 0.43)
        np.copyto(found, panes, where=glass)
    else:
        glass |= np.outer((up > 0.95) & (up < ground - 0.7), across < half)
        np.copyto(found, panes, where=glass)
        found[np.outer(up < 2.1, (column == int(dice[8] * shape[1])) & (across < 0.26))] = _DOOR
    found[up > block.height - roof] = _TOP
    found[:, here < 0.12] = _DIM
    foot = found[up < 0.45]
    foot[foot == _WALL] = _CORNICE
    found[up < 0.45] = foot
    colors = np.empty((_PARTS, 3), np.float32)
    wall = np.array(block.color, np.float32)
    colors[_WALL], colors[_DIM], colors[_CORNICE] = wall, wall * 0.6, wall * 0.84
    colors[_FRAME] = np.minimum(wall * (0.85 + 0.5 * dice[9]), 235)
    colors[_TOP] = _ROOFS[int(generator.integers(len(_ROOFS)))]
    colors[_DOOR] = generator.uniform(30, 110, 3)
    colors[_SIGN] = generator.uniform(30, 190, 3)
    tones = np.clip(generator.normal(0.32, 0.2, (_PARTS - _PANE, 1)), 0.06, 0.95)
    colors[_PANE:] = tones * (0.35 * light.sky + 30) / (0.6 + 0.4 * light.ambient)
    return found, colors
