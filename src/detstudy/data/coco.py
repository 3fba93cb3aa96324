"""COCO JSON: one file a split, with `images`, `annotations` and `categories`."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detstudy.data.coco_annotations import parse_annotations, read_integer
from detstudy.data.faults import Place, Report, list_some
from detstudy.data.images import find_missing
from detstudy.data.masks import LARGEST_SIDE
from detstudy.data.records import Dataset, ImageRecord
from detstudy.setting import CocoData, CocoSplit, SplitName

FindSequence = Callable[[dict[str, Any], str, Place], str | None]
"""An image's entry, its name and its place → its sequence; reports where it has none."""


@dataclass(frozen=True, slots=True)
class CocoFile:
    """The usable content of one COCO file, in the order of its ids."""

    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageRecord, ...]


def parse_coco(data: CocoData, report: Report, *, images: bool = True) -> Dataset:
    """Return what is usable of the splits; report every fault. With `images` false none has to be there."""
    root = Path(data.root).expanduser()
    find_sequence = _make_sequence_finder(data, Place(str(root), report))
    splits: list[tuple[SplitName, CocoSplit | None]] = [
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test),
    ]
    files: dict[SplitName, CocoFile] = {}
    for name, split in splits:
        if split is not None:
            folder = root / Path(split.images).expanduser()
            path = root / Path(split.annotations).expanduser()
            files[name] = parse_coco_file(path, folder, report, find_sequence, images=images)
    train = files["train"]
    _compare_categories({name: (root / getattr(data, name).annotations, file) for name, file in files.items()}, report)
    return Dataset(train.classes, train.category_ids, {name: file.images for name, file in files.items()})


def parse_coco_file(
    path: Path, folder: Path, report: Report, find_sequence: FindSequence | None = None, *, images: bool = True
) -> CocoFile:
    """Return what is usable of one file (.json or .json.gz) whose images lie in the folder; report every fault."""
    place = Place(str(path), report)
    document = read_json(path, place)
    if document is None:
        return CocoFile((), (), ())
    classes = _parse_categories(_read_list(document, "categories", place), place)
    entries = _read_list(document, "images", place)
    records = _parse_images(entries, folder, str(path), report, find_sequence)
    if images:
        report_missing_images(folder, list(records.values()), report)
    indices = {category_id: index for index, category_id in enumerate(classes)}
    annotations = parse_annotations(_read_list(document, "annotations", place), records, indices, str(path), report)
    return CocoFile(
        tuple(classes.values()),
        tuple(classes),
        tuple(replace(records[key], annotations=tuple(annotations.get(key, ()))) for key in sorted(records)),
    )


