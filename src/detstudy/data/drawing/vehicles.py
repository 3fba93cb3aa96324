"""Cars of drawn scenes: solid bodies in metres, seen from any side, with glass, lights, wheels and plates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.data.drawing.canvas import (
    Bytes,
    Canvas,
    Floats,
    Pose,
    cast_shadow,
    fill_hull,
    fill_polygon,
    list_colors,
    measure_haze,
    place_points,
    project_points,
)

# Kinds of car: length, width, height, length of the bonnet, of the boot (0.1: hatch), slope of the windscreen and of
# the rear window, height of the bonnet's front and of the belt line; metres.
_SHAPES = (
    (4.6, 1.80, 1.46, 1.25, 0.75, 0.75, 0.55, 0.76, 0.96),  # saloon
    (4.1, 1.76, 1.50, 0.95, 0.12, 0.70, 0.35, 0.80, 0.98),  # hatchback
    (4.7, 1.80, 1.50, 1.20, 0.12, 0.70, 0.30, 0.78, 0.98),  # estate
    (4.5, 1.88, 1.72, 1.10, 0.12, 0.60, 0.28, 0.95, 1.12),  # off-roader
    (4.4, 1.82, 1.78, 0.75, 0.10, 0.75, 0.18, 0.90, 1.08),  # people carrier
    (3.5, 1.65, 1.52, 0.65, 0.08, 0.60, 0.28, 0.82, 0.98),  # small car
)
_PAINTS = (
    (205, 208, 210), (168, 172, 176), (110, 114, 118), (34, 35, 38), (22, 24, 30), (40, 62, 120), (60, 100, 165),
    (150, 26, 30), (190, 40, 36), (34, 74, 54), (196, 186, 160), (222, 220, 214), (120, 84, 56), (214, 164, 44),
)  # fmt: skip

# A body is four rings of twelve points (front left round to the left side), a cabin two rings of four.
_BODY, _CABIN = 48, 8
_RING = [[12 * k + i, 12 * k + (i + 1) % 12, 12 * k + 12 + (i + 1) % 12, 12 * k + 12 + i]
         for k in range(3) for i in range(12)]  # fmt: skip
_CAPS = [[47, 36, 39, 40], [46, 47, 40, 41], [36, 37, 38, 39], [42, 43, 44, 45], [41, 42, 45, 46]]
_ROOF = [[48 + i, 48 + (i + 1) % 4, 52 + (i + 1) % 4, 52 + i] for i in range(4)] + [[52, 53, 54, 55]]
_BODY_FACES, _SOLID_FACES = len(_RING) + len(_CAPS), len(_RING) + len(_CAPS) + len(_ROOF)
# Panels that carry details: lower left, lower right, upper right, upper left corner as seen from outside.
_PANELS = np.array([
    [13, 14, 38, 37], [19, 20, 44, 43], [15, 18, 42, 39], [21, 12, 36, 45],  # front, rear, right, left
    [48, 49, 53, 52], [50, 51, 55, 54], [49, 50, 54, 53], [51, 48, 52, 55],  # their windows
])  # fmt: skip
_FRONT, _REAR, _RIGHT, _LEFT, _WINDOW = 0, 1, 2, 3, 4
_GLASS, _SHINE, _LINE, _LENS, _LAMP, _GRILLE, _TRIM, _PLATE = range(8)
# Details: panel, left, right, bottom, top and slant as shares of it, and what they are; the rear plate is the last.
_DETAILS = np.array([
    *[(_WINDOW + side, 0.06, 0.94, 0.06, 0.90, 0.0, _GLASS) for side in (_FRONT, _REAR)],
    *[(_WINDOW + side, 0.10, 0.46, 0.50, 0.86, 0.12, _SHINE) for side in (_FRONT, _REAR)],
    *[(_WINDOW + side, s, s + 0.40, 0.10, 0.88, 0.0, _GLASS) for side in (_RIGHT, _LEFT) for s in (0.07, 0.52)],
    *[(_WINDOW + side, s, s + 0.24, 0.55, 0.85, 0.05, _SHINE) for side in (_RIGHT, _LEFT) for s in (0.09, 0.54)],
    *[(side, s, s + 0.004, 0.16, 0.94, 0.0, _LINE) for side in (_RIGHT, _LEFT) for s in (0.34, 0.55, 0.74)],
    *[(_REAR, s, s + 0.26, 0.93, 0.93, 0.0, _LENS) for s in (-0.13, 0.87)],
    *[(_FRONT, s, s + 0.26, 0.66, 0.92, 0.0, _LAMP) for s in (-0.13, 0.87)],
    (_FRONT, 0.20, 0.80, 0.62, 0.90, 0.0, _GRILLE),
    (_FRONT, 0.05, 0.95, 0.14, 0.34, 0.0, _TRIM),
    (_FRONT, 0.33, 0.67, 0.38, 0.54, 0.0, _PLATE),
    (_REAR, 0.0, 1.0, 0.02, 0.16, 0.0, _TRIM),
    (_REAR, 0.31, 0.69, 0.0, 0.0, 0.0, _PLATE),
])  # fmt: skip
_TURN = np.linspace(0, 2 * np.pi, 13)[:-1]
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_WHEEL_LAYERS = (1.2, 1.0, 0.66, 0.24)  # arch, tyre, rim and hub, as shares of the tyre's radius


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car in its own axes (right, up, forward): its points, and the panels that they bound."""

    size: tuple[float, float, float]  # width, height, length in metres
    points: Floats  # body, cabin, then four corners of each detail, of each tyre and discs of the wheels [n, 3]
    faces: NDArray[np.intp]  # corners of panels of body, cabin and details [m, 4]
    normals: Floats  # [m, 3], outward
    offsets: Floats  # of the panels' planes from the centre, along their normals [m]
    paint: Floats  # [m, 3], 0-255
    glow: Floats  # how much each panel shines by itself [m, 1]
    gloss: Floats  # how much each panel mirrors [m, 1]
    rim: float  # brightness of the rims, 0-255


