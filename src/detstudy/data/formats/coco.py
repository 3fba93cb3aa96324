"""COCO JSON: one file a split, with `images`, `annotations` and `categories`."""

from __future__ import annotations

import gzip
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detstudy.data.faults import Place, Progress, Report, ignore_progress, is_clean, list_some, shorten
from detstudy.data.formats.coco_annotations import AnnotationReader
from detstudy.data.formats.coco_images import FindSequence, parse_images, report_missing_images
from detstudy.data.formats.entries import Document, JsonError, Reader, has_byte_order_mark, read_lists
from detstudy.data.formats.numbers import read_integer
from detstudy.data.records import Dataset, ImageRecord
from detstudy.study.setting import CocoData, CocoSplit, SplitName, compile_sequence_pattern

LISTS = ("categories", "images", "annotations")


@dataclass(frozen=True, slots=True)
class CocoFile:
    """The usable content of one COCO file, in the order of its ids."""

    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageRecord, ...]


@dataclass(frozen=True, slots=True)
class CocoFormat:
    """COCO JSON as a study file's section names it."""

    data: CocoData

    def parse(
        self, report: Report, *, images: bool = True, masks: bool = True, progress: Progress = ignore_progress
    ) -> Dataset:
        """Return what is usable of the splits; report every fault. With `images` false none has to be there."""
        root = Path(os.path.expanduser(self.data.root))
        find_sequence = _make_sequence_finder(self.data, Place(str(root), report))
        files: dict[SplitName, CocoFile] = {}
        for name, split in self._list_splits():
            folder, path = root / os.path.expanduser(split.images), self._locate(split)
            files[name] = parse_coco_file(
                path, folder, report, find_sequence, images=images, masks=masks, progress=progress
            )
        _compare_categories({name: (self._locate(split), files[name]) for name, split in self._list_splits()}, report)
        # Where the splits differ, which is fatal, the longest list has a name for every object to be counted.
        longest = max(files.values(), key=lambda file: len(file.classes))
        return Dataset(longest.classes, longest.category_ids, {name: file.images for name, file in files.items()})

    def list_sources(self) -> list[Path]:
        """Return the annotation files."""
        return [self._locate(split) for _, split in self._list_splits()]

    def _list_splits(self) -> list[tuple[SplitName, CocoSplit]]:
        test = self.data.test
        splits: list[tuple[SplitName, CocoSplit]] = [("train", self.data.train), ("validation", self.data.validation)]
        return splits if test is None else [*splits, ("test", test)]

    def _locate(self, split: CocoSplit) -> Path:
        return Path(os.path.expanduser(self.data.root)) / os.path.expanduser(split.annotations)


def parse_coco_file(
    document: Document,
    folder: Path,
    report: Report,
    find_sequence: FindSequence | None = None,
    *,
    strict: bool = True,
    images: bool = True,
    masks: bool = True,
    progress: Progress = ignore_progress,
) -> CocoFile:
    """Return what is usable of one file (.json or .json.gz) whose images lie in the folder; report every fault.

    Where it is not `strict`, all is accepted that COCOeval can go by: images without names and sizes, boxes without
    masks, classes of one name (told apart as "name (id)"); the file's order of annotations stays. With `masks` false
    the annotations keep only what counts them, so that a check takes no more memory than the list of images. The file
    is gone through once, entry by entry; twice where its annotations stand before its images.
    """
    file = str(document) if isinstance(document, Path) else "ground truth"
    place = Place(file, report)
    classes: dict[int, str] = {}
    records: dict[int, ImageRecord] = {}
    reader = AnnotationReader(records, file, report, masks=masks, strict=strict)
    seen: list[str] = []

    def read_categories(entries: Iterator[Any]) -> None:
        classes.update(_parse_categories(entries, place) if strict else _name_categories(entries, place))

    def read_images(entries: Iterator[Any]) -> None:
        seen.append("images")
        records.update(parse_images(entries, folder, file, report, find_sequence, strict=strict))

    def read_annotations(entries: Iterator[Any]) -> None:
        seen.append("annotations")
        if "images" in seen:
            reader.read(entries)

    readers = {"categories": read_categories, "images": read_images, "annotations": read_annotations}
    types = _read_file(document, readers, place, progress)
    if types is None:
        return CocoFile((), (), ())
    for key in LISTS:
        if key not in types:
            message = f"there is no `{key}`; a COCO file has `images`, `annotations` and `categories`."
            place.refuse("missing_key", message)
        elif types[key] != "list":
            place.refuse("wrong_type", f"`{key}` must be a list, not {types[key]}.")
    if strict and types.get("categories") == "list" and not classes:
        place.refuse("no_categories", "`categories` names no class; list each with an `id` and a `name`.")
    if images:
        report_missing_images(folder, list(records.values()), report)
    if seen[:2] == ["annotations", "images"]:
        types = _read_file(document, {"annotations": read_annotations}, place, progress)
        if types is None:
            return CocoFile((), (), ())
    annotations = reader.finish({category_id: index for index, category_id in enumerate(sorted(classes))})
    return CocoFile(
        tuple(classes[key] for key in sorted(classes)),
        tuple(sorted(classes)),
        tuple(replace(records[key], annotations=tuple(annotations.get(key, ()))) for key in sorted(records)),
    )


