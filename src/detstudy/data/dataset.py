"""A data set of any format, read into records, with what must hold between its splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from detstudy.data.faults import FaultLog, Place, Progress, Report, ignore_progress, list_some
from detstudy.data.formats.coco import CocoFormat
from detstudy.data.formats.contract import DataFormat
from detstudy.data.formats.kitti_mots import KittiMotsFormat
from detstudy.data.records import Dataset, ImageRecord
from detstudy.study.extension import Extension, load_extension
from detstudy.study.setting import CocoData, DataSetting, KittiMotsData


def read_dataset(data: DataSetting) -> Dataset:
    """Return the data set's records: images and annotations in the order of their ids, no image opened.

    (Only a KITTI-MOTS frame that no annotation gives a size has its header read.) Raises DataError with the first
    fault that forbids training and the number of the others; `check_dataset` finds them all.
    """
    faults = FaultLog()
    dataset = parse_dataset(data, faults.add)
    faults.raise_fatal()
    return dataset


def find_format(data: DataSetting) -> DataFormat:
    """Return the format of a study file's section. Raises InputError where it is somebody's own and can't be made."""
    if isinstance(data, CocoData):
        return CocoFormat(data)
    if isinstance(data, KittiMotsData):
        return KittiMotsFormat(data)
    test = {} if data.test is None else {"test": data.test}
    options = {**data.format.options, "root": data.root, **data.section, **test}
    own: DataFormat = load_extension(
        Extension(python=data.format.python, options=options), "data.format", ("parse", "list_sources")
    )
    return own


def parse_dataset(
    data: DataSetting,
    report: Report,
    *,
    images: bool = True,
    masks: bool = True,
    progress: Progress = ignore_progress,
) -> Dataset:
    """Return what is usable of the data set and report every fault.

    With `images` false none has to be there; with `masks` false the annotations of COCO files tell only their class.
    Raises InputError where somebody's own format can't be had.
    """
    dataset = find_format(data).parse(report, images=images, masks=masks, progress=progress)
    root = Path(os.path.expanduser(data.root))
    for split, records in dataset.splits.items():
        report_counts(records, dataset.classes, Place(f"{root}: {split}", report))
    for (one, records), (other, others) in combinations(dataset.splits.items(), 2):
        _report_shared(records, others, Place(f"{root}: {one} and {other}", report))
    return dataset


def report_counts(records: Sequence[ImageRecord], classes: Sequence[str], place: Place) -> None:
    """Report a split without images or objects, and classes that have none."""
    if not records:
        place.refuse("no_images", "there is no usable image; correct the faults named before, or the paths.")
        return
    present = {note.class_index for record in records for note in record.annotations if not note.crowd}
    if not present:
        message = "no image has an object to learn or to find; is this the right annotation file?"
        place.refuse("no_objects", message)
    elif len(present) < len(classes):
        absent = [name for index, name in enumerate(classes) if index not in present]
        noun = "class has" if len(absent) == 1 else "classes have"
        message = f"{len(absent)} {noun} no object ({list_some(absent)}); AP is undefined for what has none."
        place.warn("class_without_objects", message)


def _report_shared(records: Sequence[ImageRecord], others: Sequence[ImageRecord], place: Place) -> None:
    """Report sequences and images that are in both splits: measured on them, a detector only shows its memory."""
    sequences = sorted(
        {record.sequence for record in records if record.sequence is not None}
        & {o.sequence for o in others if o.sequence is not None}
    )
    if sequences:
        message = f"both splits have sequences {list_some(sequences)}; give each sequence to one split."
        place.refuse("overlapping_sequences", message)
        return
    files = {record.path for record in others}
    shared = sorted(record.name for record in records if record.path in files)
    if shared:
        message = f"both splits have {len(shared)} images in common ({list_some(shared)}); give each to one split."
        place.refuse("shared_images", message)
        return
    names = {record.name for record in others}
    alike = sorted(record.name for record in records if record.name in names)
    if alike:
        message = (
            f"{len(alike)} images have the same name in both splits' folders ({list_some(alike)}); if they are the "
            "same images, give each to one split."
        )
        place.warn("same_image_names", message)