def sample_vehicle(generator: np.random.Generator) -> Vehicle:
    """Draw a car's kind, size, paint and lights."""
    shape = np.array(_SHAPES[int(generator.integers(len(_SHAPES)))]) * generator.uniform(0.94, 1.06, 9)
    length, width, height, bonnet, boot, windscreen, rear_slope, nose, belt = shape.tolist()
    paint = np.array(_PAINTS[int(generator.integers(len(_PAINTS)))], np.float32)
    paint = np.clip(paint * generator.uniform(0.8, 1.15) + generator.uniform(-14, 14, 3), 8, 245)
    body = _build_body(length, width, bonnet, boot, nose, belt)
    cabin = _build_cabin(length, width, height, belt, bonnet, boot, windscreen, rear_slope)
    solid = np.concatenate([body, cabin])
    corners, colors = _place_details(generator, solid, paint)
    tint = np.ones((_SOLID_FACES, 1))
    tint[:12] = 0.35 if generator.random() < 0.5 else 0.75  # sills and bumpers, of plastic or painted
    tint[12:24] = 0.94
    count = len(corners)
    extra = len(solid) + np.arange(4 * count).reshape(count, 4)
    faces = np.concatenate([np.array(_RING + _CAPS + _ROOF), extra])
    points = np.concatenate([solid, corners.reshape(-1, 3), _build_wheels(length, width, height)]).astype(np.float32)
    normals, offsets = _measure_planes(points[faces])
    shiny = np.full((_SOLID_FACES + count, 1), 0.10, np.float32)
    shiny[_SOLID_FACES:] = 0.15
    return Vehicle(
        size=(width, height, length),
        points=points,
        faces=faces,
        normals=normals,
        offsets=offsets,
        paint=np.concatenate([paint * tint, colors[:, :3]]).astype(np.float32),
        glow=np.concatenate([np.zeros(_SOLID_FACES), colors[:, 3]]).astype(np.float32)[:, None],
        gloss=shiny,
        rim=float(generator.uniform(70, 190)),
    )


def _build_body(
    length: float, width: float, bonnet: float, boot: float, nose: float, belt: float
) -> NDArray[np.float64]:
    cowl, edge = length / 2 - bonnet, -length / 2 + boot
    tail = belt if boot < 0.3 else belt - 0.02
    rings = []
    chamfer = 0.24
    # How far each ring stands back at the ends and at the sides: a barrel, so that light falls differently on each.
    for level, (back, inset) in enumerate(((0.10, 0.07), (0.0, 0.02), (0.02, 0.0), (0.16, 0.08))):
        a, b, c = length / 2 - back, -length / 2 + back * 0.6, width / 2 - inset
        d, e = min(cowl, a - chamfer), max(edge, b + chamfer)
        across = (-c, chamfer - c, c - chamfer, c, c, c, c, c - chamfer, chamfer - c, -c, -c, -c)
        ahead = (a - chamfer, a, a, a - chamfer, d, e, b + chamfer, b, b, b + chamfer, e, d)
        up: tuple[float, ...] = ((0.19, 0.44, 0.66, 0.0)[level],) * 12
        if level == 3:
            up = (nose + 0.03, nose, nose, nose + 0.03, belt, belt + 0.02, tail, tail - 0.02, tail - 0.02, tail,
                  belt + 0.02, belt)  # fmt: skip
        rings.append(np.array([across, up, ahead]).T)
    return np.concatenate(rings)


