"""Pedestrians of drawn scenes: jointed figures with clothes, walking or standing, facing any way."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from detstudy.scenes.canvas import (
    Canvas,
    Floats,
    Light,
    Pose,
    Sketch,
    cast_shadow,
    measure_box,
    measure_hazes,
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
# What limbs are made of: rows of `_list_materials`.
_TOP, _LEGS, _FACE, _CROWN, _BAG, _SHOES = range(6)
_MATERIALS = 6
# A rod with round ends along the real axis: half a circle around the far end, then half around the near one.
_HALF = np.sin(np.linspace(0, np.pi, 5)) - 1j * np.cos(np.linspace(0, np.pi, 5))
_ROD = np.concatenate([_HALF, -_HALF]).astype(np.complex64)
_END = np.repeat([1, 0], 5)


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


def _list_limbs(person: Person, yaw: float, phase: float) -> list[tuple[float, ...]]:
    """Give limbs back to front: both ends in metres across and up, radii for a person one metre tall, what it is
    made of as a row of `_list_materials`, and its brightness."""
    h, g = person.height, person.girth
    turn = math.sin(yaw)  # 0 seen from front or behind, 1 from the side and walking to the right
    broad = 0.62 + 0.38 * abs(math.cos(yaw))
    swing = person.stride * math.sin(phase)
    hip, shoulder, neck = 0.49 * h, 0.80 * h, 0.86 * h

    def list_leg(sign: float, tone: float) -> list[tuple[float, ...]]:
        angle = 0.42 * swing * sign
        x = 0.052 * h * sign * broad
        bend = 0.35 * max(0.0, -angle) + 0.05
        knee, knee_up = x + math.sin(angle) * 0.24 * h * turn, hip - 0.24 * h
        lift = 0.06 * h * max(0.0, -angle)
        foot, foot_up = knee + math.sin(angle - bend) * 0.24 * h * turn + 0.01 * sign * h, 0.025 * h + lift
        return [
            (x, hip, knee, knee_up, 0.050 * g, 0.040 * g, _LEGS, tone),
            (knee, knee_up, foot, foot_up, 0.040 * g, 0.026 * g, _LEGS, tone),
            (foot, foot_up, foot + 0.055 * h * turn + 0.008 * sign * h, foot_up - 0.005 * h, 0.024 * g, 0.020 * g,
             _SHOES, tone),
        ]  # fmt: skip

    def list_arm(sign: float, tone: float) -> list[tuple[float, ...]]:
        angle = -0.5 * swing * sign
        x = 0.118 * h * sign * broad * (0.8 + 0.2 * g)
        elbow, elbow_up = x * 1.12 + math.sin(angle) * 0.16 * h * turn, shoulder - 0.17 * h
        hand, hand_up = elbow + math.sin(angle + 0.3) * 0.15 * h * turn, elbow_up - 0.14 * h
        return [
            (x, shoulder - 0.015 * h, elbow, elbow_up, 0.030 * g, 0.026 * g, _TOP, tone),
            (elbow, elbow_up, hand, hand_up, 0.025 * g, 0.020 * g, _TOP, tone),
            (hand, hand_up, hand, hand_up, 0.020 * g, 0.020 * g, _FACE, tone),
        ]

    limbs = list_arm(-1.0, 0.72) + list_leg(-1.0, 0.78) + list_leg(1.0, 1.0)
    away = math.cos(yaw) > 0
    if person.bag and not away:
        limbs.append((-0.05 * h * turn, 0.74 * h, -0.05 * h * turn, 0.58 * h, 0.065 * g, 0.060 * g, _BAG, 0.8))
    x = 0.060 * h * broad
    for sign, tone in ((-x, 0.94), (x, 1.0)):
        limbs.append((sign * 1.25, shoulder - 0.02 * h, sign, hip + 0.01 * h, 0.050 * g, 0.052 * g, _TOP, tone))
    limbs.append((0.0, shoulder, 0.0, hip, 0.052 * g, 0.055 * g, _TOP, 0.98))
    if person.coat:
        x = h * broad
        for sign in (-x, x):
            limbs.append((0.04 * sign, hip, 0.055 * sign, 0.33 * h, 0.055 * g, 0.055 * g, _TOP, 0.95))
    if person.bag and away:
        limbs.append((0.0, 0.76 * h, 0.0, 0.60 * h, 0.070 * g, 0.070 * g, _BAG, 1.0))
    limbs += list_arm(1.0, 0.9)
    limbs.append((0.0, neck - 0.03 * h, 0.01 * h * turn, neck, 0.026, 0.026, _FACE, 0.85))
    head, up = 0.012 * h * turn, 0.925 * h
    limbs.append((head, up - 0.012 * h, head, up + 0.015 * h, 0.050, 0.052, _FACE, 1.0))
    back = -0.018 * h * turn
    if away:
        limbs.append((head + back, up - 0.012 * h, head + back, up + 0.02 * h, 0.052, 0.053, _CROWN, 1.0))
    else:
        limbs.append((head + back, up + 0.022 * h, head + back * 0.5, up + 0.026 * h, 0.048, 0.046, _CROWN, 1.0))
    if person.long_hair:
        side = head + back * 1.6
        limbs.append((side, up + 0.01 * h, side, up - 0.06 * h, 0.045, 0.036, _CROWN, 0.9 if away else 0.6))
    return limbs


def _list_materials(person: Person) -> list[tuple[int, int, int]]:
    return [person.top, person.legs, person.skin, person.hair, person.bag or person.top, (34, 30, 28)]


def list_person_shadows(light: Light, people: list[Person], poses: list[Pose]) -> Floats:
    """Give the corners on the ground of what people's shadows cover and of where they stand [n, 2, 6, 3]."""
    heights = np.array([person.height for person in people], np.float32)[:, None]
    places = np.array(poses, np.float32).reshape(-1, 3)
    corners = np.empty((len(people), 2, 6, 3), np.float32)
    corners[..., 0], corners[..., 2] = places[:, :1, None], places[:, 1:2, None]
    corners[:, 0, :, 0] += np.array([-0.1, 0.1, 0.22, -0.22, -0.08, 0.08], np.float32)
    corners[:, 0, :, 1] = np.array([0, 0, 0.8, 0.8, 1, 1], np.float32) * heights
    corners[:, 0] = cast_shadow(light, corners[:, 0])
    corners[:, 1, :, 0] += np.array([-0.3, -0.2, 0.2, 0.3, 0.2, -0.2], np.float32)
    corners[:, 1, :, 1] = 0.0
    corners[:, 1, :, 2] += np.array([0, 0.18, 0.18, 0, -0.18, -0.18], np.float32)
    return corners