def read_json(path: Path, place: Place) -> dict[str, Any] | None:
    """Return the object in a JSON file, which may be gzipped; None, and a fault, where there is none."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        document = json.loads(data)
    except FileNotFoundError:
        place.refuse("missing_file", "the annotation file is not there; correct its path in the study file.")
        return None
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg}; the file must be one JSON document."
        place.refuse("bad_json", message)
        return None
    except (UnicodeDecodeError, RecursionError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        place.refuse("bad_json", f"the file is not JSON text ({error}); write it again.")
        return None
    except OSError as error:
        place.refuse("missing_file", f"the annotation file can't be read ({error.strerror}).")
        return None
    if not isinstance(document, dict):
        message = "the file must hold an object with `images`, `annotations` and `categories`"
        hint = "; a list is a result file: give the ground truth" if isinstance(document, list) else ""
        place.refuse("wrong_type", f"{message}{hint}.")
        return None
    return document


def _read_list(document: dict[str, Any], key: str, place: Place) -> list[Any]:
    if key not in document:
        place.refuse("missing_key", f"there is no `{key}`; a COCO file has `images`, `annotations` and `categories`.")
        return []
    value = document[key]
    if not isinstance(value, list):
        place.refuse("wrong_type", f"`{key}` must be a list, not {type(value).__name__}.")
        return []
    return value


def _parse_categories(entries: Sequence[Any], place: Place) -> dict[int, str]:
    """Return the names by id, in the order of the ids."""
    names: dict[int, str] = {}
    for index, entry in enumerate(entries):
        category_id = read_integer(entry.get("id")) if isinstance(entry, dict) else None
        if category_id is None or not isinstance(entry.get("name"), str):
            place.refuse("wrong_type", f"categories[{index}] must be an object with an integer `id` and a `name`.")
        elif category_id in names:
            message = f"category id {category_id} is used twice; give each category its own id."
            place.refuse("duplicate_category_id", message)
        elif entry["name"] in names.values():
            message = f"category name {entry['name']!r} is used twice; give each category its own name."
            place.refuse("duplicate_category_name", message)
        else:
            names[category_id] = entry["name"]
    return dict(sorted(names.items()))


def _parse_images(
    entries: Sequence[Any], folder: Path, file: str, report: Report, find_sequence: FindSequence | None
) -> dict[int, ImageRecord]:
    records: dict[int, ImageRecord] = {}
    id_of_name: dict[str, int] = {}
    for index, entry in enumerate(entries):
        place = Place(f"{file}: images[{index}]", report)
        if not isinstance(entry, dict):
            place.refuse("wrong_type", "an image must be an object with id, file_name, width and height.")
            continue
        image_id, name = read_integer(entry.get("id")), entry.get("file_name")
        width, height = read_integer(entry.get("width")), read_integer(entry.get("height"))
        if image_id is None:
            place.refuse("wrong_type", f"`id` must be an integer, not {entry.get('id')!r}.")
            continue
        place = Place(f"{file}: image {image_id}", report)
        if not isinstance(name, str) or not name:
            place.refuse("wrong_type", f"`file_name` must be a path below the image folder, not {name!r}.")
            continue
        name = name.replace("\\", "/")
        if Path(name).is_absolute():
            place.refuse("wrong_type", f"`file_name` must be relative to the image folder, not {name!r}.")
            continue
        if width is None or height is None or not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            shown = f"{entry.get('width')!r} and {entry.get('height')!r}"
            place.refuse("wrong_type", f"`width` and `height` must be pixels from 1 to {LARGEST_SIDE}, not {shown}.")
            continue
        if image_id in records:
            place.refuse("duplicate_image_id", "the id is used twice; give each image its own id.")
            continue
        if name in id_of_name:
            message = f"{name} is listed twice (image {id_of_name[name]}), so that it counts twice; list it once."
            place.warn("duplicate_image_name", message)
        id_of_name.setdefault(name, image_id)
        sequence = find_sequence(entry, name, place) if find_sequence else None
        records[image_id] = ImageRecord(image_id, folder / name, name, width, height, sequence, ())
    return records


def report_missing_images(folder: Path, records: Sequence[ImageRecord], report: Report) -> None:
    """Report each image that is not there, or the whole folder."""
    if not folder.is_dir():
        message = "the image folder is not there; correct its path, or check with --annotations-only."
        Place(str(folder), report).refuse("missing_folder", message)
        return
    for path in find_missing(record.path for record in records):
        message = "the image is not there; put it there or correct its file_name."
        Place(str(path), report).refuse("missing_image", message)


def _make_sequence_finder(data: CocoData, place: Place) -> FindSequence | None:
    if data.sequence_field is not None and data.sequence_pattern is not None:
        place.refuse("two_sequence_rules", "give sequence_field or sequence_pattern, not both.")
        return None
    if data.sequence_field is not None:
        field = data.sequence_field

        def find_by_field(entry: dict[str, Any], name: str, spot: Place) -> str | None:  # noqa: ARG001
            value = entry.get(field)
            if isinstance(value, str | int) and value != "":
                return str(value)
            message = f"`{field}` must name the image's sequence, but is {value!r}; correct it or data.sequence_field."
            spot.refuse("missing_sequence", message)
            return None

        return find_by_field
    if data.sequence_pattern is None:
        return None
    try:
        pattern = re.compile(data.sequence_pattern)
    except re.error as error:
        message = f"sequence_pattern {data.sequence_pattern!r} is not a regular expression: {error}."
        place.refuse("bad_sequence_pattern", message)
        return None
    if not pattern.groups:
        message = f"sequence_pattern {data.sequence_pattern!r} needs a group (...) around the sequence's name."
        place.refuse("bad_sequence_pattern", message)
        return None

    def find_by_pattern(entry: dict[str, Any], name: str, spot: Place) -> str | None:  # noqa: ARG001
        match = pattern.search(name)
        if match is not None and match.group(1):
            return match.group(1)
        spot.refuse("missing_sequence", f"{name} does not match sequence_pattern {data.sequence_pattern!r}.")
        return None

    return find_by_pattern


def _compare_categories(files: dict[SplitName, tuple[Path, CocoFile]], report: Report) -> None:
    expected_path, expected = files["train"]
    names = set(zip(expected.category_ids, expected.classes, strict=True))
    for path, file in files.values():
        own = set(zip(file.category_ids, file.classes, strict=True))
        # A file without any has had its own fault already.
        if names and own and own != names:
            differing = list_some([f"{category_id}: {name}" for category_id, name in sorted(own ^ names)])
            message = f"the categories differ from those of {expected_path} ({differing}); all splits need the same."
            Place(str(path), report).refuse("different_categories", message)
