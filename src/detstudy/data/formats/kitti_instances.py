"""The objects of a KITTI-MOTS sequence, from either of its annotation forms.

Text, one object a line: `frame id class height width rle`; id = class x 1000 + instance. PNG, one 16-bit image a frame:
the ids themselves, 0 where there is nothing. Class 10 is a region to ignore.
"""

from __future__ import annotations

import io
import itertools
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.data.faults import Place, Report, list_some, shorten
from detstudy.data.headers import is_cut, read_header
from detstudy.data.masks import LARGEST_SIDE, decode_runs, pack_runs, split_by_bytes
from detstudy.data.records import Rle

CLASS_NAMES = {1: "car", 2: "pedestrian"}
IGNORE_CLASS = 10
INSTANCES_PER_CLASS = 1000
FRAMES_PER_SEQUENCE = 1_000_000  # six digits
LARGEST_ID = 2**31 - 1
LONGEST_LINE = 1 << 24  # bytes
MOST_PIXELS = 1 << 24  # of a 16-bit PNG: KITTI's frames have half a million, and a false header may claim any number


@dataclass(frozen=True, slots=True)
class Instance:
    """One object in one frame."""

    place: Place
    frame: int
    object_id: int  # unique in its frame
    class_id: int  # 1, 2 or 10
    mask: Rle
    area: int  # pixels


def read_instances_text(path: Path, report: Report) -> list[Instance]:
    """Return the sound objects of a text file by frame and id; report every other line, and what overlaps."""
    found: dict[tuple[int, int], Instance] = {}
    sizes: dict[int, tuple[int, int]] = {}
    last = 0
    unordered: list[int] = []
    for number, line in _read_lines(path, report):
        place = Place(f"{path}: line {number}", report)
        instance = _parse_line(line, place)
        if instance is None:
            continue
        if instance.frame < last:
            unordered.append(number)
        last = instance.frame
        key = (instance.frame, instance.object_id)
        size = (instance.mask.height, instance.mask.width)
        if key in found:
            message = f"frame {key[0]} has object {key[1]} twice; give each object of a frame its own id."
            place.refuse("duplicate_object_id", message)
        elif sizes.setdefault(instance.frame, size) != size:
            message = (
                f"the size {size[0]} {size[1]} differs from the frame's first line, {sizes[instance.frame][0]} "
                f"{sizes[instance.frame][1]}; all masks of a frame have its image's height and width."
            )
            place.refuse("mask_size_mismatch", message)
        else:
            found[key] = instance
    if unordered:
        message = (
            f"{len(unordered)} lines have an earlier frame than the line before (lines {list_some(unordered)}); they "
            "are sorted here, but other tools may not: sort the file by frame."
        )
        Place(str(path), report).warn("unordered_lines", message)
    instances = [found[key] for key in sorted(found)]
    return [sound for frames in _split_by_frames(instances) for sound in _verify_masks(frames)]


def read_instances_png(path: Path, frame: int, report: Report) -> tuple[list[Instance], tuple[int, int] | None]:
    """Return the objects in a 16-bit PNG by id, and its (height, width); the size is None where it does not decode."""
    import cv2

    place = Place(str(path), report)
    if not os.path.isfile(path):
        place.refuse("missing_file", "this is no file; put the annotations there.")
        return [], None
    try:
        data = path.read_bytes()
        header = read_header(io.BytesIO(data))
        pixels = header.height * header.width
        if header.bits != 16 or not header.grey or header.alpha:
            message = (
                f"the image has {header.bits} bits a channel{'' if header.grey else ' and colours'}; ids are one "
                "channel of 16 bits: write it as a grey 16-bit PNG."
            )
            place.refuse("annotation_bit_depth", message)
            return [], None
        ids = None
        if 0 < pixels <= MOST_PIXELS and not is_cut(data):
            ids = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, ValueError, struct.error, cv2.error):
        ids = None
    if ids is None or ids.ndim != 2:
        place.refuse("undecodable_annotation", "the file is not a PNG image of one 16-bit channel; fetch it again.")
        return [], None
    height, width = ids.shape
    columns = np.ascontiguousarray(ids.T).ravel()
    borders = np.flatnonzero(columns[1:] != columns[:-1]) + 1
    starts = np.concatenate([[0], borders])
    ends = np.concatenate([borders, [columns.size]])
    owners = columns[starts]
    instances = []
    for object_id in np.unique(owners).tolist():
        if object_id == 0:
            continue
        spot = Place(f"{path}: object {object_id}", report)
        class_id = object_id // INSTANCES_PER_CLASS
        if not _accept_class(class_id, spot):
            continue
        own = owners == object_id
        mask, area = _pack_intervals(starts[own], ends[own], height, width)
        instances.append(Instance(spot, frame, object_id, class_id, mask, area))
    return instances, (height, width)


def _read_lines(path: Path, report: Report) -> Iterator[tuple[int, str]]:
    """Give the lines that are not blank, with their numbers, up to one that is too long for any mask."""
    try:
        if not os.path.isfile(path):
            Place(str(path), report).refuse("missing_file", "this is no file; put the annotations there.")
            return
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
                if len(line) == LONGEST_LINE:
                    message = f"the line has more than {LONGEST_LINE:,} bytes; is the file binary? Fetch it again."
                    Place(f"{path}: line {number}", report).refuse("bad_line", message)
                    return
                text = line.decode("ascii", errors="replace")
                if text.strip():
                    yield number, text
    except OSError as error:
        message = f"the file can't be read ({error.strerror}); give yourself the right to read it."
        Place(str(path), report).refuse("missing_file", message)


