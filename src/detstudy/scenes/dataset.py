"""Drawn driving scenes in KITTI-MOTS's own layout: data for trials where no data set is at hand.

A sequence is a drive along its own street, drawn from (seed, sequence) alone: another seed gives fresh scenes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detstudy.data.formats.kitti_instances import FRAMES_PER_SEQUENCE
from detstudy.data.records import DataError
from detstudy.scenes.canvas import (
    NEAREST,
    OVERSAMPLING,
    Bytes,
    Camera,
    Canvas,
    Pose,
    Sketch,
    create_canvas,
    enlarge_camera,
    fill_hull,
    make_speckle,
    measure_box,
    paint_sketch,
    project_points,
)
from detstudy.scenes.ground import measure_sunshine
from detstudy.scenes.people import Person, list_person_shadows, sketch_people
from detstudy.scenes.scenery import paint_item, project_scenery
from detstudy.scenes.street import Street, build_street, paint_ground, paint_walls
from detstudy.scenes.traffic import Actor, list_corners, locate_actor, sample_traffic
from detstudy.scenes.vehicles import Fleet, Vehicle, build_fleet, list_vehicle_shadows, sketch_vehicles

CAR, PEDESTRIAN, IGNORE = 1, 2, 10  # KITTI-MOTS's class ids
IGNORE_ID = 10_000
SMALLEST_AREA = 30.0  # visible pixels in an image of 96 rows; what shows less is to be ignored
SMALLEST_SHARE = 0.25  # of an object that must be visible for it to count
MOST_SEQUENCES = 10_000  # four digits name one
MOST_COLUMNS = 8192  # pixels
DRIVE = 8  # frames; a longer sequence goes on in another street after as many
_DESERTED = (20, 7)  # of each 20 sequences the one with this remainder has nobody on the street
_IGNORED = 255  # what the canvas holds where the id is IGNORE_ID
_COLORS = np.uint32(0xFFFFFF if sys.byteorder == "little" else 0xFFFFFF00)  # what masks a pixel's fourth byte out
_NEAREST = 2.4  # metres; what is nearer has gone past


@dataclass(frozen=True, slots=True)
class Place:
    """A street with its traffic and the camera's way through it."""

    camera: Camera  # of the canvas
    ground_camera: Camera  # the same, of the image
    street: Street
    actors: tuple[Actor, ...]
    fleet: Fleet  # the bodies of the cars among the actors, in their order
    rows: tuple[int, ...]  # each actor's row in the fleet; of no meaning for pedestrians
    speed: float  # metres a frame
    tone: Bytes  # what the camera's exposure makes of each colour [1, 256, 3]
    vignette: Bytes  # 255 times the share of the light that gets through [height, width, 3]
    blur: float  # pixels; 0 is sharp
    noise: float  # standard deviation, 0-255


def scene_splits(
    train_sequences: int = 100, validation_sequences: int = 20, test_sequences: int = 0
) -> dict[str, tuple[int, ...]]:
    """Give the numbers of each split's sequences: training from 0, then validation, then test."""
    ends = np.cumsum([train_sequences, validation_sequences, test_sequences]).tolist()
    return {
        "train": tuple(range(ends[0])),
        "validation": tuple(range(ends[0], ends[1])),
        "test": tuple(range(ends[1], ends[2])),
    }