def sketch_people(
    canvas: Canvas, people: list[Person], poses: list[Pose], ids: list[int], exposures: list[float], paces: list[float]
) -> list[Sketch]:
    """Sketch pedestrians at their poses, all in one go.

    `exposures` are the sun's shares, 0 to 1; `paces` how far strides have gone since the first frame, in radians.
    """
    if not people:
        return []
    camera, light = canvas.camera, canvas.light
    limbs: list[tuple[float, ...]] = []
    materials: list[tuple[int, int, int]] = []
    counts = []
    for person, pose, pace in zip(people, poses, paces, strict=True):
        own = _list_limbs(person, pose[2], person.phase + pace)
        limbs += own
        counts.append(len(own))
        materials += _list_materials(person)
    table = np.array(limbs, np.float32)
    facts = np.array([(pose[0], pose[1], person.height, person.girth, exposure, identity) for person, pose, exposure,
                      identity in zip(people, poses, exposures, ids, strict=True)], np.float32)  # fmt: skip
    owners = np.repeat(np.arange(len(people)), counts)
    heights = facts[owners, 2]
    # The sunny side of each thick limb is a thinner rod of its own, moved towards the sun, right after it.
    thick = table[:, 4] > 0.028 * facts[owners, 3]
    source = np.repeat(np.arange(len(table)), 1 + thick)
    bright = np.zeros(len(source), bool)
    bright[1:] = source[1:] == source[:-1]
    parts, owners = table[source], owners[source]
    # The plane of a figure in complex numbers: across, and up as the imaginary part.
    ends = parts[:, :4].view(np.complex64)
    radii = parts[:, 4:6] * heights[source, None]
    sunny = float(light.sun[0])
    ends[bright] += radii[bright] * np.complex64(0.42 * sunny + 0.1j)
    radii[bright] *= np.float32(0.55)
    along = ends[:, 1] - ends[:, 0] + np.complex64(1e-6)
    along /= np.abs(along)
    outlines = ends[:, _END] + radii[:, _END] * (along[:, None] * _ROD)
    world = np.empty((*outlines.shape, 3), np.float32)
    places = facts[owners]
    world[..., 0], world[..., 1] = outlines.real + places[:, :1], np.maximum(outlines.imag, 0.0)
    world[..., 2] = places[:, 1:2]
    polygons = project_points(camera, world)
    facing = max(0.0, -float(light.sun[2])) * 0.6 + 0.4 * abs(sunny)
    base = np.array(materials, np.float32)[owners * _MATERIALS + parts[:, 6].astype(np.intp)] * parts[:, 7:]
    exposure = places[:, 4:5] * np.where(bright, np.float32(0.35 + 0.65 * facing), np.float32(0.25 * facing))[:, None]
    ambient = np.where(bright, np.float32(1.08), np.float32(0.88))[:, None]
    haze = measure_hazes(light, places[:, 1:2])
    tones = np.empty((len(source), 4), np.float32)
    np.minimum(base * (light.ambient * ambient + light.direct * exposure) * (1 - haze) + light.haze * haze, 255.0,
               out=tones[:, :3])  # fmt: skip
    tones[:, 3] = places[:, 5]
    stops = [0, *np.cumsum(np.bincount(owners, minlength=len(people))).tolist()]
    shapes, colors = list(polygons), tones.tolist()
    return [
        Sketch(shapes[a:b], colors[a:b], measure_box(camera, polygons[a:b].reshape(-1, 2)))
        for a, b in itertools.pairwise(stops)
    ]