def _parse_line(line: str, place: Place) -> Instance | None:
    fields = line.split()
    if len(fields) != 6:
        message = f"the line has {len(fields)} fields; it needs six: frame id class height width rle."
        place.refuse("bad_line", message)
        return None
    shown = shorten(" ".join(fields[:5]))
    try:
        frame, object_id, class_id, height, width = (int(field) for field in fields[:5])
    except ValueError:
        place.refuse("bad_line", f"frame, id, class, height and width must be integers, not {shown}.")
        return None
    if not 0 <= frame < FRAMES_PER_SEQUENCE or not 0 < object_id <= LARGEST_ID:
        place.refuse(
            "bad_line", f"the frame must have at most six digits and the id be from 1 to {LARGEST_ID}, not {shown}."
        )
        return None
    if not 0 < height <= LARGEST_SIDE or not 0 < width <= LARGEST_SIDE:
        place.refuse("bad_line", f"height and width must be pixels from 1 to {LARGEST_SIDE}, not {shown}.")
        return None
    if not _accept_class(class_id, place):
        return None
    if object_id // INSTANCES_PER_CLASS != class_id:
        message = (
            f"id {object_id} speaks of class {object_id // INSTANCES_PER_CLASS}, the line of {class_id}, which counts."
        )
        place.warn("id_class_mismatch", message)
    return Instance(place, frame, object_id, class_id, Rle(height, width, fields[5].encode()), 0)


def _accept_class(class_id: int, place: Place) -> bool:
    if class_id in CLASS_NAMES or class_id == IGNORE_CLASS:
        return True
    message = f"class {class_id} is unknown; KITTI-MOTS has 1 (car), 2 (pedestrian) and 10 (a region to ignore)."
    place.refuse("unknown_class", message)
    return False


def _verify_masks(instances: list[Instance]) -> list[Instance]:
    runs = decode_runs([instance.mask for instance in instances])
    sound = []
    for instance, area, fault in zip(instances, runs.areas.tolist(), runs.faults, strict=True):
        if fault is not None:
            instance.place.refuse("bad_rle", f"the RLE {fault}; write it again with pycocotools' encode.")
        elif area == 0:
            instance.place.refuse("empty_mask", "the mask covers no pixel; remove the line.")
        else:
            sound.append(replace(instance, area=area))
    _report_overlaps(sound)
    return sound


def _split_by_frames(instances: list[Instance]) -> Iterator[list[Instance]]:
    """Give the sorted instances in lists of whole frames, each short enough to unpack at once."""
    frames = (list(members) for _, members in itertools.groupby(instances, key=lambda instance: instance.frame))
    for chunk in split_by_bytes(frames, lambda members: sum(len(instance.mask.counts) for instance in members)):
        yield list(itertools.chain(*chunk))


def _report_overlaps(instances: list[Instance]) -> None:
    """Warn of each pair of objects in one frame that share pixels: a pixel of KITTI-MOTS belongs to one object."""
    runs = decode_runs([instance.mask for instance in instances])
    owner = np.repeat(np.arange(len(instances)), np.diff(runs.first))
    frames = np.array([instance.frame for instance in instances], dtype=np.int64)
    pixels = np.array([instance.mask.height * instance.mask.width for instance in instances], dtype=np.int64)
    # Frames lie one behind the other on a line of pixels, so that one sorting finds the overlaps of all.
    offsets = frames * (pixels.max() if len(pixels) else 0)
    ends = np.cumsum(runs.lengths)
    starts = ends - runs.lengths
    shift = offsets[owner] - starts[runs.first[owner]]
    foreground = ((np.arange(len(owner)) - runs.first[owner]) % 2 == 1) & (runs.lengths > 0)
    starts, ends, owner = (starts + shift)[foreground], (ends + shift)[foreground], owner[foreground]
    order = np.argsort(starts, kind="stable")
    starts, ends, owner = starts[order], ends[order], owner[order]
    reach = np.maximum.accumulate(ends) if len(ends) else ends
    farthest = owner[np.maximum.accumulate(np.where(ends == reach, np.arange(len(ends)), 0))] if len(ends) else owner
    crossing = np.flatnonzero(starts[1:] < reach[:-1]) + 1
    pairs = {
        tuple(sorted(pair)) for pair in zip(farthest[crossing - 1].tolist(), owner[crossing].tolist(), strict=True)
    }
    for one, other in sorted(pairs):
        first, second = instances[one], instances[other]
        message = (
            f"objects {first.object_id} and {second.object_id} of frame {second.frame} overlap; a pixel should belong "
            "to one object."
        )
        second.place.warn("overlapping_masks", message)


def _pack_intervals(starts: NDArray[np.int64], ends: NDArray[np.int64], height: int, width: int) -> tuple[Rle, int]:
    """Return the mask whose foreground is the sorted intervals of its pixels, columns before rows, and its area."""
    borders = np.stack([starts, ends], axis=1).ravel()
    lengths = np.diff(borders, prepend=0, append=height * width)
    return pack_runs(lengths.tolist(), height, width), int((ends - starts).sum())
