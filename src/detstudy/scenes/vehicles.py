"""Cars of drawn scenes: solid bodies in metres, seen from any side, with glass, lights, wheels and plates."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.scenes.canvas import (
    Canvas,
    Floats,
    Light,
    Pose,
    Sketch,
    cast_shadow,
    measure_box,
    measure_hazes,
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
_TYRE = np.array([0.02, 0.02, 0.22, 0.22])  # metres from the car's side to a tyre's corners
_KINDS = _DETAILS[:, 6].astype(int)
# Corners of all panels: of body and cabin, then of details, whose points follow theirs.
_FACES = np.concatenate([np.array(_RING + _CAPS + _ROOF), _BODY + _CABIN + np.arange(4 * len(_DETAILS)).reshape(-1, 4)])
_GLOSS = np.where(np.arange(len(_FACES)) < _SOLID_FACES, 0.10, 0.15).astype(np.float32)[:, None]  # how much they mirror
_SHADOW = [0, 3, 6, 9, 36, 39, 42, 45, 52, 53, 54, 55, *range(12)]  # points that bound what hides the sun; the lowest
_TRIM_LOW, _TRIM_HIGH = np.array([[14, 0.16, 0.2, 14, 0], [44, 0.30, 0.5, 50, 1]])


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car's measures and paint; lengths in metres, colours 0-255."""

    size: tuple[float, float, float]  # width, height, length
    shape: tuple[float, ...]  # as in _SHAPES
    paint: Floats  # [3]
    trim: tuple[
        float, ...
    ]  # darkness of glass, depth of rear lights, height of the rear plate, grille, chance of light
    sills: float  # brightness of sills and bumpers, a share of the paint's
    rim: float  # brightness of the rims, 0-255


@dataclass(frozen=True, slots=True)
class Fleet:
    """The solid bodies of n cars in their own axes (right, up, forward): points, and the panels that they bound."""

    points: Floats  # body, cabin, then four corners of each detail, of each tyre and discs of the wheels [n, points, 3]
    normals: Floats  # of the panels of body, cabin and details [n, panels, 3], outward
    offsets: Floats  # of the panels' planes from the centre, along their normals [n, panels]
    paint: Floats  # [n, panels, 3], 0-255
    glow: Floats  # how much each panel shines by itself [n, panels, 1]
    rims: Floats  # brightness [n, 1], 0-255
    widths: list[float]  # metres


def sample_vehicle(generator: np.random.Generator) -> Vehicle:
    """Draw a car's kind, size, paint and lights."""
    shape = np.array(_SHAPES[int(generator.integers(len(_SHAPES)))]) * generator.uniform(0.94, 1.06, 9)
    length, width, height = shape[:3].tolist()
    paint = np.array(_PAINTS[int(generator.integers(len(_PAINTS)))], np.float32)
    varied = paint * generator.uniform(0.8, 1.15) + generator.uniform(-14, 14, 3)
    return Vehicle(
        size=(width, height, length),
        shape=tuple(shape.tolist()),
        paint=np.minimum(np.maximum(varied, 8), 245).astype(np.float32),
        trim=tuple(generator.uniform(_TRIM_LOW, _TRIM_HIGH).tolist()),
        sills=0.35 if generator.random() < 0.5 else 0.75,  # of plastic or painted
        rim=float(generator.uniform(70, 190)),
    )


def build_fleet(vehicles: list[Vehicle]) -> Fleet:
    """Build the bodies of cars, all in one go."""
    count = len(vehicles)
    sides = np.array([_list_rings(*vehicle.shape) for vehicle in vehicles]).reshape(count, 4, 3, 12)
    cabins = np.array([_list_cabin(*vehicle.shape) for vehicle in vehicles]).reshape(count, _CABIN, 3)
    solid = np.concatenate([sides.transpose(0, 1, 3, 2).reshape(count, _BODY, 3), cabins], axis=1)
    paint = np.array([vehicle.paint for vehicle in vehicles], np.float32).reshape(count, 1, 3)
    corners, colors = _place_details(np.array([vehicle.trim for vehicle in vehicles]).reshape(count, 5), solid, paint)
    tints = np.ones((count, _SOLID_FACES, 1), np.float32)
    tints[:, :12, 0] = np.array([vehicle.sills for vehicle in vehicles], np.float32)[:, None]
    tints[:, 12:24] = 0.94
    wheels = _build_wheels(np.array([vehicle.size for vehicle in vehicles]).reshape(count, 3).T)
    points = np.concatenate([solid, corners.reshape(count, 4 * len(_DETAILS), 3), wheels], axis=1).astype(np.float32)
    normals, offsets = _measure_planes(np.take(points, _FACES, axis=1))
    glow = np.zeros((count, len(_FACES), 1), np.float32)
    glow[:, _SOLID_FACES:] = colors[..., 3:]
    return Fleet(
        points=points,
        normals=normals,
        offsets=offsets,
        paint=np.concatenate([paint * tints, colors[..., :3]], axis=1).astype(np.float32),
        glow=glow,
        rims=np.array([vehicle.rim for vehicle in vehicles], np.float32)[:, None],
        widths=[vehicle.size[0] for vehicle in vehicles],
    )


