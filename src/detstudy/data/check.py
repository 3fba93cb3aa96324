"""All faults of a data set in one pass, with counts and places."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from detstudy.data.dataset import parse_dataset, report_counts
from detstudy.data.faults import FaultLog, Place, Progress, Report, ignore_progress, list_some
from detstudy.data.formats.coco import parse_coco_file
from detstudy.data.formats.coco_images import report_missing_images
from detstudy.data.formats.kitti_instances import CLASS_NAMES
from detstudy.data.formats.kitti_mots import find_layout, parse_sequences, report_layout
from detstudy.data.images import IMAGE_SUFFIXES, find_missing, inspect_image, list_folder
from detstudy.data.records import Dataset, Fault, ImageRecord
from detstudy.study.setting import DataSetting, SplitName

MOST_THREADS = 4  # that decode images: OpenCV works outside Python's lock

PROBED_IMAGES = 20  # looked for near a bare COCO file
HEAD = 65_536  # bytes that are compared before a whole file is read
MOST_EXAMPLES = 4  # named
ACCEPTED = (
    "give a study file, a COCO file (.json or .json.gz), a folder with KITTI-MOTS's `training`, or its instances_txt"
)

# What is unusual in an image and can be trained on, by the kind of its fault.
TRAITS = {
    "deep_image": "have more than 8 bits a channel, of which the upper 8 are used: where that leaves them dark, save "
    "them with 8 bits",
    "grey_image": "are grey, which gives three equal channels: convert those that should have colours",
    "palette_image": "have a palette, whose colours are taken: where its numbers are labels, give the photographs",
    "alpha_image": "have an alpha channel, which is dropped: where colours hide under it, save them without",
    "turned_image": "have a camera's orientation tag, which is ignored, since annotations are in stored pixels: where "
    "they were made on the turned image, save it turned and without the tag",
}


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """What is usable of a split."""

    images: int
    objects: dict[str, int] = field(default_factory=dict)  # by class, all classes listed
    ignore: int = 0  # crowds and regions to ignore


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. The splits of a bare path are one, `all`."""

    splits: dict[str, SplitCounts]
    faults: tuple[Fault, ...]

    @property
    def fatal(self) -> bool:
        """Whether a study on this data would refuse to start."""
        return any(fault.fatal for fault in self.faults)

    @property
    def fault_counts(self) -> dict[str, int]:
        """Number of faults by kind, the most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())


def check_dataset(data: DataSetting, *, images: bool = True, progress: Progress = ignore_progress) -> CheckResult:
    """Return the counts and every fault of the data set; with `images` false no image is opened or looked for.

    Of each kind of fault the first 1,000 are listed, and the others counted. A COCO file is read entry by entry: the
    memory that the check takes grows with the number of images and objects, not with the file.
    """
    faults = FaultLog()
    dataset = parse_dataset(data, faults.add, images=images, masks=False, progress=progress)
    if images:
        check_splits(dataset, Path(os.path.expanduser(data.root)), faults.add, progress)
    splits: dict[str, SplitCounts] = {
        split: count_objects(records, dataset.classes) for split, records in dataset.splits.items()
    }
    return CheckResult(splits, faults.list_faults())


def check_splits(dataset: Dataset, root: Path, report: Report, progress: Progress = ignore_progress) -> None:
    """Decode every image of a data set and report what is wrong with them, and with what the splits share."""
    for split, records in dataset.splits.items():
        check_images(records, Place(f"{root}: {split}", report), progress, split)
    report_unlisted(list(itertools.chain(*dataset.splits.values())), report)
    _report_identical(dataset.splits, root, report)


def check_path(path: Path, *, images: bool = True, progress: Progress = ignore_progress) -> CheckResult:
    """Return the counts and every fault of what lies at a path.

    That is a COCO file (.json, .json.gz) with its images near it, a folder in KITTI-MOTS's layout, or a folder of
    KITTI-MOTS text files alone (then `images` must be false). All its images are one split, `all`.
    """
    path = Path(os.path.expanduser(path))
    faults = FaultLog()
    place = Place(str(path), faults.add)
    classes: Sequence[str]
    if path.name.endswith((".json", ".json.gz")):
        file = parse_coco_file(path, path.parent, faults.add, images=False, masks=False, progress=progress)
        classes, records = file.classes, file.images
        if images and records:
            records = _place_images(path, records, faults.add)
    elif not os.path.isdir(path):
        what = "is neither a folder nor a .json file" if os.path.exists(path) else "is not there"
        place.refuse("unknown_format", f"{path.name} {what}; {ACCEPTED}.")
        return CheckResult({}, faults.list_faults())
    else:
        layout = find_layout(path)
        if layout.annotation_folder is None and layout.image_folder is None:
            place.refuse("unknown_format", f"the folder has no annotations that detstudy knows; {ACCEPTED}.")
            return CheckResult({}, faults.list_faults())
        classes = tuple(CLASS_NAMES.values())
        report_layout(layout, faults.add, images=images)
        records = parse_sequences(
            layout, layout.sequences, faults.add, images=images, progress=progress, what=path.name
        )
        if images:
            report_unlisted(records, faults.add)
    if records or not faults:
        report_counts(records, classes, place)
    if images:
        check_images(records, place, progress, path.name)
    return CheckResult({"all": count_objects(records, classes)}, faults.list_faults())


def count_objects(records: Iterable[ImageRecord], classes: Sequence[str]) -> SplitCounts:
    """Return the number of images, objects by class, and regions to ignore."""
    objects = dict.fromkeys(classes, 0)
    images = ignore = 0
    for record in records:
        images += 1
        for note in record.annotations:
            if note.crowd:
                ignore += 1
            else:
                objects[classes[note.class_index]] += 1
    return SplitCounts(images, objects, ignore)


def check_images(records: Sequence[ImageRecord], place: Place, progress: Progress, what: str) -> None:
    """Decode every image and report what is wrong with it, and once for all of them what is unusual.

    Images that are not there at all have been reported before. `progress` is told of each, as one of `what`.
    """
    missing = frozenset(find_missing(record.path for record in records))
    there = [record for record in records if record.path not in missing]
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        for done, (record, found) in enumerate(zip(there, pool.map(inspect_image, there), strict=True), start=1):
            progress(f"images of {what}", done, len(there))
            if isinstance(found, Fault):
                place.report(found)
                continue
            counts.update(found)
            for kind in found:
                examples.setdefault(kind, []).extend([record.name] if counts[kind] <= MOST_EXAMPLES else [])
    for kind, count in sorted(counts.items()):
        place.warn(kind, f"{count} of {len(records)} images {TRAITS[kind]} (such as {', '.join(examples[kind])}).")


def report_unlisted(records: Sequence[ImageRecord], report: Report) -> None:
    """Report the image files beside the records' own that no split has."""
    names: dict[Path, set[str]] = {}
    for record in records:
        names.setdefault(record.path.parent, set()).add(record.path.name)
    for folder, listed in sorted(names.items()):
        files = (name for name in list_folder(folder) - listed if not name.startswith("."))
        others = sorted(name for name in files if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES)
        if others:
            message = (
                f"{len(others)} image files are in no split ({list_some(others, MOST_EXAMPLES)}), so that nothing is "
                "learned from them; list them in the annotations, or take them away."
            )
            Place(str(folder), report).warn("unlisted_images", message)


