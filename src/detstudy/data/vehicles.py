"""Cars of drawn scenes: solid bodies in metres, seen from any side, with glass, lights, wheels and plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.data.canvas import (
    Canvas,
    Floats,
    Light,
    cast_shadow,
    fill_hull,
    fill_polygon,
    list_colors,
    measure_haze,
    project_points,
    shade_colors,
)

# Kinds of car: length, width, height, length of the bonnet, of the boot (0: hatch), slope of the windscreen and of the
# rear window, height of the bonnet's front and of the belt line; metres.
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
_WINDING = np.arange(12)
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 14)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 14)[:-1])], axis=1)
_REAR, _FRONT, _LEFT, _RIGHT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car's body: rings of points around it and panels on it, in its own axes (right, up, forward)."""

    size: tuple[float, float, float]  # width, height, length in metres
    points: Floats  # rings of the body [48, 3], then of the cabin [8, 3]
    faces: NDArray[np.intp]  # corners of each panel of body and cabin [n, 4]
    paint: Floats  # [n, 3]
    details: Floats  # corners of glass, lights, lines and plates [m, 4, 3]
    detail_paint: Floats  # [m, 3]
    glow: Floats  # how much each detail shines by itself [m]
    wheels: Floats  # centres of the four wheels [4, 3]
    wheel_radius: float
    rim: float  # brightness of the rims, 0-255


def sample_vehicle(generator: np.random.Generator) -> Vehicle:
    """Draw a car's kind, size, paint and lights."""
    shape = np.array(_SHAPES[int(generator.integers(len(_SHAPES)))]) * generator.uniform(0.94, 1.06, 9)
    length, width, height, bonnet, boot, windscreen, rear_slope, nose, belt = shape.tolist()
    paint = np.array(_PAINTS[int(generator.integers(len(_PAINTS)))], np.float32)
    paint = np.clip(paint * generator.uniform(0.8, 1.15) + generator.uniform(-14, 14, 3), 8, 245)
    body, cowl, boot_edge = _build_body(length, width, bonnet, boot, nose, belt)
    cabin = _build_cabin(width, height, belt, cowl, boot_edge, windscreen, rear_slope)
    points = np.concatenate([body, cabin]).astype(np.float32)
    ring = [[12 * k + i, 12 * k + (i + 1) % 12, 12 * k + 12 + (i + 1) % 12, 12 * k + 12 + i]
            for k in range(3) for i in _WINDING.tolist()]  # fmt: skip
    caps = [[47, 36, 39, 40], [46, 47, 40, 41], [36, 37, 38, 39], [42, 43, 44, 45], [41, 42, 45, 46]]
    roof = [[48 + i, 48 + (i + 1) % 4, 52 + (i + 1) % 4, 52 + i] for i in range(4)] + [[52, 53, 54, 55]]
    tint = np.ones((len(ring) + len(caps) + len(roof), 1), np.float32)
    tint[:12] = generator.choice([0.35, 0.75])  # sills and bumpers of plastic or paint
    tint[12:24] = 0.94
    details = _list_details(generator, body, cabin, nose)
    patches = np.array([corners for corners, *_ in details], np.float32)
    radius = 0.31 * (0.92 + 0.1 * height / 1.5)
    axle = (length / 2 - 0.82, -length / 2 + 0.80)
    wheels = [[side * (width / 2 - 0.02), radius, z] for z in axle for side in (-1, 1)]
    return Vehicle(
        size=(width, height, length),
        points=points,
        faces=np.array(ring + caps + roof, np.intp),
        paint=np.asarray(paint * tint, dtype=np.float32),
        details=patches,
        detail_paint=np.array([color for _, color, _ in details], np.float32),
        glow=np.array([glow for _, _, glow in details], np.float32),
        wheels=np.array(wheels, np.float32),
        wheel_radius=radius,
        rim=float(generator.uniform(70, 190)),
    )