def draw_scenes(
    folder: Path,
    *,
    seed: int = 0,
    train_sequences: int = 100,
    validation_sequences: int = 20,
    test_sequences: int = 0,
    frames: int = 4,
    width: int = 320,
    height: int = 96,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write sequences of frames with both of KITTI-MOTS's annotation forms; give the three folders written.

    The folders are `training/image_02`, `training/instances_txt` and `training/instances` under `folder`. Sequences are
    numbered as in `scene_splits`. The same arguments write the same bytes; drawing over the same files is allowed.
    `progress` is called with frames done and frames in all.

    Raises DataError where a number makes no sense, or where the folder holds other sequences or frames.
    """
    _check_numbers(seed, frames, width, height, (train_sequences, validation_sequences, test_sequences))
    splits = scene_splits(train_sequences, validation_sequences, test_sequences)
    sequences = [sequence for numbers in splits.values() for sequence in numbers]
    images, texts, masks = (folder / "training" / name for name in ("image_02", "instances_txt", "instances"))
    _check_folder(images, texts, masks, sequences, frames)
    texts.mkdir(parents=True, exist_ok=True)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # images this small take longer to share out than to do
    try:
        for k, sequence in enumerate(sequences):
            name = f"{sequence:04d}"
            (images / name).mkdir(parents=True, exist_ok=True)
            (masks / name).mkdir(parents=True, exist_ok=True)
            lines: list[str] = []
            for frame, (image, ids) in enumerate(_draw_sequence(seed, sequence, range(frames), width, height)):
                _write_png(images / name / f"{frame:06d}.png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                _write_png(masks / name / f"{frame:06d}.png", ids.astype(np.uint16))
                lines += _encode_frame(frame, ids)
                if progress is not None:
                    progress(k * frames + frame + 1, len(sequences) * frames)
            (texts / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")
    finally:
        cv2.setNumThreads(threads)
    return [images, texts, masks]


def draw_frame(
    *, seed: int, sequence: int, frame: int, width: int = 320, height: int = 96
) -> tuple[Bytes, NDArray[np.int32]]:
    """Draw one frame: colours [height, width, 3] and ids [height, width].

    An id is class * 1000 + number, the same for an object in all frames of a drive; 0 is background, 10000 ignore.
    """
    _check_numbers(seed, frame + 1, width, height, (sequence,))
    return next(_draw_sequence(seed, sequence, range(frame, frame + 1), width, height))


def _check_numbers(seed: int, frames: int, width: int, height: int, counts: tuple[int, ...]) -> None:
    if seed < 0 or min(counts) < 0:
        raise DataError(f"drawn scenes: seed ({seed}) and numbers of sequences {counts} can't be negative")
    if sum(counts) > MOST_SEQUENCES:
        raise DataError(f"drawn scenes: {sum(counts):,} sequences; at most {MOST_SEQUENCES:,} are drawn")
    if not 1 <= frames <= FRAMES_PER_SEQUENCE:
        raise DataError(f"drawn scenes: {frames} frames a sequence; 1 to {FRAMES_PER_SEQUENCE:,} can be numbered")
    if width > MOST_COLUMNS:
        raise DataError(f"drawn scenes: {width} columns; at most {MOST_COLUMNS:,} are drawn")
    if height < 32 or not height <= width <= 8 * height:
        raise DataError(
            f"drawn scenes: {width}×{height} pixels can't show a street; take at least 32 rows and 1 to 8 times as "
            "many columns, such as 320×96 or 1242×375"
        )


def _check_folder(images: Path, texts: Path, masks: Path, sequences: list[int], frames: int) -> None:
    """Refuse a folder with sequences or frames of something else: they would become part of the data set."""
    names = {f"{sequence:04d}" for sequence in sequences}
    numbers = {f"{frame:06d}" for frame in range(frames)}
    strange = [path for parent in (images, texts, masks) if parent.is_dir()
               for path in parent.iterdir() if path.stem not in names]  # fmt: skip
    strange += [path for parent in (images, masks) for name in names if (parent / name).is_dir()
                for path in (parent / name).iterdir() if path.stem not in numbers]  # fmt: skip
    if strange:
        raise DataError(
            f"{min(strange)}: not part of the scenes to be drawn, and would be read with them; "
            "draw into an empty folder or delete this one first"
        )


def _draw_sequence(
    seed: int, sequence: int, frames: range, width: int, height: int
) -> Iterator[tuple[Bytes, NDArray[np.int32]]]:
    place, part = None, -1
    for frame in frames:
        if place is None or frame // DRIVE != part:
            part = frame // DRIVE
            place = _build_place(np.random.default_rng([seed, sequence, part]), sequence, width, height)
        yield _photograph(place, np.random.default_rng([seed, sequence, part, frame + 1]), frame % DRIVE)


def _build_place(generator: np.random.Generator, sequence: int, width: int, height: int) -> Place:
    camera = Camera(
        width=width,
        height=height,
        focal=1.92 * height,  # KITTI's: 721 pixels for 375 rows
        center=width * float(generator.uniform(0.42, 0.58)),
        horizon=height * float(generator.uniform(0.38, 0.47)),
        altitude=float(generator.uniform(1.30, 1.65)),
    )
    street = build_street(generator, camera, height / 96)
    speed = 0.0 if generator.random() < 0.2 else float(generator.uniform(0.25, 1.1))
    every, remainder = _DESERTED
    actors = sample_traffic(generator, camera, street.layout, speed, sequence % every == remainder)
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    gain = generator.uniform(0.85, 1.3) * generator.uniform(0.96, 1.04, 3)
    # An S-shaped curve as cameras have it: contrast in the middle, highlights that run out gently.
    curve = np.clip(levels * gain, 0, 1.6)
    curve = curve * (1 + 0.35 * curve) / (1 + 0.35 * curve**2 + 0.12 * curve**4)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    vignette = 1 - np.float32(generator.uniform(0.02, 0.16)) * (columns**2 + 0.4 * rows**2)
    return Place(
        camera=enlarge_camera(camera),
        ground_camera=camera,
        street=street,
        actors=actors,
        fleet=build_fleet([actor.body for actor in actors if isinstance(actor.body, Vehicle)]),
        rows=tuple((np.cumsum([isinstance(actor.body, Vehicle) for actor in actors], dtype=int) - 1).tolist()),
        speed=speed,
        tone=np.clip(curve * 255, 0, 255).astype(np.uint8)[None],
        vignette=np.asarray(cv2.merge([(vignette * 255).astype(np.uint8)] * 3), dtype=np.uint8),
        blur=float(generator.uniform(0.35, 0.6)) * height / 96 if generator.random() < 0.3 else 0.0,
        noise=float(generator.uniform(1.5, 6.0)),
    )


def _photograph(place: Place, generator: np.random.Generator, frame: int) -> tuple[Bytes, NDArray[np.int32]]:
    travel = place.speed * frame
    canvas = create_canvas(place.camera, place.street.light)
    poses = [locate_actor(actor, frame, travel) for actor in place.actors]
    sunshine = [measure_sunshine(place.street.shade, x, z + travel) for x, z, _ in poses]
    # The street is painted at the image's size and only what stands on it, with its exact outlines, larger than that.
    ground = create_canvas(place.ground_camera, place.street.light)
    paint_ground(ground, place.street, travel)
    if place.actors:
        _paint_shadows(ground, place, poses, sunshine)
    paint_walls(ground, place.street, travel)
    ground.image.view(np.uint32)[:] &= _COLORS
    size = (place.camera.width, place.camera.height)
    cv2.resize(ground.image, size, canvas.image, interpolation=cv2.INTER_NEAREST)
    drawn = _paint_things(canvas, place, frame, poses, sunshine)
    ids = _name_ids(_shrink_ids(canvas.image), place.actors, drawn)
    height, width = ids.shape
    small = cv2.resize(canvas.image, (width, height), interpolation=cv2.INTER_AREA)
    image = cv2.LUT(cv2.cvtColor(small, cv2.COLOR_RGBA2RGB), place.tone)
    if place.blur:
        image = cv2.GaussianBlur(image, (0, 0), place.blur)
    speckle = make_speckle(generator, height, 3 * width).reshape(image.shape)
    # Bytes at even odds have a standard deviation of 73.9.
    share = place.noise / 73.9
    lit = cv2.multiply(image, place.vignette, image, 1 / 255)
    return np.asarray(cv2.addWeighted(lit, 1.0, speckle, share, -127.5 * share), dtype=np.uint8), ids


def _paint_shadows(canvas: Canvas, place: Place, poses: list[Pose], sunshine: list[float]) -> None:
    light = canvas.light
    shade = np.zeros(canvas.image.shape[:2], np.uint8)
    direct = float(light.direct.mean())
    share = 0.0
    if direct > 0.2:  # else the sky is overcast: no shadow has an edge
        share = direct * float(light.sun[1]) / (direct * float(light.sun[1]) + float(light.ambient.mean()))
    chosen = [k for k, pose in enumerate(poses) if pose[1] >= _NEAREST]
    cars, people = _part_actors(place, chosen)
    rows = [place.rows[k] for k in cars]
    fallen_and_under: dict[int, NDArray[np.int32]] = {}
    corners = list_vehicle_shadows(light, place.fleet, rows, [poses[k] for k in cars])
    fallen_and_under.update(zip(cars, project_points(canvas.camera, corners), strict=True))
    corners = list_person_shadows(light, [person for _, person in people], [poses[k] for k, _ in people])
    fallen_and_under.update(zip((k for k, _ in people), project_points(canvas.camera, corners), strict=True))
    for k in chosen:
        fallen, under = fallen_and_under[k]
        strength = int(255 * share * sunshine[k])
        if strength:
            fill_hull(shade, fallen, strength)
        fill_hull(shade, under, 205 if isinstance(place.actors[k].body, Vehicle) else max(strength, 110))
    top = int(canvas.camera.horizon)
    left = cv2.cvtColor(cv2.bitwise_not(cv2.blur(shade[top:], (3, 3))), cv2.COLOR_GRAY2RGBA)
    cv2.multiply(canvas.image[top:], left, canvas.image[top:], 1 / 255)


def _part_actors(place: Place, chosen: list[int]) -> tuple[list[int], list[tuple[int, Person]]]:
    bodies = [(k, place.actors[k].body) for k in chosen]
    return (
        [k for k, body in bodies if isinstance(body, Vehicle)],
        [(k, body) for k, body in bodies if isinstance(body, Person)],
    )


def _sketch_actors(
    canvas: Canvas, place: Place, frame: int, poses: list[Pose], sunshine: list[float]
) -> dict[int, Sketch]:
    """Sketch the actors that are in view."""
    actors = place.actors
    chosen = [k for k, pose in enumerate(poses) if pose[1] > _NEAREST and _is_in_view(canvas.camera, pose)]
    ids = [_IGNORED if actor.group else k + 1 for k, actor in enumerate(actors)]
    strides = [frame * 1.3 if actor.speed_x or actor.speed_z else 0.0 for actor in actors]
    cars, people = _part_actors(place, chosen)
    sketches = dict(zip(cars, sketch_vehicles(
        canvas, place.fleet, [place.rows[k] for k in cars], [poses[k] for k in cars], [ids[k] for k in cars],
        [sunshine[k] for k in cars],
    ), strict=True))  # fmt: skip
    numbers = [k for k, _ in people]
    sketches.update(zip(numbers, sketch_people(
        canvas, [person for _, person in people], [poses[k] for k in numbers], [ids[k] for k in numbers],
        [sunshine[k] for k in numbers], [strides[k] for k in numbers],
    ), strict=True))  # fmt: skip
    return sketches


def _paint_things(canvas: Canvas, place: Place, frame: int, poses: list[Pose], sunshine: list[float]) -> list[int]:
    """Paint actors and items, far ones first; give the canvas pixels that each actor shows if nothing hides it."""
    actors, scenery = place.actors, place.street.scenery
    travel = place.speed * frame
    sketches = _sketch_actors(canvas, place, frame, poses, sunshine)
    things = [(pose[1], k) for k, pose in enumerate(poses) if pose[1] > _NEAREST]
    things += [(item.z - travel, len(actors) + k) for k, item in enumerate(scenery.items) if 2 < item.z - travel < 55]
    things.sort(reverse=True)
    outlines = project_scenery(canvas, scenery, travel)
    drawn = [0] * len(actors)
    grouped = False
    for depth, k in things:
        if k >= len(actors):
            paint_item(canvas, scenery, outlines, k - len(actors), depth)
            continue
        group = actors[k].group
        if group and not grouped:
            grouped = True
            _mark_group(canvas, actors, frame, travel)
        sketch = sketches.get(k)
        if sketch is None:
            continue
        paint_sketch(canvas, sketch)
        if not group:
            left, top, right, bottom = sketch.box
            drawn[k] = int(np.count_nonzero(canvas.image[top:bottom, left:right, 3] == k + 1))
    return drawn


def _is_in_view(camera: Camera, pose: Pose) -> bool:
    """Whether any part of an actor may be seen: none is longer than five metres."""
    scale = camera.focal / max(pose[1] - 2.5, NEAREST)
    return camera.center + (pose[0] + 2.6) * scale > 0 and camera.center + (pose[0] - 2.6) * scale < camera.width


def _mark_group(canvas: Canvas, actors: tuple[Actor, ...], frame: int, travel: float) -> None:
    corners = [list_corners(actor, locate_actor(actor, frame, travel)) for actor in actors if actor.group]
    pixels = project_points(canvas.camera, np.concatenate(corners))
    hull = np.zeros(canvas.image.shape[:2], np.uint8)
    fill_hull(hull, pixels, _IGNORED)
    left, top, right, bottom = measure_box(canvas.camera, pixels)
    canvas.image[top:bottom, left:right, 3] |= hull[top:bottom, left:right]


def _shrink_ids(image: Bytes) -> Bytes:
    """Give each image pixel the id that holds most of its canvas pixels; of two with halves, the farther one's.

    That is the second smallest of the four.
    """
    ids = cv2.extractChannel(image, 3)
    pairs = (len(ids) // 2, ids.shape[1] // 2, 2)
    a, b = cv2.split(cv2.min(ids[::2], ids[1::2]).reshape(pairs))
    c, d = cv2.split(cv2.max(ids[::2], ids[1::2]).reshape(pairs))
    return np.asarray(cv2.min(cv2.max(a, b), cv2.min(c, d)), dtype=np.uint8)


def _name_ids(ids: Bytes, actors: tuple[Actor, ...], drawn: list[int]) -> NDArray[np.int32]:
    """Turn the canvas's ids into KITTI-MOTS's; what shows too little of itself becomes a region to ignore."""
    smallest = SMALLEST_AREA * (ids.shape[0] / 96) ** 2
    names = np.zeros(256, np.int32)
    names[_IGNORED] = IGNORE_ID
    counts = {CAR: 0, PEDESTRIAN: 0}
    areas = cv2.calcHist([ids], [0], None, [256], [0, 256]).ravel().tolist()
    for k, actor in enumerate(actors):
        kind = CAR if isinstance(actor.body, Vehicle) else PEDESTRIAN
        visible = areas[k + 1] >= smallest and areas[k + 1] * OVERSAMPLING**2 >= SMALLEST_SHARE * drawn[k]
        names[k + 1] = kind * 1000 + counts[kind] if visible else IGNORE_ID
        counts[kind] += 1
    return np.asarray(cv2.LUT(ids, names[None]), dtype=np.int32)


def _encode_frame(frame: int, ids: NDArray[np.int32]) -> list[str]:
    from pycocotools import mask

    columns = np.ascontiguousarray(ids.T, dtype=np.uint16)
    names = np.flatnonzero(np.bincount(columns.ravel())).astype(np.uint16)
    names = names[names > 0]
    if not len(names):
        return []
    height, width = ids.shape
    # pycocotools wants columns in a row: masks of the transposed ids, seen from the other side.
    masks = (columns[None] == names[:, None, None]).view(np.uint8).T
    codes = mask.encode(masks)
    return [
        f"{frame} {name} {name // 1000} {height} {width} {code['counts'].decode('ascii')}"
        for name, code in zip(names.tolist(), codes, strict=True)
    ]


def _write_png(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    # Photographs are stored, not compressed: their noise would cost more time than a third of the bytes is worth, here
    # and again at each reading. Ids are few and even: runs of equal bytes say it all.
    level = 0 if image.dtype == np.uint8 else 1
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
               cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]  # fmt: skip
    done, data = cv2.imencode(".png", image, options)
    if not done:
        raise DataError(f"{path}: OpenCV could not encode an image of shape {image.shape}")
    path.write_bytes(data.data)