def _build_cabin(
    length: float, width: float, height: float, belt: float, bonnet: float, boot: float, windscreen: float,
    rear_slope: float,
) -> NDArray[np.float64]:  # fmt: skip
    base, top = width / 2 - 0.09, width / 2 - 0.24
    back, back_top = base - 0.12, top - 0.06  # bodies narrow towards their ends, and a hatch reaches that far
    cowl, edge = length / 2 - bonnet, -length / 2 + boot
    front, rear = cowl - windscreen, edge + rear_slope
    lower = [(-base, belt, cowl), (base, belt, cowl), (back, belt + 0.02, edge), (-back, belt + 0.02, edge)]
    upper = [
        (-top, height, front),
        (top, height, front),
        (back_top, height - 0.03, rear),
        (-back_top, height - 0.03, rear),
    ]
    return np.array(lower + upper)


def _place_details(
    generator: np.random.Generator, solid: NDArray[np.float64], paint: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place windows, lights, lines and plates: corners [n, 4, 3]; red, green, blue and glow [n, 4]."""
    dark, depth, plate, grille, on = generator.uniform([14, 0.16, 0.2, 14, 0], [44, 0.30, 0.5, 50, 1]).tolist()
    on = float(on < 0.35)
    colors = np.empty((8, 4))
    colors[_GLASS] = dark, dark * 1.08, dark * 1.15, 0
    colors[_SHINE] = dark * 1.8 + 22, dark * 1.9 + 28, dark * 2.0 + 36, 0
    colors[_LINE, :3], colors[_LINE, 3] = paint * 0.5, 0
    colors[_LENS] = 150 + 70 * on, 20 + 20 * on, 22, 0.25 + 0.6 * on
    colors[_LAMP] = 215, 218, 222, 0.15 + 0.75 * on
    colors[_GRILLE] = grille, grille, grille, 0
    colors[_TRIM] = 26, 26, 28, 0
    colors[_PLATE] = 206, 206, 197, 0.08
    s0, s1, t0, t1, slant = _DETAILS[:, 1:6].T.copy()
    kinds = _DETAILS[:, 6].astype(int)
    t0[kinds == _LENS] -= depth
    t0[-1], t1[-1] = plate, plate + 0.17
    corners = solid[_PANELS[_DETAILS[:, 0].astype(int)]]
    s = np.stack([s0, s1, s1 + slant, s0 + slant], axis=1)[..., None]
    t = np.stack([t0, t0, t1, t1], axis=1)[..., None]
    low = corners[:, None, 0] + (corners[:, None, 1] - corners[:, None, 0]) * s
    high = corners[:, None, 3] + (corners[:, None, 2] - corners[:, None, 3]) * s
    return low + (high - low) * t, colors[kinds]


def _build_wheels(length: float, width: float, height: float) -> NDArray[np.float64]:
    """Give four tyres seen along the car [4 * 4, 3], then discs of two wheels right and left [2 * 2 * 4 * 12, 3]."""
    radius = 0.31 * (0.92 + 0.1 * height / 1.5)
    points = []
    axles = (length / 2 - 0.82, 0.80 - length / 2)
    for side in (1.0, -1.0):
        outer, inner = side * (width / 2 - 0.02), side * (width / 2 - 0.22)
        for z in axles:
            points.append([[outer, 0, z], [outer, radius * 1.6, z], [inner, radius * 1.6, z], [inner, 0, z]])
    discs = np.empty((2, 2, len(_WHEEL_LAYERS), len(_CIRCLE), 3))
    discs[..., 0] = np.array([width / 2, -width / 2])[:, None, None, None]
    scale = np.array(_WHEEL_LAYERS)[:, None] * radius
    discs[..., 1] = np.maximum(_CIRCLE[:, 0] * scale + radius, np.array([0.2, 0, 0, 0])[:, None])
    discs[..., 2] = _CIRCLE[:, 1] * scale + np.array(axles)[None, :, None, None]
    return np.concatenate([np.array(points).reshape(-1, 3), discs.reshape(-1, 3)])


def _measure_planes(corners: Floats) -> tuple[Floats, Floats]:
    """Give outward unit normals of panels [n, 4, 3] and their planes' offsets."""
    a, b = (corners[:, 2] - corners[:, 0]).T, (corners[:, 3] - corners[:, 1]).T
    normals = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], axis=1)
    normals /= np.sqrt((normals * normals).sum(axis=1, keepdims=True)) + 1e-9
    return normals, (normals * corners.mean(axis=1)).sum(axis=1)