def _read_file(
    document: Document, readers: Mapping[str, Reader], place: Place, progress: Progress
) -> dict[str, str] | None:
    """Have the lists of the file's object read and return its members' types; None, and a fault, for another file."""
    try:
        if isinstance(document, Path):
            types = _read_path(document, readers, place, progress)
        else:
            types = read_lists(document, readers)
    except JsonError as error:
        place.refuse("bad_json", str(error))
        return None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        place.refuse("bad_json", f"the gzipped file is damaged ({error}); write it again.")
        return None
    except OSError as error:
        place.refuse("missing_file", f"the annotation file can't be read ({error.strerror}); mend that, or its path.")
        return None
    if isinstance(types, str):
        message = "the file must hold an object with `images`, `annotations` and `categories`"
        hint = "; a list is a result file: give the ground truth" if types == "list" else ""
        place.refuse("wrong_type", f"{message}{hint}.")
        return None
    return types


def _read_path(
    path: Path, readers: Mapping[str, Reader], place: Place, progress: Progress
) -> dict[str, str] | str | None:
    if not os.path.exists(path):
        place.refuse("missing_file", "the annotation file is not there; correct its path.")
        return None
    if not os.path.isfile(path):
        place.refuse("missing_file", "this is no file; give the path of a COCO file (.json or .json.gz).")
        return None
    if has_byte_order_mark(path) and "images" in readers:
        message = "the file starts with a byte order mark, which other tools refuse; save it as UTF-8 without."
        place.warn("byte_order_mark", message)
    size = path.stat().st_size
    return read_lists(path, readers, lambda done: progress(path.name, done, size))


def _name_categories(entries: Iterable[Any], place: Place) -> dict[int, str]:
    """Return the names by id, for which ids stand in; those of one name are told apart by their ids."""
    names: dict[int, str] = {}
    for index, entry in enumerate(entries):
        category_id = read_integer(entry.get("id")) if isinstance(entry, dict) else None
        if category_id is None:
            place.refuse("wrong_type", f"categories[{index}] must be an object with an integer `id`.")
        elif category_id in names:
            message = f"category id {category_id} is used twice; give each category its own id."
            place.refuse("duplicate_category_id", message)
        else:
            names[category_id] = str(category_id if entry.get("name") is None else entry["name"])
    uses = Counter(names.values())
    return {id_: name if uses[name] == 1 else f"{name} ({id_})" for id_, name in names.items()}


def _parse_categories(entries: Iterable[Any], place: Place) -> dict[int, str]:
    """Return the names by id."""
    names: dict[int, str] = {}
    for index, entry in enumerate(entries):
        category_id = read_integer(entry.get("id")) if isinstance(entry, dict) else None
        name = entry.get("name") if isinstance(entry, dict) else None
        if category_id is None or not isinstance(name, str) or not name.strip():
            place.refuse("wrong_type", f"categories[{index}] must be an object with an integer `id` and a `name`.")
        elif not is_clean(name):
            message = f"categories[{index}] has the name {shorten(name)} with control characters; write it in letters."
            place.refuse("unprintable_name", message)
        elif category_id in names:
            message = f"category id {category_id} is used twice; give each category its own id."
            place.refuse("duplicate_category_id", message)
        elif name in names.values():
            message = f"category name {shorten(name)} is used twice; give each category its own name."
            place.refuse("duplicate_category_name", message)
        else:
            names[category_id] = name
    return names


def _make_sequence_finder(data: CocoData, place: Place) -> FindSequence | None:
    faults = data.find_faults()
    for key, message in faults:
        place.refuse("bad_sequence_rule", f"{key}: {message}.")
    field = data.sequence_field
    if faults or (field is None and data.sequence_pattern is None):
        return None
    pattern = compile_sequence_pattern(data.sequence_pattern or "")

    def find_by_field(entry: dict[str, Any], _name: str, spot: Place) -> str | None:
        value = entry.get(field or "")
        if isinstance(value, str | int) and value != "":
            return str(value)
        message = (
            f"`{field}` must name the image's sequence, but is {shorten(value)}; correct it or data.sequence_field."
        )
        spot.refuse("missing_sequence", message)
        return None

    def find_by_pattern(_entry: dict[str, Any], name: str, spot: Place) -> str | None:
        match = pattern.search(name)
        if match is not None and match.group(1):
            return match.group(1)
        spot.refuse("missing_sequence", f"{name} does not match sequence_pattern {data.sequence_pattern!r}.")
        return None

    return find_by_pattern if field is None else find_by_field


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