def find_identical(
    records: Sequence[ImageRecord], others: Sequence[ImageRecord]
) -> list[tuple[ImageRecord, ImageRecord]]:
    """Return each record whose file is byte for byte that of one of the others, with the first such.

    Only files of a size that both sides have are opened, and read past their first 64 KiB only where those are the
    same. Files that are empty or can't be read are left to the other checks.
    """
    groups = [(records, others)]
    for read_key in (_read_size, _hash_head, _hash_file):
        groups = [finer for group in groups for finer in _match_files(*group, read_key)]
    return [(record, same[0]) for own, same in groups for record in own]


def _match_files(
    records: Sequence[ImageRecord], others: Sequence[ImageRecord], read_key: Callable[[Path], int | bytes | None]
) -> list[tuple[Sequence[ImageRecord], Sequence[ImageRecord]]]:
    """Return those of both sides that have a key in common, key by key; None is no key."""
    sides: list[dict[int | bytes, list[ImageRecord]]] = [{}, {}]
    for side, members in zip(sides, (records, others), strict=True):
        for record in members:
            try:
                key = read_key(record.path)
            except OSError:
                continue
            if key is not None:
                side.setdefault(key, []).append(record)
    return [(found, sides[1][key]) for key, found in sides[0].items() if key in sides[1]]


def _read_size(path: Path) -> int | None:
    return path.stat().st_size or None


def _hash_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.blake2b(file.read(HEAD)).digest()


def _hash_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _report_identical(splits: Mapping[SplitName, Sequence[ImageRecord]], root: Path, report: Report) -> None:
    """Report images that two splits share as copies under other names; the same paths have been reported before."""
    for (one, records), (other, others) in itertools.combinations(splits.items(), 2):
        pairs = [pair for pair in find_identical(records, others) if pair[0].path != pair[1].path]
        if pairs:
            names = list_some([f"{own.name} = {same.name}" for own, same in pairs], MOST_EXAMPLES)
            message = (
                f"{len(pairs)} of the {len(records)} images of {one} are byte for byte images of {other} too "
                f"({names}); on what it learned a detector shows its memory. Give each to one split."
            )
            Place(f"{root}: {one} and {other}", report).warn("identical_images", message)


def _place_images(path: Path, records: Sequence[ImageRecord], report: Report) -> tuple[ImageRecord, ...]:
    """Return the records of a bare COCO file with the folder in which their images seem to be."""
    split = path.name.removesuffix(".gz").removesuffix(".json").rpartition("_")[2]  # instances_val2017.json
    bases = [base / name for base in (path.parent, path.parent.parent) for name in ("", "images")]
    folders = [base / name for base in bases for name in ("", split)]
    for folder in folders:
        if any(os.path.isfile(folder / record.name) for record in records[:PROBED_IMAGES]):
            placed = tuple(replace(record, path=folder / record.name) for record in records)
            report_missing_images(folder, placed, report)
            return placed
    message = (
        f"none of its first images, as {records[0].name}, is near the file; name the folder in a study file and check "
        "that, or check with --annotations-only."
    )
    Place(str(path), report).refuse("missing_folder", message)
    return tuple(records)
