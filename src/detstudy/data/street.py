"""Streets of drawn scenes: ground, house fronts, sky and light, made once for a place and then driven through."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.data.canvas import Bytes, Camera, Canvas, Floats, Light, fill_polygon, make_grain, make_noise
from detstudy.data.canvas import list_colors, measure_haze, project_points
from detstudy.data.facades import FRONT_HEIGHT, Block, paint_fronts, sample_blocks
from detstudy.data.scenery import Item, ItemKind, make_foliage, sample_item

STREET_START = 2.0  # metres ahead of the camera at the first frame where the ground's texture begins
STREET_LENGTH = 78.0  # metres, with room for the drive


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
class Street:
    """One place, ready to be painted from anywhere along the drive."""

    layout: Layout
    light: Light
    backdrop: Bytes  # sky and skyline of the whole canvas
    ground: Bytes  # seen from above: rows along the street, columns across it
    fronts: tuple[Bytes, Bytes]  # house fronts left and right [rows from the top, columns along the street, 4]
    blocks: tuple[tuple[Block, ...], tuple[Block, ...]]
    shade: Floats  # how far the houses' shade reaches from the sunny side, in metres, along the street
    shade_side: int  # 1: the sun is on the right and its houses cast the shade, -1: left, 0: no shade
    foliage: tuple[Bytes, ...]
    items: tuple[Item, ...]


def sample_light(generator: np.random.Generator) -> tuple[Light, Floats, Floats]:
    """Draw time of day and weather: the light, and the sky's colours at the zenith and the horizon."""
    weather = generator.choice(3, p=[0.55, 0.3, 0.15])  # sunny, overcast, low sun
    height = np.deg2rad(generator.uniform(28, 62) if weather < 2 else generator.uniform(12, 22))
    around = generator.uniform(0, 2 * np.pi)
    sun = np.array([np.cos(height) * np.sin(around), np.sin(height), np.cos(height) * np.cos(around)], np.float32)
    table = (
        ((1.0, 0.94, 0.84), 0.78, (0.50, 0.54, 0.62), (84, 134, 206), (196, 214, 232)),
        ((1.0, 1.0, 1.0), 0.10, (0.84, 0.86, 0.90), (176, 184, 194), (216, 219, 222)),
        ((1.0, 0.80, 0.56), 0.80, (0.42, 0.44, 0.54), (112, 142, 190), (246, 214, 172)),
    )  # fmt: skip
    tint, strength, ambient, zenith, horizon = table[int(weather)]
    top = np.array(zenith, np.float32) * generator.uniform(0.85, 1.12)
    low = np.clip(np.array(horizon, np.float32) * generator.uniform(0.9, 1.08), 0, 255)
    light = Light(
        sun=sun,
        direct=np.array(tint, np.float32) * np.float32(strength * generator.uniform(0.85, 1.1)),
        ambient=np.array(ambient, np.float32) * np.float32(generator.uniform(0.9, 1.1)),
        sky=np.asarray(0.5 * top + 0.5 * low, dtype=np.float32),
        haze=np.asarray(low * 0.94, dtype=np.float32),
        visibility=float(generator.uniform(90, 260)),
    )
    return light, top.astype(np.float32), low.astype(np.float32)


def sample_layout(generator: np.random.Generator) -> Layout:
    """Draw widths of lanes, parking strips and pavements; the camera drives in the right-hand lane at x = 0."""
    parking = bool(generator.random() < 0.65)
    lane = generator.uniform(3.0, 3.5)
    strip = 2.1 if parking else 0.3
    right_kerb = lane / 2 + strip + generator.uniform(0, 0.5)
    left_kerb = -lane * generator.choice([1.5, 1.5, 2.5]) - strip
    return Layout(
        left_wall=left_kerb - generator.uniform(2.2, 5.0),
        left_kerb=left_kerb,
        middle=-lane / 2,
        right_kerb=right_kerb,
        right_wall=right_kerb + generator.uniform(2.2, 5.0),
        parking=parking,
    )