def _build_body(
    length: float, width: float, bonnet: float, boot: float, nose: float, belt: float
) -> tuple[Floats, float, float]:
    """Give four rings of twelve points around the body, and where windscreen and rear window begin."""
    cowl, boot_edge = length / 2 - bonnet, -length / 2 + max(boot, 0.06)
    tail = belt if boot < 0.3 else belt - 0.02
    rings = []
    # How far each ring stands back at the ends and at the sides: a barrel, so that light falls differently on each.
    for level, (back, inset) in enumerate(((0.10, 0.07), (0.0, 0.02), (0.02, 0.0), (0.16, 0.08))):
        a, b, c, chamfer = length / 2 - back, -length / 2 + back * 0.6, width / 2 - inset, 0.24
        plan = [(-c, a - chamfer), (-c + chamfer, a), (c - chamfer, a), (c, a - chamfer), (c, cowl), (c, boot_edge),
                (c, b + chamfer), (c - chamfer, b), (-c + chamfer, b), (-c, b + chamfer), (-c, boot_edge), (-c, cowl)]  # fmt: skip
        # A hatch has its window at the very end: keep the order of the points along the side.
        plan = [(x, min(z, a - chamfer) if i in (4, 11) else max(z, b + chamfer) if i in (5, 10) else z)
                for i, (x, z) in enumerate(plan)]  # fmt: skip
        if level < 3:
            heights = [(0.19, 0.44, 0.66)[level]] * 12
        else:
            front, rear = [nose + 0.03, nose, nose, nose + 0.03], [tail, tail - 0.02, tail - 0.02, tail]
            heights = [*front, belt, belt + 0.02, *rear, belt + 0.02, belt]
        rings.append([(x, y, z) for (x, z), y in zip(plan, heights, strict=True)])
    return np.array(rings, np.float32).reshape(48, 3), cowl, boot_edge


def _build_cabin(
    width: float, height: float, belt: float, cowl: float, boot_edge: float, windscreen: float, rear_slope: float
) -> Floats:
    base, top = width / 2 - 0.09, width / 2 - 0.24
    lower = [(-base, belt, cowl), (base, belt, cowl), (base, belt + 0.02, boot_edge), (-base, belt + 0.02, boot_edge)]
    front, rear = cowl - windscreen, boot_edge + rear_slope
    upper = [(-top, height, front), (top, height, front), (top, height - 0.03, rear), (-top, height - 0.03, rear)]
    return np.array(lower + upper, np.float32)


def _list_details(
    generator: np.random.Generator, body: Floats, cabin: Floats, nose: float
) -> list[tuple[Floats, tuple[float, float, float], float]]:
    """Place windows, lights, plates and door lines on the four sides: corners, colour, glow."""
    sides = {
        _FRONT: body[[13, 14, 38, 37]],
        _REAR: body[[19, 20, 44, 43]],
        _RIGHT: body[[15, 18, 42, 39]],
        _LEFT: body[[21, 12, 36, 45]],
    }
    glass = {_FRONT: cabin[[0, 1, 5, 4]], _RIGHT: cabin[[1, 2, 6, 5]], _REAR: cabin[[2, 3, 7, 6]],
             _LEFT: cabin[[3, 0, 4, 7]]}  # fmt: skip
    dark = generator.uniform(16, 46)
    window = (dark, dark * 1.08, dark * 1.15)
    shine = (dark * 1.9 + 24, dark * 2.0 + 30, dark * 2.1 + 38)
    found: list[tuple[Floats, tuple[float, float, float], float]] = []

    def add(corners: Floats, box: tuple[float, float, float, float], color: tuple[float, float, float],
            glow: float = 0.0, slant: float = 0.0) -> None:  # fmt: skip
        s0, s1, t0, t1 = box
        s, t = np.array([s0, s1, s1 + slant, s0 + slant])[:, None], np.array([t0, t0, t1, t1])[:, None]
        low, high = corners[0] + (corners[1] - corners[0]) * s, corners[3] + (corners[2] - corners[3]) * s
        found.append((np.asarray(low + (high - low) * t, np.float32), color, glow))

    for side in (_FRONT, _REAR):
        add(glass[side], (0.06, 0.94, 0.06, 0.90), window)
        add(glass[side], (0.10, 0.46, 0.50, 0.86), shine, slant=0.12)
    for side in (_LEFT, _RIGHT):
        split = (0.47, 0.52)
        for s0, s1 in ((0.07, split[0]), (split[1], 0.92)):
            add(glass[side], (s0, s1, 0.10, 0.88), window)
            add(glass[side], (s0 + 0.02, s1 - 0.14, 0.55, 0.85), shine, slant=0.05)
        for s in (0.33, 0.54, 0.74):
            add(sides[side], (s, s + 0.008, 0.12, 0.96), (12, 12, 13))
        add(sides[side], (0.05, 0.95, 0.36, 0.40), (24, 24, 26))
    lights_on = float(generator.random() < 0.35)
    lens = (150 + 70 * lights_on, 20 + 20 * lights_on, 22.0)
    height = generator.uniform(0.16, 0.30)
    for s0, s1 in ((-0.13, 0.13), (0.87, 1.13)):
        add(sides[_REAR], (s0, s1, 0.93 - height, 0.93), lens, 0.25 + 0.6 * lights_on)
        add(sides[_FRONT], (s0, s1, 0.66, 0.92), (215, 218, 222), 0.15 + 0.75 * lights_on)
    grille = generator.uniform(14, 50)
    add(sides[_FRONT], (0.20, 0.80, 0.60 + 0.1 * (nose < 0.85), 0.90), (grille, grille, grille))
    add(sides[_FRONT], (0.05, 0.95, 0.14, 0.34), (26, 26, 28))
    add(sides[_FRONT], (0.33, 0.67, 0.38, 0.54), (205, 205, 196))
    add(sides[_REAR], (0.0, 1.0, 0.02, 0.16), (24, 24, 26))
    plate = generator.choice([0.22, 0.52])
    add(sides[_REAR], (0.31, 0.69, plate, plate + 0.17), (208, 208, 198))
    return found