def paint_vehicle_shadow(
    shade: Bytes, canvas: Canvas, vehicle: Vehicle, pose: Pose, strength: int, contact: int
) -> None:
    """Darken the ground under a car by `contact`, and by `strength` (0-255) where the car hides the sun."""
    points = place_points(vehicle.points[:56], *pose)
    if strength:
        fallen = cast_shadow(canvas.light, points[[0, 3, 6, 9, 36, 39, 42, 45, 52, 53, 54, 55]])
        fill_hull(shade, project_points(canvas.camera, fallen), strength)
    under = points[:12]
    under[:, 1] = 0.0
    fill_hull(shade, project_points(canvas.camera, under), contact)


def paint_vehicle(canvas: Canvas, vehicle: Vehicle, pose: Pose, identity: int, exposure: float) -> None:
    """Paint a car over what is farther away, and its id over theirs; `exposure` is the sun's share, 0 to 1."""
    camera, light, image, ids = canvas.camera, canvas.light, canvas.image, canvas.ids
    x, z, yaw = pose
    pixels = project_points(camera, place_points(vehicle.points, x, z, yaw))
    # Eye and sun in the car's own axes: panels keep their normals.
    sine, cosine = math.sin(yaw), math.cos(yaw)
    eye = np.array([z * sine - x * cosine, camera.altitude, -x * sine - z * cosine], np.float32)
    sun = np.array([light.sun[0] * cosine - light.sun[2] * sine, light.sun[1],
                    light.sun[0] * sine + light.sun[2] * cosine], np.float32)  # fmt: skip
    seen = vehicle.normals @ eye > vehicle.offsets
    incidence = np.maximum(vehicle.normals @ sun, 0.0)[:, None] * exposure
    upward = vehicle.normals[:, 1:2]
    lit = vehicle.paint * (light.ambient * (0.78 + 0.22 * upward) + light.direct * incidence)
    lit += vehicle.gloss * (light.sky * np.maximum(upward + 0.25, 0.0) + light.direct * (255.0 * incidence**8))
    np.maximum(lit, vehicle.paint * vehicle.glow, out=lit)
    haze = measure_haze(light, z)
    flat = np.array([[14.0] * 3, [vehicle.rim * 1.1] * 3, [vehicle.rim * 0.45] * 3], np.float32) * light.ambient
    under = vehicle.paint[30:31] * (0.45 * light.ambient)
    tones = np.minimum(np.concatenate([lit, flat, under]) * (1 - haze) + light.haze * haze, 255.0)
    colors = list_colors(tones)
    black, rim, hub, dark = colors[-4:]
    outlines = pixels[vehicle.faces]
    rest = pixels[_BODY + _CABIN + 4 * (len(vehicle.faces) - _SOLID_FACES) :]
    for tyre in rest[:16].reshape(4, 4, 2):
        fill_polygon(ids, tyre, identity)
        fill_polygon(image, tyre, black)
    order = np.flatnonzero(seen).tolist()
    # The hull in a dark tone first: the image then covers just what the ids cover, without gaps between panels.
    for hull in (pixels[:_BODY], pixels[_BODY : _BODY + _CABIN]):
        fill_hull(ids, hull, identity)
    fill_hull(image, pixels[:_BODY], dark)
    for k in order:
        if k < _BODY_FACES:
            fill_polygon(image, outlines[k], colors[k])
    fill_hull(image, pixels[_BODY : _BODY + _CABIN], dark)
    for k in order:
        if _BODY_FACES <= k < _SOLID_FACES:
            fill_polygon(image, outlines[k], colors[k])
    if abs(float(eye[0])) > vehicle.size[0] / 2:
        discs = rest[16:].reshape(2, 2, len(_WHEEL_LAYERS), len(_CIRCLE), 2)[0 if eye[0] > 0 else 1]
        for layers in discs:
            for outline, color in zip(layers, (black, black, rim, hub), strict=True):
                fill_polygon(image, outline, color)
            fill_polygon(ids, layers[0], identity)
            fill_polygon(ids, layers[1], identity)
    for k in order:
        if k >= _SOLID_FACES:
            fill_polygon(image, outlines[k], colors[k])
