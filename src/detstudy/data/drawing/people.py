"""Pedestrians of drawn scenes: jointed figures with clothes, walking or standing, facing any way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
    project_points,
)

_SKIN = ((224, 182, 154), (198, 148, 118), (150, 104, 78), (96, 64, 48))
_HAIR = ((30, 24, 20), (70, 46, 30), (140, 104, 60), (120, 120, 120), (20, 18, 18))
_CLOTH = (
    (206, 48, 52), (236, 232, 222), (70, 132, 206), (240, 152, 56), (96, 170, 84),
    (28, 30, 36), (60, 62, 68), (120, 122, 126), (214, 212, 206), (38, 54, 104), (80, 112, 168), (150, 34, 40),
    (196, 70, 44), (52, 92, 62), (210, 180, 80), (116, 60, 104), (164, 132, 96), (232, 120, 150), (40, 130, 140),
)  # fmt: skip
_TROUSERS = ((24, 26, 32), (36, 46, 76), (70, 86, 122), (90, 84, 76), (150, 138, 116), (50, 50, 52))
_HALF = np.linspace(0, np.pi, 5)
_ARC = np.stack([-np.cos(_HALF), np.sin(_HALF)], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Person:
    """A pedestrian's build and clothes; lengths in metres, colours 0-255."""

    height: float
    girth: float  # thickness of limbs and trunk, 1 is slim
    phase: float  # where in a stride, radians
    stride: float  # how far legs and arms swing; about 0 stands
    top: tuple[int, int, int]
    legs: tuple[int, int, int]
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    long_hair: bool
    coat: bool
    bag: tuple[int, int, int] | None


def sample_person(generator: np.random.Generator) -> Person:
    """Draw a pedestrian's build, clothes and gait; one in eight is a child."""

    def pick(colors: tuple[tuple[int, int, int], ...]) -> tuple[int, int, int]:
        r, g, b = colors[int(generator.integers(len(colors)))]
        tone = float(generator.uniform(0.85, 1.15))
        return min(int(r * tone), 245), min(int(g * tone), 245), min(int(b * tone), 245)

    return Person(
        height=float(generator.uniform(1.2, 1.45) if generator.random() < 0.125 else generator.uniform(1.58, 1.92)),
        girth=float(generator.uniform(1.1, 1.5)),
        phase=float(generator.uniform(0, 2 * np.pi)),
        stride=(0.12, 0.8, 1.0)[int(generator.integers(3))],
        top=pick(_CLOTH),
        legs=pick(_TROUSERS),
        skin=pick(_SKIN),
        hair=pick(_HAIR),
        long_hair=bool(generator.random() < 0.4),
        coat=bool(generator.random() < 0.3),
        bag=pick(_CLOTH) if generator.random() < 0.4 else None,
    )


def _build_limbs(person: Person, yaw: float, phase: float) -> tuple[Floats, Floats, Floats]:
    """Give limbs back to front: ends [n, 2, 2] in metres across and up, radii [n, 2], colours [n, 3]."""
    h, g = person.height, person.girth
    turn = math.sin(yaw)  # 0 seen from front or behind, 1 from the side and walking to the right
    broad = 0.62 + 0.38 * abs(math.cos(yaw))
    swing = person.stride * math.sin(phase)
    hip, shoulder, neck = 0.49 * h, 0.80 * h, 0.86 * h
    ends: list[tuple[tuple[float, float], tuple[float, float]]] = []
    radii: list[tuple[float, float]] = []
    colors: list[tuple[float, ...]] = []

    def add(a: tuple[float, float], b: tuple[float, float], r0: float, r1: float, color: tuple[int, int, int],
            tone: float = 1.0) -> None:  # fmt: skip
        ends.append((a, b))
        radii.append((r0 * h * g, r1 * h * g))
        colors.append(tuple(tone * c for c in color))

    def add_leg(sign: float, tone: float) -> None:
        angle = 0.42 * swing * sign
        x = 0.052 * h * sign * broad
        bend = 0.35 * max(0.0, -angle) + 0.05
        knee = (x + math.sin(angle) * 0.24 * h * turn, hip - 0.24 * h)
        lift = 0.06 * h * max(0.0, -angle)
        foot = (knee[0] + math.sin(angle - bend) * 0.24 * h * turn + 0.01 * sign * h, 0.025 * h + lift)
        add((x, hip), knee, 0.050, 0.040, person.legs, tone)
        add(knee, foot, 0.040, 0.026, person.legs, tone)
        add((foot[0], foot[1]), (foot[0] + 0.055 * h * turn + 0.008 * sign * h, foot[1] - 0.005 * h), 0.024, 0.020,
            (34, 30, 28), tone)  # fmt: skip

    def add_arm(sign: float, tone: float) -> None:
        angle = -0.5 * swing * sign
        x = 0.118 * h * sign * broad * (0.8 + 0.2 * g)
        elbow = (x * 1.12 + math.sin(angle) * 0.16 * h * turn, shoulder - 0.17 * h)
        hand = (elbow[0] + math.sin(angle + 0.3) * 0.15 * h * turn, elbow[1] - 0.14 * h)
        add((x, shoulder - 0.015 * h), elbow, 0.030, 0.026, person.top, tone)
        add(elbow, hand, 0.025, 0.020, person.top, tone)
        add(hand, hand, 0.020, 0.020, person.skin, tone)

    add_arm(-1.0, 0.72)
    add_leg(-1.0, 0.78)
    add_leg(1.0, 1.0)
    away = math.cos(yaw) > 0
    if person.bag and not away:
        add((-0.05 * h * turn, 0.74 * h), (-0.05 * h * turn, 0.58 * h), 0.065, 0.060, person.bag, 0.8)
    for sign in (-1.0, 1.0):
        x = 0.060 * h * sign * broad
        add((x * 1.25, shoulder - 0.02 * h), (x, hip + 0.01 * h), 0.050, 0.052, person.top, 0.94 if sign < 0 else 1.0)
    add((0.0, shoulder), (0.0, hip), 0.052, 0.055, person.top, 0.98)
    if person.coat:
        for sign in (-1.0, 1.0):
            add((0.04 * sign * h * broad, hip), (0.055 * sign * h * broad, 0.33 * h), 0.055, 0.055, person.top, 0.95)
    if person.bag and away:
        add((0.0, 0.76 * h), (0.0, 0.60 * h), 0.070, 0.070, person.bag)
    add_arm(1.0, 0.9)
    add((0.0, neck - 0.03 * h), (0.01 * h * turn, neck), 0.026 / g, 0.026 / g, person.skin, 0.85)
    head = (0.012 * h * turn, 0.925 * h)
    add((head[0], head[1] - 0.012 * h), (head[0], head[1] + 0.015 * h), 0.050 / g, 0.052 / g, person.skin)
    back = -0.018 * h * turn
    if away:
        add(
            (head[0] + back, head[1] - 0.012 * h),
            (head[0] + back, head[1] + 0.02 * h),
            0.052 / g,
            0.053 / g,
            person.hair,
        )
    else:
        add((head[0] + back, head[1] + 0.022 * h), (head[0] + back * 0.5, head[1] + 0.026 * h), 0.048 / g, 0.046 / g,
            person.hair)  # fmt: skip
    if person.long_hair:
        side = back * 1.6
        add((head[0] + side, head[1] + 0.01 * h), (head[0] + side, head[1] - 0.06 * h), 0.045 / g, 0.036 / g,
            person.hair, 0.9 if away else 0.6)  # fmt: skip
    return np.array(ends, np.float32), np.array(radii, np.float32), np.array(colors, np.float32)