def build_street(generator: np.random.Generator, camera: Camera, detail: float) -> Street:
    """Build one place. `detail` is the image's height in units of 96 pixels; textures grow with it."""
    light, zenith, horizon = sample_light(generator)
    layout = sample_layout(generator)
    length = STREET_LENGTH
    style = int(generator.choice(3, p=[0.5, 0.3, 0.2]))  # city, suburb, park
    blocks = (sample_blocks(generator, length, style), sample_blocks(generator, length, style))
    along = np.arange(round(length * 9 * detail), dtype=np.float32) / np.float32(9 * detail) + np.float32(STREET_START)
    shade_side = 0 if light.direct.mean() < 0.2 else int(np.sign(light.sun[0]))
    shade = np.zeros(len(along), np.float32)
    for block in blocks[max(shade_side, 0)] if shade_side else ():
        # Low suns would put whole streets in shade: let some light through.
        reach = min(block.height * abs(float(light.sun[0])) / max(float(light.sun[1]), 0.3), 9.0)
        shade[(along >= block.start) & (along < block.end)] = reach
    items = _sample_items(generator, layout, style)
    return Street(
        layout=layout,
        light=light,
        backdrop=_paint_backdrop(generator, camera, light, zenith, horizon),
        ground=_paint_ground(generator, layout, light, along, shade, shade_side, items, detail),
        fronts=(
            paint_fronts(generator, blocks[0], light, along, float(light.sun[0]), detail),
            paint_fronts(generator, blocks[1], light, along, -float(light.sun[0]), detail),
        ),
        blocks=blocks,
        shade=shade,
        shade_side=shade_side,
        foliage=tuple(make_foliage(generator, light, round(72 * max(detail, 1.0) ** 0.5)) for _ in range(2)),
        items=items,
    )


def measure_exposure(street: Street, x: float, z: float) -> float:
    """Give the share of the sun that reaches a place; `z` counted from where the street begins."""
    if not street.shade_side:
        return 1.0
    row = min(max(int((z - STREET_START) * len(street.shade) / STREET_LENGTH), 0), len(street.shade) - 1)
    wall = street.layout.right_wall if street.shade_side > 0 else street.layout.left_wall
    inside = float(street.shade[row]) - abs(wall - x)
    return float(np.clip(0.5 - inside, 0.0, 1.0))


def _sample_items(generator: np.random.Generator, layout: Layout, style: int) -> tuple[Item, ...]:
    items: list[Item] = []
    for kerb, wall in ((layout.left_kerb, layout.left_wall), (layout.right_kerb, layout.right_wall)):
        out = float(np.sign(kerb))
        edge, depth = kerb + out * 0.5, abs(wall - kerb)
        if generator.random() < (0.35, 0.5, 0.9)[style]:
            pitch = generator.uniform(7, 13)
            for z in np.arange(generator.uniform(6, 14), STREET_LENGTH - 8, pitch):
                items.append(sample_item(generator, "tree", edge + out * generator.uniform(0, 0.5), float(z)))
        for z in np.arange(generator.uniform(4, 24), STREET_LENGTH - 8, generator.uniform(18, 28)):
            items.append(sample_item(generator, "lamp", edge, float(z)))
        kinds: list[ItemKind] = ["sign", "cabinet", "bollard"]
        for z in generator.uniform(5, STREET_LENGTH - 20, int(generator.integers(3, 8))).tolist():
            kind = kinds[int(generator.choice(3, p=[0.45, 0.25, 0.3]))]
            at = edge if kind != "cabinet" else kerb + out * (depth - 0.5)
            items.append(sample_item(generator, kind, float(at), z))
    return tuple(items)