def place_points(points: Floats, x: float, z: float, yaw: float) -> Floats:
    """Turn points [..., 3] by `yaw` (0 drives away from the camera, half pi to the right) and set them at x, z."""
    sine, cosine = np.sin(yaw), np.cos(yaw)
    placed = np.empty_like(points)
    placed[..., 0] = points[..., 0] * cosine + points[..., 2] * sine + x
    placed[..., 1] = points[..., 1]
    placed[..., 2] = points[..., 2] * cosine - points[..., 0] * sine + z
    return placed


def paint_vehicle_shadow(shade: NDArray[np.uint8], canvas: Canvas, vehicle: Vehicle, pose: tuple[float, float, float],
                         strength: int, contact: int) -> None:  # fmt: skip
    """Darken the ground under a car, and where it stands in the sun's way when `strength` is above 0."""
    points = place_points(vehicle.points, *pose)
    if strength:
        fallen = cast_shadow(canvas.light, points[[0, 3, 6, 9, 36, 39, 42, 45, 52, 53, 54, 55]])
        fill_hull(shade, project_points(canvas.camera, fallen), strength)
    under = points[:12].copy()
    under[:, 1] = 0.0
    fill_hull(shade, project_points(canvas.camera, under), contact)


def paint_vehicle(
    canvas: Canvas, vehicle: Vehicle, pose: tuple[float, float, float], identity: int, exposure: float
) -> None:
    """Paint a car at its pose (x, z, yaw) over what is farther away, and its id over theirs."""
    camera, light = canvas.camera, canvas.light
    depth = pose[1]
    points = place_points(vehicle.points, *pose)
    pixels = project_points(camera, points)
    eye = np.array([0.0, camera.altitude, 0.0], np.float32)
    corners = points[vehicle.faces]
    normals, facing = _face_camera(corners, eye)
    colors = list_colors(shade_colors(light, vehicle.paint, normals, depth, exposure, 0.10))
    haze = float(measure_haze(light, depth))
    _paint_tyres(canvas, vehicle, pose, identity, haze)
    fill_hull(canvas.ids, pixels[:48], identity)
    fill_hull(canvas.ids, pixels[48:], identity)
    outlines = pixels[vehicle.faces]
    body = 41
    # The hull in a dark tone first: the image then covers just what the ids cover, without gaps between panels.
    fill_hull(canvas.image, pixels[:48], list_colors(_tone(light, vehicle.paint[30:31] * 0.45, haze))[0])
    for k in np.flatnonzero(facing[:body]).tolist():
        fill_polygon(canvas.image, outlines[k], colors[k])
    fill_hull(canvas.image, pixels[48:], list_colors(_tone(light, vehicle.paint[30:31] * 0.4, haze))[0])
    for k in (np.flatnonzero(facing[body:]) + body).tolist():
        fill_polygon(canvas.image, outlines[k], colors[k])
    _paint_wheels(canvas, vehicle, pose, identity, exposure, haze)
    _paint_details(canvas, vehicle, pose, exposure, eye)