def _outline_limbs(ends: Floats, radii: Floats) -> Floats:
    """Give outlines [n, 10, 2] of rods with round ends."""
    along = ends[:, 1] - ends[:, 0]
    length = np.hypot(along[:, 0], along[:, 1])
    along = np.where(
        length[:, None] > 1e-6, along / np.maximum(length, 1e-6)[:, None], np.array([1.0, 0.0], np.float32)
    )
    ahead, left = along[:, None, :], np.stack([-along[:, 1], along[:, 0]], axis=1)[:, None, :]
    arc = _ARC[:, :1] * left + _ARC[:, 1:] * ahead  # half a circle around the far end
    far, near = ends[:, 1, None] + radii[:, 1, None, None] * arc, ends[:, 0, None] - radii[:, 0, None, None] * arc
    return np.concatenate([far, near], axis=1)


def paint_person_shadow(shade: Bytes, canvas: Canvas, person: Person, pose: Pose, strength: int, contact: int) -> None:
    """Darken the ground at a pedestrian's feet by `contact`, and by `strength` (0-255) where the sun is hidden."""
    x, z, _ = pose
    h = person.height
    if strength:
        rod = np.array([[x - 0.1, 0, z], [x + 0.1, 0, z], [x + 0.22, 0.8 * h, z], [x - 0.22, 0.8 * h, z],
                        [x - 0.08, h, z], [x + 0.08, h, z]], np.float32)  # fmt: skip
        fill_hull(shade, project_points(canvas.camera, cast_shadow(canvas.light, rod)), strength)
    feet = np.array([[x - 0.3, 0, z], [x - 0.2, 0, z + 0.18], [x + 0.2, 0, z + 0.18], [x + 0.3, 0, z],
                     [x + 0.2, 0, z - 0.18], [x - 0.2, 0, z - 0.18]], np.float32)  # fmt: skip
    fill_polygon(shade, project_points(canvas.camera, feet), contact)


def paint_person(canvas: Canvas, person: Person, pose: Pose, identity: int, exposure: float, phase: float) -> None:
    """Paint a pedestrian over what is farther away, and its id over theirs.

    `exposure` is the sun's share, 0 to 1; `phase` how far the stride has gone since the first frame, in radians.
    """
    x, z, yaw = pose
    camera, light = canvas.camera, canvas.light
    ends, radii, colors = _build_limbs(person, yaw, person.phase + phase)
    # The sunny side of each thick limb is a thinner rod of its own, moved towards the sun.
    sunny = float(light.sun[0])
    thick = radii[:, 0] > 0.028 * person.height * person.girth
    moved = ends[thick] + np.array([0.42 * sunny, 0.1], np.float32) * radii[thick, :, None]
    count = len(ends)
    flat = _outline_limbs(np.concatenate([ends, moved]), np.concatenate([radii, radii[thick] * np.float32(0.55)]))
    world = np.empty((*flat.shape[:2], 3), np.float32)
    world[..., 0], world[..., 1], world[..., 2] = flat[..., 0] + x, np.maximum(flat[..., 1], 0.0), z
    polygons = project_points(camera, world)
    facing = max(0.0, -float(light.sun[2])) * 0.6 + 0.4 * abs(sunny)
    base = colors * (light.ambient * 0.88 + light.direct * (0.25 * facing * exposure))
    bright = colors[thick] * (light.ambient * 1.08 + light.direct * ((0.35 + 0.65 * facing) * exposure))
    haze = measure_haze(light, z)
    tones = list_colors(np.minimum(np.concatenate([base, bright]) * (1 - haze) + light.haze * haze, 255.0))
    lit = count
    for k, twice in enumerate(thick.tolist()):
        fill_polygon(canvas.ids, polygons[k], identity)
        fill_polygon(canvas.image, polygons[k], tones[k])
        if twice:
            fill_polygon(canvas.image, polygons[lit], tones[lit])
            lit += 1
