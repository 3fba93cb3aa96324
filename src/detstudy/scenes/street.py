"""Streets of drawn scenes: ground, house fronts, sky and light, made once for a place and then driven through."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detstudy.scenes.canvas import (
    Bytes,
    Camera,
    Canvas,
    Floats,
    Light,
    fill_polygon,
    list_colors,
    make_noise,
    measure_haze,
    project_points,
)
from detstudy.scenes.facades import FRONT_HEIGHT, Block, paint_fronts, sample_blocks
from detstudy.scenes.ground import STREET_LENGTH, STREET_START, Layout, Shade, measure_sunshine, paint_texture
from detstudy.scenes.scenery import Item, ItemKind, Scenery, build_scenery, sample_item


@dataclass(frozen=True, slots=True)
class Street:
    """One place, ready to be painted from anywhere along the drive."""

    layout: Layout
    light: Light
    shade: Shade
    backdrop: Bytes  # sky and skyline, of the image's size [height, width, 4]
    ground: Bytes  # seen from above: rows along the street, columns across it
    fronts: tuple[Bytes, ...]  # left and right: colours and cover [rows down and one more, columns along the street, 4]
    blocks: tuple[tuple[Block, ...], ...]  # left and right
    scenery: Scenery


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
    style = int(generator.choice(3, p=[0.5, 0.3, 0.2]))  # city, suburb, park
    blocks = (sample_blocks(generator, STREET_LENGTH, style), sample_blocks(generator, STREET_LENGTH, style))
    count = round(STREET_LENGTH * 5 * detail)
    along = (np.arange(count, dtype=np.float32) + 0.5) * np.float32(STREET_LENGTH / count) + np.float32(STREET_START)
    shade = _cast_houses(layout, light, blocks, along)
    items = _sample_items(generator, layout, style)
    exposures = np.array([measure_sunshine(shade, item.x, item.z) for item in items], np.float32)
    return Street(
        layout=layout,
        light=light,
        shade=shade,
        backdrop=_paint_backdrop(generator, camera, light, zenith, horizon),
        ground=paint_texture(generator, layout, light, along, shade, items, detail),
        fronts=(
            paint_fronts(generator, blocks[0], light, along, float(light.sun[0]), detail),
            paint_fronts(generator, blocks[1], light, along, -float(light.sun[0]), detail),
        ),
        blocks=blocks,
        scenery=build_scenery(generator, light, items, exposures, detail),
    )


def _cast_houses(layout: Layout, light: Light, blocks: tuple[tuple[Block, ...], ...], along: Floats) -> Shade:
    reach = np.zeros(len(along), np.float32)
    side = 0 if light.direct.mean() < 0.2 else int(np.sign(light.sun[0]))
    for block in blocks[max(side, 0)] if side else ():
        # A low sun would put whole streets in shade: let some light through.
        first, last = np.searchsorted(along, (block.start, block.end))
        reach[first:last] = min(block.height * abs(float(light.sun[0])) / max(float(light.sun[1]), 0.3), 9.0)
    return Shade(side, layout.right_wall if side > 0 else layout.left_wall, reach)


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
        for z in generator.uniform(5, STREET_LENGTH - 20, int(generator.integers(2, 7))).tolist():
            kind = kinds[int(generator.choice(3, p=[0.45, 0.25, 0.3]))]
            at = edge if kind != "cabinet" else kerb + out * (depth - 0.5)
            items.append(sample_item(generator, kind, float(at), z))
    return tuple(items)


def _paint_backdrop(
    generator: np.random.Generator, camera: Camera, light: Light, zenith: Floats, horizon: Floats
) -> Bytes:
    # Nothing below the horizon: it gets covered.
    height, width = int(camera.horizon) + 2, camera.width
    line = camera.horizon
    cloud = make_noise(generator, height, width, max(height // 3, 2))
    cloud += 0.5 * make_noise(generator, height, width, max(height // 7, 2))
    cover = np.clip(cloud * 0.5 + generator.uniform(-0.6, 0.4), 0, 0.85).astype(np.float32)
    share = np.clip(np.arange(height, dtype=np.float32) / np.float32(line), 0, 1)[:, None]
    white = np.float32(247 * min(0.75 + 0.25 * float(light.ambient.mean()), 1.0))
    planes = []
    for k in range(3):
        sky = zenith[k] * (1 - share) + horizon[k] * share
        planes.append(np.clip(sky + (white - sky) * cover, 0, 255).astype(np.uint8))
    image = cv2.merge(planes)
    step = max(width // 40, 1)
    columns = np.arange(width)
    for k, (tall, haze) in enumerate(((0.22, 0.72), (0.12, 0.5))):
        ridge = make_noise(generator, 2, width, max(width // (10 + 14 * k), 2))[0]
        ridge = ridge + 0.35 * make_noise(generator, 2, width, max(width // 60, 2))[0]
        if generator.random() < 0.5:  # roofs instead of trees: steps
            ridge = ridge[columns // step * step]
        top = line * (1 - tall * np.clip(0.75 + 0.45 * ridge, 0.15, 2.0))
        tone = np.array([58, 76, 52] if generator.random() < 0.6 else [96, 90, 86], np.float32) * light.ambient
        outline = np.stack([columns, top.astype(int)], axis=1)
        outline = np.concatenate([outline, [[width - 1, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(image, [outline], list_colors((tone * (1 - haze) + light.haze * haze)[None])[0])
    return np.asarray(
        cv2.copyMakeBorder(
            cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), 0, camera.height - height, 0, 0, cv2.BORDER_REPLICATE
        ),
        dtype=np.uint8,
    )


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
    seen = cv2.warpPerspective(street.ground, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    cv2.cvtColor(seen, cv2.COLOR_RGB2RGBA, canvas.image[top:])


def paint_walls(canvas: Canvas, street: Street, travel: float) -> None:
    """Paint the house fronts on both sides, and the ends of houses beside gaps."""
    camera = canvas.camera
    for side, (front, blocks) in enumerate(zip(street.fronts, street.blocks, strict=True)):
        wall = street.layout.right_wall if side else street.layout.left_wall
        _paint_ends(canvas, blocks, wall, travel)
        reach = camera.focal * wall / (STREET_LENGTH + STREET_START - travel)
        edge = int(min(max(camera.center + reach, 0), camera.width))
        left, right = (edge, camera.width) if side else (0, edge)
        if right - left < 2:
            continue
        rows, columns = front.shape[0] - 1, front.shape[1]
        per_row, per_column = rows / FRONT_HEIGHT, columns / STREET_LENGTH
        weight = np.array([1.0, 0.0, left + 0.5 - camera.center])
        ahead = np.array([0.0, 0.0, camera.focal * wall * per_column]) + (travel - STREET_START) * per_column * weight
        down = (FRONT_HEIGHT - camera.altitude) * per_row * weight
        down = down + np.array([0.0, 1.0, 0.5 - camera.horizon]) * wall * per_row
        # The foot of the wall is lowest at the border: below that there is nothing to warp.
        nearest = max(abs(left - camera.center), abs(right - camera.center)) / abs(wall)
        low = int(min(camera.horizon + camera.altitude * nearest + 2, camera.height))
        matrix, size = np.stack([ahead, down, weight]), (right - left, low)
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        seen = cv2.warpPerspective(front, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.compare(cv2.extractChannel(seen, 3), 127.0, cv2.CMP_GT)
        cv2.copyTo(seen, mask, canvas.image[:low, left:right])


def _paint_ends(canvas: Canvas, blocks: tuple[Block, ...], wall: float, travel: float) -> None:
    light = canvas.light
    toward = max(0.0, -float(light.sun[2]))
    far = wall + 10.0 * float(np.sign(wall))
    for before, block in zip(blocks[-2::-1], blocks[:0:-1], strict=True):
        depth = block.start - travel
        if depth < 3 or block.kind != "house" or before.height >= block.height:
            continue
        high = block.height
        end = np.array([[wall, 0, depth], [far, 0, depth], [far, high, depth], [wall, high, depth]], np.float32)
        haze = measure_haze(light, depth)
        tone = np.array([block.color], np.float32) * (light.ambient * 0.85 + light.direct * toward)
        tone = np.minimum(tone * (1 - haze) + light.haze * haze, 255)
        fill_polygon(canvas.image, project_points(canvas.camera, end), list_colors(tone)[0])