def _list_rings(
    length: float, width: float, _height: float, bonnet: float, boot: float, _windscreen: float, _rear_slope: float,
    nose: float, belt: float,
) -> list[tuple[tuple[float, ...], ...]]:  # fmt: skip
    """Give the body's rings: where their points are across, up and ahead."""
    cowl, edge = length / 2 - bonnet, -length / 2 + boot
    tail = belt if boot < 0.3 else belt - 0.02
    rings: list[tuple[tuple[float, ...], ...]] = []
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
        rings.append((across, up, ahead))
    return rings


def _list_cabin(
    length: float, width: float, height: float, bonnet: float, boot: float, windscreen: float, rear_slope: float,
    _nose: float, belt: float,
) -> list[tuple[float, float, float]]:  # fmt: skip
    """Give the cabin's points, its lower ring first."""
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
    return lower + upper


def _place_details(
    trims: NDArray[np.float64], solid: NDArray[np.float64], paint: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place windows, lights, lines and plates: corners [n, details, 4, 3], colours and glow [n, details, 4]."""
    count = len(trims)
    dark, depth, plate, grille = trims[:, :4].T[..., None]
    on = (trims[:, 4:] < 0.35).astype(np.float64)
    colors = np.zeros((count, 8, 4))
    colors[:, _GLASS, :3] = dark * np.array([1.0, 1.08, 1.15])
    colors[:, _SHINE, :3] = dark * np.array([1.8, 1.9, 2.0]) + np.array([22, 28, 36])
    colors[:, _LINE, :3] = paint[:, 0] * 0.5
    colors[:, _LENS] = np.array([150, 20, 22, 0.25]) + on * np.array([70, 20, 0, 0.6])
    colors[:, _LAMP] = np.array([215, 218, 222, 0.15]) + on * np.array([0, 0, 0, 0.75])
    colors[:, _GRILLE, :3] = grille
    colors[:, _TRIM] = 26, 26, 28, 0
    colors[:, _PLATE] = 206, 206, 197, 0.08
    bottoms, tops = np.tile(_DETAILS[:, 3], (count, 1)), np.tile(_DETAILS[:, 4], (count, 1))
    bottoms[:, _KINDS == _LENS] -= depth
    bottoms[:, -1:], tops[:, -1:] = plate, plate + 0.17
    corners = solid[:, _PANELS[_DETAILS[:, 0].astype(int)]]
    s = np.stack([_DETAILS[:, 1], _DETAILS[:, 2], _DETAILS[:, 2] + _DETAILS[:, 5], _DETAILS[:, 1] + _DETAILS[:, 5]],
                 axis=1)[..., None]  # fmt: skip
    t = np.stack([bottoms, bottoms, tops, tops], axis=2)[..., None]
    low = corners[:, :, None, 0] + (corners[:, :, None, 1] - corners[:, :, None, 0]) * s
    high = corners[:, :, None, 3] + (corners[:, :, None, 2] - corners[:, :, None, 3]) * s
    return low + (high - low) * t, colors[:, _KINDS]


def _build_wheels(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give four tyres seen along the car [n, 4 * 4, 3], then discs of two wheels right and left [n, 2 * 2 * 4 * 12, 3].

    `sizes` are widths, heights and lengths [3, n].
    """
    width, height, length = sizes
    count = len(width)
    radius = 0.31 * (0.92 + 0.1 * height / 1.5)
    axles = np.stack([length / 2 - 0.82, 0.80 - length / 2], axis=1)
    sides = np.array([1.0, -1.0])
    tyres = np.zeros((count, 2, 2, 4, 3))  # right and left, front and rear, corners
    tyres[..., 0] = ((width[:, None] / 2 - _TYRE)[:, None] * sides[:, None])[:, :, None]
    tyres[..., 1:3, 1] = (radius * 1.6)[:, None, None, None]
    tyres[..., 2] = axles[:, None, :, None]
    discs = np.empty((count, 2, 2, len(_WHEEL_LAYERS), len(_CIRCLE), 3))
    discs[..., 0] = (width[:, None] / 2 * sides)[:, :, None, None, None]
    scale = np.array(_WHEEL_LAYERS)[:, None] * radius[:, None, None]
    up = np.maximum(_CIRCLE[:, 0] * scale + radius[:, None, None], np.array([0.2, 0, 0, 0])[:, None])
    discs[..., 1] = up[:, None, None]
    discs[..., 2] = (_CIRCLE[:, 1] * scale)[:, None, None] + axles[:, None, :, None, None]
    return np.concatenate([tyres.reshape(count, 16, 3), discs.reshape(count, 16 * len(_CIRCLE), 3)], axis=1)


def _measure_planes(corners: Floats) -> tuple[Floats, Floats]:
    """Give outward unit normals of panels [..., 4, 3] and their planes' offsets."""
    a, b = corners[..., 2, :] - corners[..., 0, :], corners[..., 3, :] - corners[..., 1, :]
    normals = np.empty_like(a)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        normals[..., k] = a[..., i] * b[..., j] - a[..., j] * b[..., i]
    normals /= np.sqrt((normals * normals).sum(axis=-1, keepdims=True)) + 1e-9
    return normals, (normals * corners.mean(axis=-2)).sum(axis=-1)


def list_vehicle_shadows(light: Light, fleet: Fleet, rows: list[int], poses: list[Pose]) -> Floats:
    """Give the corners on the ground of what cars' shadows cover and of where the cars stand [n, 2, 12, 3]."""
    x, z, yaw = np.array(poses, np.float32).reshape(-1, 3).T[..., None]
    placed = place_points(fleet.points[rows][:, _SHADOW], x, z, yaw).reshape(len(rows), 2, 12, 3)
    placed[:, 0] = cast_shadow(light, placed[:, 0])
    placed[:, 1, :, 1] = 0.0
    return placed


def sketch_vehicles(
    canvas: Canvas, fleet: Fleet, rows: list[int], poses: list[Pose], ids: list[int], exposures: list[float]
) -> list[Sketch]:
    """Sketch cars, given as rows of the fleet, at their poses; `exposures` are the sun's shares, 0 to 1."""
    if not rows:
        return []
    camera, light = canvas.camera, canvas.light
    x, z, yaw = np.array(poses, np.float32).T[..., None]
    pixels = project_points(camera, place_points(fleet.points[rows], x, z, yaw))
    # Eye and sun in the cars' own axes: panels keep their normals.
    sine, cosine = np.sin(yaw), np.cos(yaw)
    eyes = np.hstack([z * sine - x * cosine, np.full_like(x, camera.altitude), -x * sine - z * cosine])
    across, up, ahead = light.sun.tolist()
    suns = np.hstack([across * cosine - ahead * sine, np.full_like(x, up), across * sine + ahead * cosine])
    normals, paint = fleet.normals[rows], fleet.paint[rows]
    seen = (normals @ eyes[..., None])[..., 0] > fleet.offsets[rows]
    incidence = np.maximum(normals @ suns[..., None], 0.0) * np.array(exposures, np.float32)[:, None, None]
    upward = normals[..., 1:2]
    lit = paint * (light.ambient * (0.78 + 0.22 * upward) + light.direct * incidence)
    lit += _GLOSS * (light.sky * np.maximum(upward + 0.25, 0.0) + light.direct * (255.0 * incidence**8))
    np.maximum(lit, paint * fleet.glow[rows], out=lit)
    rims = fleet.rims[rows]
    flat = np.hstack([np.full_like(rims, 14.0), rims * 1.1, rims * 0.45])[..., None] * light.ambient
    under = paint[:, 30:31] * (0.45 * light.ambient)
    haze = measure_hazes(light, z)[..., None]
    tones = np.empty((len(rows), len(_FACES) + 4, 4), np.float32)
    shown = np.concatenate([lit, flat, under], axis=1) * (1 - haze) + light.haze * haze
    np.minimum(shown, 255.0, out=tones[..., :3])
    tones[..., 3] = np.array(ids, np.float32)[:, None]
    outlines = np.take(pixels, _FACES, axis=1)
    wheels = pixels[:, _BODY + _CABIN + 4 * len(_DETAILS) :]
    sketches = []
    for k, colors in enumerate(tones.tolist()):
        black, rim, hub, dark = colors[-4:]
        panels = np.flatnonzero(seen[k]).tolist()
        first, second = bisect.bisect_left(panels, _BODY_FACES), bisect.bisect_left(panels, _SOLID_FACES)
        shapes, own = list(outlines[k]), list(wheels[k, :16].reshape(4, 4, 2))
        tints = [black] * 4
        # The hull in a dark tone first: no gaps between panels.
        for hull, part in (
            (pixels[k, :_BODY], panels[:first]),
            (pixels[k, _BODY : _BODY + _CABIN], panels[first:second]),
        ):
            own += [cv2.convexHull(hull), *(shapes[panel] for panel in part)]
            tints += [dark, *(colors[panel] for panel in part)]
        beside = float(eyes[k, 0])
        if abs(beside) > fleet.widths[rows[k]] / 2:
            discs = wheels[k, 16:].reshape(2, 2 * len(_WHEEL_LAYERS), len(_CIRCLE), 2)[0 if beside > 0 else 1]
            own += list(discs)
            tints += [black, black, rim, hub] * 2
        own += [shapes[panel] for panel in panels[second:]]
        tints += [colors[panel] for panel in panels[second:]]
        sketches.append(Sketch(own, tints, measure_box(camera, pixels[k])))
    return sketches