def _paint_backdrop(
    generator: np.random.Generator, camera: Camera, light: Light, zenith: Floats, horizon: Floats
) -> Bytes:
    # At half the canvas's size: there is nothing sharp in the sky.
    height, width = camera.height // 2, camera.width // 2
    line = camera.horizon / 2
    share = np.clip(np.arange(height, dtype=np.float32) / line, 0, 1)[:, None, None]
    sky = zenith * (1 - share) + horizon * share
    cloud = make_noise(generator, height, width, max(height // 6, 2)) + 0.5 * make_noise(
        generator, height, width, max(height // 14, 2)
    )
    cover = np.clip(cloud * 0.5 + generator.uniform(-0.6, 0.4), 0, 0.85)[..., None]
    sky = sky * (1 - cover) + np.array([246, 246, 248], np.float32) * (cover * (0.75 + 0.25 * light.ambient.mean()))
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for k, (tall, haze) in enumerate(((0.22, 0.72), (0.12, 0.5))):
        ridge = make_noise(generator, 2, width, max(width // (10 + 14 * k), 2))[0]
        ridge = ridge + 0.35 * make_noise(generator, 2, width, max(width // 60, 2))[0]
        if generator.random() < 0.5:  # roofs instead of trees: steps
            ridge = ridge[(columns // max(width // 40, 1) * max(width // 40, 1)).astype(int)]
        top = line * (1 - tall * np.clip(0.75 + 0.45 * ridge, 0.15, 2.0))
        tone = np.array([58, 76, 52] if generator.random() < 0.6 else [96, 90, 86], np.float32) * light.ambient
        color = tone * (1 - haze) + light.haze * haze
        sky = np.where((rows >= top)[..., None], color, sky)
    big = cv2.resize(np.clip(sky, 0, 255).astype(np.uint8), (camera.width, camera.height))
    return np.asarray(big, dtype=np.uint8)


def _paint_ground(
    generator: np.random.Generator, layout: Layout, light: Light, along: Floats, shade: Floats, shade_side: int,
    items: tuple[Item, ...], detail: float,
) -> Bytes:  # fmt: skip
    per_metre = 12 * detail
    x = np.arange(round((layout.right_wall - layout.left_wall) * per_metre), dtype=np.float32) / np.float32(per_metre)
    x += np.float32(layout.left_wall)
    rows, columns = len(along), len(x)
    asphalt, paving = generator.uniform(72, 118), generator.uniform(112, 158)
    profile = np.empty((columns, 3), np.float32)
    profile[:] = asphalt * np.array([1.0, 0.995, 0.98], np.float32)
    off = (x < layout.left_kerb) | (x > layout.right_kerb)
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
    texture = 1.0 + 0.075 * make_grain(generator, rows, columns)
    texture += 0.05 * make_noise(generator, rows, columns, round(8 * detail))
    tracks = np.cos((x - layout.middle) / 0.9) * 0.025  # wheels polish the lanes
    texture += tracks
    _mark_joints(generator, texture, along, x, off, detail)
    color = profile[None] * texture[..., None]
    _mark_lanes(generator, color, layout, along, x, texture)
    lit = _measure_sunshine(generator, layout, light, along, x, shade, shade_side, items, detail)
    direct = light.direct * light.sun[1]
    color *= light.ambient + direct * lit[..., None]
    haze = measure_haze(light, np.maximum(along - 1.5, 0))[:, None, None]
    color = color * (1 - haze) + light.haze * haze
    return np.clip(color, 0, 255).astype(np.uint8)


def _mark_joints(
    generator: np.random.Generator, texture: Floats, along: Floats, x: Floats, off: NDArray[np.bool_], detail: float
) -> None:
    slab = generator.uniform(0.7, 1.3)
    wide = max(0.06, 0.09 / detail)
    texture[np.ix_(np.mod(along, slab) < wide, off)] *= 0.84
    texture[:, off & (np.mod(x, slab) < wide)] *= 0.88
    for _ in range(int(generator.integers(2, 7))):  # repairs
        z, left = generator.uniform(STREET_START, 40), generator.uniform(x[0], x[-1])
        rows = (along > z) & (along < z + generator.uniform(1, 6))
        columns = (x > left) & (x < left + generator.uniform(0.6, 2.4)) & ~off
        texture[np.ix_(rows, columns)] *= generator.uniform(0.8, 1.12)
    for _ in range(int(generator.integers(1, 5))):  # cracks, as random walks along the road
        walk = generator.uniform(x[0], x[-1]) + np.cumsum(generator.standard_normal(len(along))) * 0.05
        column = np.clip(((walk - x[0]) * (len(x) / (x[-1] - x[0]))).astype(int), 0, len(x) - 1)
        texture[np.arange(len(along)), column] *= 0.72
    for _ in range(int(generator.integers(1, 4))):  # manholes
        z, at = generator.uniform(6, 45), generator.uniform(-4, 1.5)
        texture[((along[:, None] - z) ** 2 + (x[None] - at) ** 2) < 0.1] *= 0.6


def _mark_lanes(
    generator: np.random.Generator, color: Floats, layout: Layout, along: Floats, x: Floats, texture: Floats
) -> None:
    white = generator.uniform(185, 232)
    period, line = generator.uniform(6, 11), generator.uniform(2.5, 4.5)
    dash = np.mod(along, period) < line if generator.random() < 0.75 else np.ones(len(along), bool)
    wear = np.clip(texture * generator.uniform(0.8, 1.0), 0.3, 1.1)

    def paint(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> None:
        area = np.ix_(rows, columns)
        color[area] = white * wear[area][..., None]

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


def _measure_sunshine(
    generator: np.random.Generator, layout: Layout, light: Light, along: Floats, x: Floats, shade: Floats,
    shade_side: int, items: tuple[Item, ...], detail: float,
) -> Floats:  # fmt: skip
    lit = np.ones((len(along), len(x)), np.float32)
    if not shade_side:
        return lit
    wall = layout.right_wall if shade_side > 0 else layout.left_wall
    lit = np.clip((np.abs(wall - x)[None] - shade[:, None]) / 0.25, 0, 1).astype(np.float32)
    leaves = make_noise(generator, len(along), len(x), max(round(4 * detail), 2)) + make_grain(generator, len(along), len(x))
    for item in items:
        if item.kind != "tree":
            continue
        reach = item.height * 0.7 / max(float(light.sun[1]), 0.35)
        z, at = item.z - reach * float(light.sun[2]), item.x - reach * float(light.sun[0])
        near = ((along[:, None] - z) / 2.4) ** 2 + ((x[None] - at) / 2.2) ** 2
        lit[(near + 0.35 * leaves < 0.9) & (near < 2.0)] *= 0.25
    return lit


def paint_ground(canvas: Canvas, street: Street, travel: float) -> None:
    """Paint sky and ground as seen after `travel` metres of the drive."""
    camera = canvas.camera
    canvas.image[:] = street.backdrop
    top = int(camera.horizon) + 1
    line = camera.horizon - top - 0.5
    rows, columns = street.ground.shape[:2]
    per_row = rows / STREET_LENGTH
    per_column = columns / (street.layout.right_wall - street.layout.left_wall)
    # A texel is linear in (column, row) / (row - horizon): the homography of the ground, from image to texture.
    weight = np.array([0.0, 1.0, -line])
    across = np.array([1.0, 0.0, -(camera.center - 0.5)]) * camera.altitude * per_column
    across = across - street.layout.left_wall * per_column * weight
    ahead = np.array([0.0, 0.0, camera.focal * camera.altitude * per_row]) + (travel - STREET_START) * per_row * weight
    size = (camera.width, camera.height - top)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = np.stack([across, ahead, weight])
    canvas.image[top:] = cv2.warpPerspective(street.ground, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def paint_walls(canvas: Canvas, street: Street, travel: float) -> None:
    """Paint the house fronts on both sides, and the ends of houses beside gaps."""
    camera, light = canvas.camera, canvas.light
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for side, (texture, blocks) in enumerate(zip(street.fronts, street.blocks, strict=True)):
        wall = street.layout.right_wall if side else street.layout.left_wall
        toward = max(0.0, -float(light.sun[2]))
        for block in reversed(blocks):
            depth = block.start - travel
            if depth < 3 or not block.solid:
                continue
            far = wall + (10.0 if side else -10.0)
            end = np.array([[wall, 0, depth], [far, 0, depth], [far, block.height, depth], [wall, block.height, depth]])
            haze = measure_haze(light, depth)
            tone = np.array([block.color], np.float32) * (light.ambient * 0.85 + light.direct * toward)
            tone = np.clip(tone * (1 - haze) + light.haze * haze, 0, 255)
            fill_polygon(canvas.image, project_points(camera, end.astype(np.float32)), list_colors(tone)[0])
        reach = camera.focal * wall / (STREET_LENGTH + STREET_START - travel)
        edge = int(np.clip(camera.center + reach, 0, camera.width))
        left, right = (edge, camera.width) if side else (0, edge)
        if right - left < 2:
            continue
        rows, columns = texture.shape[:2]
        per_row, per_column = rows / FRONT_HEIGHT, columns / STREET_LENGTH
        center = camera.center - 0.5 - left
        weight = np.array([1.0, 0.0, -center])
        ahead = np.array([0.0, 0.0, camera.focal * wall * per_column]) + (travel - STREET_START) * per_column * weight
        down = (FRONT_HEIGHT - camera.altitude) * per_row * weight
        down = down + np.array([0.0, 1.0, -(camera.horizon - 0.5)]) * wall * per_row
        matrix = np.stack([ahead, down, weight])
        # Below the ground line nothing is left to see, so the warp ends where the wall meets the road at the border.
        seen = cv2.warpPerspective(texture, matrix, (right - left, camera.height), flags=flags)
        mask = (seen[..., 3] > 127).view(np.uint8)
        cv2.copyTo(np.ascontiguousarray(seen[..., :3]), mask, canvas.image[:, left:right])
