"""The images of a COCO file, and whether their files are there."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from detstudy.data.faults import Place, Report, is_clean, shorten
from detstudy.data.formats.numbers import read_integer
from detstudy.data.images import find_missing, list_folder
from detstudy.data.masks import LARGEST_SIDE
from detstudy.data.records import ImageRecord

FindSequence = Callable[[dict[str, Any], str, Place], str | None]
"""An image's entry, its name and its place → its sequence; reports where it has none."""


def parse_images(
    entries: Iterable[Any],
    folder: Path,
    file: str,
    report: Report,
    find_sequence: FindSequence | None,
    *,
    strict: bool,
) -> dict[int, ImageRecord]:
    """Return the usable images by id, without annotations; report the others.

    Where not `strict` names are not read, and an image may leave out its size, which then is 0 by 0.
    """
    records: dict[int, ImageRecord] = {}
    id_of_name: dict[str, int] = {}
    name_of_folded: dict[str, str] = {}
    negative = 0
    for index, entry in enumerate(entries):
        place = Place(f"{file}: images[{index}]", report)
        if not isinstance(entry, dict):
            place.refuse("wrong_type", "an image must be an object with id, file_name, width and height.")
            continue
        image_id = read_integer(entry.get("id"))
        width, height = read_integer(entry.get("width")), read_integer(entry.get("height"))
        if image_id is None:
            place.refuse("wrong_type", f"`id` must be an integer of 64 bits, not {shorten(entry.get('id'))}.")
            continue
        place = Place(f"{file}: image {image_id}", report)
        name = _read_name(entry.get("file_name"), place) if strict else ""
        if name is None:
            continue
        if not strict and entry.get("width") is None and entry.get("height") is None:
            width = height = 0
        elif width is None or height is None or not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            shown = f"{shorten(entry.get('width'))} and {shorten(entry.get('height'))}"
            place.refuse("wrong_type", f"`width` and `height` must be pixels from 1 to {LARGEST_SIDE}, not {shown}.")
            continue
        if image_id in records:
            place.refuse("duplicate_image_id", "the id is used twice; give each image its own id.")
            continue
        other = name_of_folded.setdefault(name.casefold(), name)
        if not strict:
            pass
        elif name in id_of_name:
            message = f"{name} is listed twice (image {id_of_name[name]}), so that it counts twice; list it once."
            place.warn("duplicate_image_name", message)
        elif other != name:
            message = f"{name} and {other} differ in upper and lower case alone, one file on some systems; rename one."
            place.warn("names_alike_but_for_case", message)
        id_of_name.setdefault(name, image_id)
        negative += image_id < 0
        sequence = find_sequence(entry, name, place) if find_sequence else None
        records[image_id] = ImageRecord(image_id, folder / name, name, width, height, sequence, ())
    if negative:
        message = f"{negative} image ids are negative, which other tools may take for none; number images from 1."
        Place(file, report).warn("negative_id", message)
    return records


def _read_name(value: object, place: Place) -> str | None:
    """Return a file name that stays below the image folder, with forward slashes; None, and a fault, for another."""
    if not isinstance(value, str) or not value:
        message = f"`file_name` must be a path below the image folder, not {shorten(value)}."
        place.refuse("wrong_type", message)
        return None
    if not is_clean(value):
        message = f"`file_name` {shorten(value)} has control characters; rename the file."
        place.refuse("unprintable_name", message)
        return None
    name = value.replace("\\", "/")
    if name.startswith("/") or PureWindowsPath(name).drive or ".." in name.split("/"):
        message = (
            f"`file_name` must be relative to the image folder and stay below it, not {shorten(value)}; name the "
            "folder that holds all images in the study file."
        )
        place.refuse("path_outside_folder", message)
        return None
    return name


def report_missing_images(folder: Path, records: Sequence[ImageRecord], report: Report) -> None:
    """Report each image that is not there, or the whole folder."""
    place = Place(str(folder), report)
    if not os.path.isdir(folder):
        message = "the image folder is not there; correct its path, or check with --annotations-only."
        place.refuse("missing_folder", message)
        return
    try:
        os.listdir(folder)
    except OSError as error:
        message = f"the image folder can't be read ({error.strerror}); give yourself the right to read it."
        place.refuse("missing_folder", message)
        return
    spellings: dict[Path, dict[str, str]] = {}
    for path in find_missing(record.path for record in records):
        if path.parent not in spellings:
            spellings[path.parent] = {_fold(name): name for name in sorted(list_folder(path.parent))}
        near = spellings[path.parent].get(_fold(path.name))
        hint = f" There is {near}, which is spelled in other characters." if near else ""
        message = f"the image is not there; put it there or correct its file_name.{hint}"
        Place(str(path), report).refuse("missing_image", message)


def _fold(name: str) -> str:
    """Return what is the same for names that look alike: in other case, or with accents as characters of their own."""
    return unicodedata.normalize("NFC", name).casefold()
