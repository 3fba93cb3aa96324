"""Who is on a drawn street: cars and pedestrians with places and speeds, and crowds too far away to tell apart."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from detstudy.scenes.canvas import NEAREST, Camera, Floats, Pose, place_points
from detstudy.scenes.ground import Layout
from detstudy.scenes.people import Person, sample_person
from detstudy.scenes.vehicles import Vehicle, sample_vehicle

CAR_SHARE = 0.6  # of the actors tried; cars find room less often
LARGEST, SMALLEST = 0.58, 0.21  # height of a car when it is placed, as a share of the image's height
MOST_OVERLAP = 0.25  # of the smaller of two boxes, when they are placed
_CAR_HEIGHT = 1.52
_TRIES = 14

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Actor:
    """A car or a pedestrian on its way; metres, and metres a frame."""

    body: Vehicle | Person
    x: float
    z: float  # counted from where the camera stands at frame 0
    speed_x: float
    speed_z: float
    yaw: float
    group: int  # 0: an object of its own; else the far group to ignore that it belongs to


def locate_actor(actor: Actor, frame: float, travel: float) -> Pose:
    """Give an actor's pose (x, z from the camera, yaw) at a frame when the camera has gone `travel` metres."""
    return actor.x + actor.speed_x * frame, actor.z + actor.speed_z * frame - travel, actor.yaw


def list_corners(actor: Actor, pose: Pose) -> Floats:
    """Give the eight corners [8, 3] of the block that holds an actor at a pose."""
    width, height, length = _measure_block(actor)
    corners = [(x * width / 2, y * height, z * length / 2) for x in (-1, 1) for y in (0, 1) for z in (-1, 1)]
    return place_points(np.array(corners, np.float32), *pose)


def _measure_block(actor: Actor) -> tuple[float, float, float]:
    return actor.body.size if isinstance(actor.body, Vehicle) else (0.5, actor.body.height, 0.5)


def sample_traffic(
    generator: np.random.Generator, camera: Camera, layout: Layout, speed: float, deserted: bool
) -> tuple[Actor, ...]:
    """People a street: three to eight actors at most in view, and often a far group, unless it is `deserted`.

    `speed` is the camera's, in metres a frame. Each actor gets the size that it has in the image at one
    moment among the first four frames, so that sizes spread evenly between SMALLEST and LARGEST.
    """
    if deserted:
        return ()
    moment = float(generator.uniform(0, 3))
    actors: list[Actor] = []
    plans: list[tuple[float, float]] = []
    boxes: list[Box] = []
    for _ in range(int(generator.integers(3, 9))):
        body = sample_vehicle(generator) if generator.random() < CAR_SHARE else sample_person(generator)
        for _ in range(_TRIES):
            actor = _sample_actor(generator, body, camera, layout, speed, moment)
            if actor is None:
                continue
            plan = _measure_plan(actor)
            if any(_meet(actor, plan, *other, moment) for other in zip(actors, plans, strict=True)):
                continue
            box = _measure_box(actor, plan, camera, moment, speed)
            if all(_measure_overlap(box, other) <= MOST_OVERLAP for other in boxes):
                actors.append(actor)
                plans.append(plan)
                boxes.append(box)
                break
    if generator.random() < 0.35:
        actors += _sample_group(generator, layout)
    return tuple(actors)


def _sample_actor(
    generator: np.random.Generator, body: Vehicle | Person, camera: Camera, layout: Layout, speed: float, moment: float
) -> Actor | None:
    """Draw a place in view and a way to move that suits it; None where the body can't be there."""
    # Pedestrians are a car's height or a little more, and much narrower: not quite as far away.
    smallest = SMALLEST if isinstance(body, Vehicle) else 1.2 * SMALLEST
    depth = camera.focal * _CAR_HEIGHT / camera.height / generator.uniform(smallest, LARGEST)
    x = float((generator.uniform(0.02, 0.98) * camera.width - camera.center) * depth / camera.focal)
    if not layout.left_wall + 0.6 < x < layout.right_wall - 0.6:
        return None
    if isinstance(body, Vehicle):
        actor = _sample_driver(generator, body, layout, speed, x)
    else:
        actor = _sample_walker(generator, body, layout, x)
    if actor is None:
        return None
    # Back from the moment of placing to frame 0.
    z = depth + speed * moment - actor.speed_z * moment
    return replace(actor, x=actor.x - actor.speed_x * moment, z=float(z))


