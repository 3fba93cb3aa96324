"""House fronts, hedges and fences along drawn streets: one long picture for each side of the road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from detstudy.data.canvas import Bytes, Floats, Light, make_grain, make_noise, measure_haze

FRONT_HEIGHT = 15.0  # metres shown of a front, from the ground
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

    @property
    def solid(self) -> bool:
        """Whether its end is a wall that one sees when a gap comes before it."""
        return self.kind == "house"


def sample_blocks(generator: np.random.Generator, length: float, style: int) -> tuple[Block, ...]:
    """Fill one side of a street: style 0 is a city, 1 a suburb, 2 a park."""
    chances = ((0.80, 0.08, 0.04, 0.08), (0.46, 0.28, 0.12, 0.14), (0.12, 0.62, 0.10, 0.16))[style]
    kinds: tuple[Literal["house", "hedge", "fence", "gap"], ...] = ("house", "hedge", "fence", "gap")
    blocks: list[Block] = []
    at = 0.0
    while at < length + 4:
        kind = kinds[int(generator.choice(4, p=chances))]
        wide = generator.uniform(7, 20) if kind == "house" else generator.uniform(4, 14)
        tone = generator.uniform(0.78, 1.12)
        if kind == "house":
            red, green, blue = _WALLS[int(generator.integers(len(_WALLS)))]
            height = generator.uniform(8, 14.5) if style == 0 else generator.uniform(4.5, 8.5)
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
    """Paint one side [rows from the top, columns `along` the street, 4]; `facing` is how much it looks at the sun."""
    rows = round(FRONT_HEIGHT * 9 * detail)
    up = (FRONT_HEIGHT * (1 - (np.arange(rows, dtype=np.float32) + 0.5) / rows)).astype(np.float32)
    color = np.zeros((rows, len(along), 3), np.float32)
    cover = np.zeros((rows, len(along)), bool)
    weather = 1 + 0.05 * make_noise(generator, rows, len(along), round(14 * detail))
    weather += 0.05 * make_grain(generator, rows, len(along))
    for block in blocks:
        first, last = np.searchsorted(along, (block.start, block.end))
        if block.kind == "gap" or last - first < 2:
            continue
        here = along[first:last] - block.start
        top = int(np.searchsorted(-up, -block.height))
        part = color[top:, first:last]
        if block.kind == "house":
            _paint_house(generator, block, light, up[top:], here, part)
            cover[top:, first:last] = True
        elif block.kind == "hedge":
            leaves = make_noise(generator, rows - top, last - first, max(round(5 * detail), 2))
            leaves += 0.8 * make_grain(generator, rows - top, last - first)
            rise = (up[top:] / block.height)[:, None]
            part[:] = np.array(block.color, np.float32) * (0.55 + 0.35 * rise + 0.2 * leaves)[..., None]
            cover[top:, first:last] = rise + 0.12 * leaves < 0.92
        else:
            part[:] = np.array(block.color, np.float32)
            part[:, np.mod(here, 0.9) < 0.12] *= 0.7
            cover[top:, first:last] = True
    color *= weather[..., None] * (light.ambient * 0.92 + light.direct * max(facing, 0.0))
    color *= np.clip(0.72 + 0.4 * up, 0.72, 1.0)[:, None, None]  # less sky reaches the foot of a wall
    haze = measure_haze(light, np.maximum(along - 1.5, 0))[None, :, None]
    color = color * (1 - haze) + light.haze * haze
    return np.dstack([np.clip(color, 0, 255), np.where(cover, 255, 0)]).astype(np.uint8)


def _paint_house(
    generator: np.random.Generator, block: Block, light: Light, up: Floats, here: Floats, part: Floats
) -> None:
    wall = np.array(block.color, np.float32)
    part[:] = wall
    wide = block.end - block.start
    storey, pitch = generator.uniform(2.9, 3.5), wide / max(round(wide / generator.uniform(1.9, 3.0)), 1)
    roof = generator.uniform(0.5, 1.8) if block.height < 9 else generator.uniform(0.25, 0.6)
    ground = storey * generator.uniform(1.0, 1.25)
    floor = np.floor((up - ground) / storey).astype(int)
    column = np.floor(here / pitch).astype(int)
    rise, across = (up - ground) / storey - floor, here / pitch - column
    low, high = generator.uniform(0.2, 0.32), generator.uniform(0.72, 0.86)
    half = generator.uniform(0.2, 0.36)
    upper = (up > ground) & (up < block.height - roof - 0.3)
    frame = generator.uniform(0.85, 1.35)
    glass = np.clip(generator.normal(0.32, 0.2, (floor.max(initial=0) + 2, column.max(initial=0) + 1)), 0.06, 0.95)
    panes = glass[np.clip(floor, 0, None)][:, column][..., None] * (0.35 * light.sky + 30)
    border = np.outer(upper & (rise > low - 0.05) & (rise < high + 0.04), np.abs(across - 0.5) < half + 0.05)
    inside = np.outer(upper & (rise > low) & (rise < high), np.abs(across - 0.5) < half)
    inside &= (np.abs(across - 0.5) > 0.025)[None, :]
    part[border] = np.clip(wall * frame, 0, 235)
    part[inside] = panes.astype(np.float32)[inside]
    part[np.ix_(upper & (rise < 0.06), np.ones(len(here), bool))] *= 0.88
    shop = generator.random() < 0.45
    if shop:
        part[(up < ground - 0.35) & (up > 0.4)] = wall * 0.55
        bay = np.outer((up < ground - 0.8) & (up > 0.5), np.abs(across - 0.5) < 0.43)
        part[bay] = panes[bay] * 1.1 + 12
        part[(up > ground - 0.7) & (up < ground - 0.15)] = generator.uniform(30, 190, 3)
    else:
        lower = np.outer((up > 0.95) & (up < ground - 0.7), np.abs(across - 0.5) < half)
        part[lower] = panes.astype(np.float32)[lower]
        door = int(generator.integers(column.max(initial=0) + 1))
        part[np.outer(up < 2.1, (column == door) & (np.abs(across - 0.5) < 0.26))] = generator.uniform(30, 110, 3)
    part[up < 0.45] *= 0.75
    part[up > block.height - roof] = np.array(_ROOFS[int(generator.integers(len(_ROOFS)))], np.float32)
    part[:, here < 0.12] *= 0.6