def _face_camera(corners: Floats, eye: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Give outward unit normals of panels [n, 4, 3] and whether the camera sees their outer side."""
    a, b = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    normals = np.stack([a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1], a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
                        a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]], axis=1)  # fmt: skip
    normals /= np.sqrt((normals * normals).sum(axis=1, keepdims=True)) + 1e-9
    seen = ((eye - corners.mean(axis=1)) * normals).sum(axis=1) > 0
    return normals.astype(np.float32), seen


def _tone(light: Light, colors: Floats, haze: float) -> Floats:
    return np.asarray(np.clip(colors * light.ambient * (1 - haze) + light.haze * haze, 0, 255), dtype=np.float32)


def _paint_tyres(
    canvas: Canvas, vehicle: Vehicle, pose: tuple[float, float, float], identity: int, haze: float
) -> None:
    radius = vehicle.wheel_radius
    inner = vehicle.wheels - np.sign(vehicle.wheels[:, :1]) * np.array([[0.2, 0, 0]], np.float32)
    quads = np.stack([vehicle.wheels, vehicle.wheels, inner, inner], axis=1)
    quads[:, [0, 3], 1] = 0.0
    quads[:, [1, 2], 1] = radius * 1.6
    color = list_colors(_tone(canvas.light, np.full((1, 3), 20, np.float32), haze))[0]
    for polygon in project_points(canvas.camera, place_points(quads, *pose)):
        fill_polygon(canvas.ids, polygon, identity)
        fill_polygon(canvas.image, polygon, color)


def _paint_wheels(
    canvas: Canvas, vehicle: Vehicle, pose: tuple[float, float, float], identity: int, exposure: float, haze: float
) -> None:
    x, z, yaw = pose
    # The camera sees the right side when it lies on the outer side of the plane through it.
    across = -x * np.cos(yaw) + z * np.sin(yaw)
    half = vehicle.size[0] / 2
    if abs(across) <= half:
        return
    side = 1.0 if across > 0 else -1.0
    centers = vehicle.wheels[vehicle.wheels[:, 0] * side > 0]
    radius = vehicle.wheel_radius
    disc = np.zeros((len(centers), len(_CIRCLE), 3), np.float32)
    disc[..., 0], disc[..., 1], disc[..., 2] = side * half, _CIRCLE[:, 0], _CIRCLE[:, 1]
    light = canvas.light
    brightness = vehicle.rim * float(light.ambient.mean() + 0.4 * exposure * light.direct.mean())
    black = list_colors(_tone(light, np.full((1, 3), 14, np.float32), haze))[0]
    rim = list_colors(_tone(light, np.full((1, 3), brightness, np.float32), haze))[0]
    hub = list_colors(_tone(light, np.full((1, 3), brightness * 0.45, np.float32), haze))[0]
    layers = ((1.22, black, False), (1.0, black, True), (0.66, rim, False), (0.24, hub, False))
    for scale, color, outside in layers:
        rings = disc.copy()
        rings[..., 1] = np.maximum(disc[..., 1] * radius * scale + radius, 0.2 if scale > 1 else 0.0)
        rings[..., 2] = disc[..., 2] * radius * scale + centers[:, None, 2]
        for polygon in project_points(canvas.camera, place_points(rings, *pose)):
            fill_polygon(canvas.image, polygon, color)
            if outside or scale > 1:
                fill_polygon(canvas.ids, polygon, identity)


def _paint_details(
    canvas: Canvas, vehicle: Vehicle, pose: tuple[float, float, float], exposure: float, eye: Floats
) -> None:
    corners = place_points(vehicle.details, *pose)
    normals, seen = _face_camera(corners, eye)
    lit = shade_colors(canvas.light, vehicle.detail_paint, normals, pose[1], exposure, 0.16)
    colors = list_colors(np.maximum(lit, vehicle.detail_paint * vehicle.glow[:, None]))
    polygons = project_points(canvas.camera, corners)
    for k in np.flatnonzero(seen).tolist():
        fill_polygon(canvas.image, polygons[k], colors[k])