def _sample_driver(
    generator: np.random.Generator, body: Vehicle, layout: Layout, speed: float, x: float
) -> Actor | None:
    strip = 2.1 if layout.parking else 0.0
    dice = float(generator.random())
    speed_x = speed_z = 0.0
    yaw = float(generator.normal(0, 0.05))
    if layout.left_kerb + strip < x < layout.right_kerb - strip:
        if dice < 0.30:  # crossing, or turning
            yaw = _toss(generator) * float(
                generator.normal(math.pi / 2, 0.12) if dice < 0.18 else generator.uniform(0.4, 2.7)
            )
            pace = float(generator.uniform(0, 0.9))
            speed_x, speed_z = pace * math.sin(yaw), pace * math.cos(yaw)
        elif x > layout.middle:
            speed_z = speed * float(generator.uniform(0.5, 1.3)) + float(generator.uniform(0, 0.2))
        else:
            yaw += math.pi
            speed_z = -float(generator.uniform(0, 1.2))
    elif layout.left_kerb < x < layout.right_kerb:
        x = layout.right_kerb - 1.05 if x > 0 else layout.left_kerb + 1.05
        yaw += math.pi if (x < 0) == (dice < 0.8) else 0.0
    elif dice < 0.5 and layout.left_wall + 1.8 < x < layout.right_wall - 1.8:
        yaw = _toss(generator) * float(generator.normal(math.pi / 2, 0.25))  # in a driveway
    else:
        return None
    return Actor(body, x, 0.0, speed_x, speed_z, yaw, 0)


def _sample_walker(generator: np.random.Generator, body: Person, layout: Layout, x: float) -> Actor:
    pace = float(generator.uniform(0.2, 0.5)) if body.stride > 0.5 else 0.0
    on_road = layout.left_kerb < x < layout.right_kerb
    if generator.random() < (0.8 if on_road else 0.35):
        yaw = _toss(generator) * float(generator.normal(math.pi / 2, 0.3))
    else:
        yaw = math.pi * (generator.random() < 0.5) + float(generator.normal(0, 0.35))
    return Actor(body, x, 0.0, pace * math.sin(yaw), pace * math.cos(yaw), yaw, 0)


def _toss(generator: np.random.Generator) -> float:
    return 1.0 if generator.random() < 0.5 else -1.0


def _meet(a: Actor, a_plan: tuple[float, float], b: Actor, b_plan: tuple[float, float], moment: float) -> bool:
    """Whether two actors run through each other in a drive; they may touch in the image, not on the ground."""
    apart_x, apart_z = a_plan[0] + b_plan[0] + 0.15, a_plan[1] + b_plan[1] + 0.15
    x, z, speed_x, speed_z = a.x - b.x, a.z - b.z, a.speed_x - b.speed_x, a.speed_z - b.speed_z
    return any(abs(x + speed_x * t) < apart_x and abs(z + speed_z * t) < apart_z for t in (0.0, moment, 3.0, 7.0))


def _measure_plan(actor: Actor) -> tuple[float, float]:
    """Give half of an actor's extent across the street and along it."""
    width, _, length = _measure_block(actor)
    sine, cosine = abs(math.sin(actor.yaw)), abs(math.cos(actor.yaw))
    return (width * cosine + length * sine) / 2, (width * sine + length * cosine) / 2


def _measure_box(actor: Actor, plan: tuple[float, float], camera: Camera, frame: float, speed: float) -> Box:
    """Give left, top, right, bottom of an actor in the canvas, not cut at its border."""
    x, z, _ = locate_actor(actor, frame, speed * frame)
    wide, deep = plan
    near, far = camera.focal / max(z - deep, NEAREST), camera.focal / max(z + deep, NEAREST)
    above = camera.altitude - _measure_block(actor)[1]
    return (
        camera.center + min((x - wide) * near, (x - wide) * far),
        camera.horizon + min(above * near, above * far),
        camera.center + max((x + wide) * near, (x + wide) * far),
        camera.horizon + camera.altitude * near,
    )


def _measure_overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def _sample_group(generator: np.random.Generator, layout: Layout) -> list[Actor]:
    """Draw a crowd on the pavement or a row of parked cars, too far away to be learned one by one."""
    side = _toss(generator)
    kerb, wall = (layout.left_kerb, layout.left_wall) if side < 0 else (layout.right_kerb, layout.right_wall)
    if generator.random() < 0.5:
        z = generator.uniform(22, 30)
        low, high = sorted((kerb, wall - side * 0.4))
        return [
            Actor(sample_person(generator), float(generator.uniform(low, high)),
                  float(z + generator.uniform(0, 3)), 0.0, 0.0, float(generator.uniform(0, 2 * math.pi)), 1)
            for _ in range(int(generator.integers(4, 7)))
        ]  # fmt: skip
    z = generator.uniform(24, 32)
    yaw = 0.0 if side > 0 else math.pi
    return [
        Actor(sample_vehicle(generator), kerb - side * 1.05, float(z + 5.6 * k), 0.0, 0.0, yaw, 1)
        for k in range(int(generator.integers(3, 5)))
    ]
