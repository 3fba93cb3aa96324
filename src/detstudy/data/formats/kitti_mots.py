"""KITTI-MOTS: frames in `image_02/SSSS`, objects in `instances_txt/SSSS.txt` or `instances/SSSS`, split by sequence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detstudy.data.faults import Place, Progress, Report, ignore_progress, list_some
from detstudy.data.formats.kitti_instances import (
    CLASS_NAMES,
    FRAMES_PER_SEQUENCE,
    IGNORE_CLASS,
    Instance,
    read_instances_png,
    read_instances_text,
)
from detstudy.data.images import list_folder, read_image_size
from detstudy.data.masks import measure_boxes
from detstudy.data.records import Annotation, DataError, Dataset, ImageRecord
from detstudy.study.setting import KittiMotsData, SplitName

OFFICIAL_VALIDATION = (2, 6, 7, 8, 10, 13, 14, 16, 18)
SEQUENCE_DIGITS = 6
OFFICIAL_TRAIN = tuple(number for number in range(21) if number not in OFFICIAL_VALIDATION)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a data set keeps what, by sequence number."""

    root: Path
    frames: dict[int, Path]  # folders of frames
    texts: dict[int, Path]  # text files
    pngs: dict[int, Path]  # folders of 16-bit PNG
    image_folder: Path | None
    annotation_folder: Path | None
    twins: tuple[Path, ...]  # whose number another has, too

    @property
    def sequences(self) -> tuple[int, ...]:
        """All sequences with annotations or frames."""
        return tuple(sorted({*self.frames, *self.texts, *self.pngs}))


def find_layout(root: Path) -> Layout:
    """Return what lies below the root: the data set's folder, its `training`, or a folder of text files alone.

    A folder that can't be read is as good as none.
    """
    bases = [root / "training", root]
    image_folder = _find_folder(bases, "image_02")
    text_folder = _find_folder(bases, "instances_txt")
    png_folder = _find_folder(bases, "instances")
    texts = _list_sequences(text_folder, ".txt")
    if text_folder is None and image_folder is None and png_folder is None:
        texts = _list_sequences(root, ".txt")
        text_folder = root if texts else None
    frames, pngs = _list_sequences(image_folder, ""), _list_sequences(png_folder, "")
    return Layout(
        root,
        _choose_first(frames),
        _choose_first(texts),
        _choose_first(pngs),
        image_folder,
        text_folder or png_folder,
        tuple(path for found in (frames, texts, pngs) for paths in found.values() for path in paths[1:]),
    )


@dataclass(frozen=True, slots=True)
class KittiMotsFormat:
    """KITTI-MOTS as a study file's section names it."""

    data: KittiMotsData

    def parse(
        self,
        report: Report,
        *,
        images: bool = True,
        masks: bool = True,  # noqa: ARG002
        progress: Progress = ignore_progress,
    ) -> Dataset:
        """Return what is usable of the splits; report every fault. Annotations have their masks in any case."""
        root = Path(os.path.expanduser(self.data.root))
        layout = find_layout(root)
        place = Place(str(root), report)
        wanted = choose_sequences(self.data, layout.sequences)
        splits: dict[SplitName, tuple[ImageRecord, ...]] = {}
        found = report_layout(layout, report, images=images)
        for split, sequences in wanted.items():
            absent = [number for number in dict.fromkeys(sequences) if number not in layout.sequences]
            if absent and found:
                whose = "the official split's" if getattr(self.data, split) is None else f"data.{split}'s"
                message = (
                    f"{whose} sequences {list_some(absent, 21)} for {split} are not there; complete the data set, or "
                    f"list the sequences of each split under data.train and data.validation (there are: "
                    f"{list_some(layout.sequences, 30) or 'none'})."
                )
                place.refuse("missing_sequence", message)
            if len(set(sequences)) < len(sequences):
                place.refuse("duplicate_sequence", f"data.{split} lists a sequence twice; list each once.")
            present = [number for number in dict.fromkeys(sequences) if number in layout.sequences]
            splits[split] = parse_sequences(layout, present, report, images=images, progress=progress, what=split)
        return Dataset(tuple(CLASS_NAMES.values()), tuple(CLASS_NAMES), splits)

    def list_sources(self) -> list[Path]:
        """Return the text files, the folders of annotation images and those of frames, whose headers may tell sizes."""
        layout = find_layout(Path(os.path.expanduser(self.data.root)))
        wanted = [number for numbers in choose_sequences(self.data, layout.sequences).values() for number in numbers]
        folders = [layout.texts, layout.pngs, layout.frames]
        return [folder[number] for number in wanted for folder in folders if number in folder]


def choose_sequences(data: KittiMotsData, present: Sequence[int]) -> dict[SplitName, tuple[int, ...]]:
    """Return the sequences of each split: the official ones, or what is listed and, for the other split, the rest."""
    train, validation, test = data.train, data.validation, data.test or ()
    if train is None and validation is None:
        train, validation = OFFICIAL_TRAIN, OFFICIAL_VALIDATION
    elif train is None:
        train = tuple(number for number in present if number not in (*(validation or ()), *test))
    elif validation is None:
        validation = tuple(number for number in present if number not in (*train, *test))
    wanted: dict[SplitName, tuple[int, ...]] = {"train": train, "validation": validation or ()}
    return wanted if data.test is None else {**wanted, "test": test}


def report_layout(layout: Layout, report: Report, *, images: bool) -> bool:
    """Return whether there are annotations; report folders that are missing."""
    place = Place(str(layout.root), report)
    if not os.path.isdir(layout.root):
        place.refuse("missing_folder", "the data set's folder is not there; correct data.root.")
        return False
    if layout.annotation_folder is None:
        message = (
            "there are no annotations; KITTI-MOTS keeps them in instances_txt/SSSS.txt or instances/SSSS/FFFFFF.png, "
            "here or in `training`."
        )
        place.refuse("missing_folder", message)
        return False
    for folder in (layout.annotation_folder, layout.image_folder):
        if folder is not None:
            _can_list(folder, report)
    for twin in layout.twins:
        message = f"sequence {int(twin.stem)} is there twice; keep one of the two, or give it another number."
        Place(str(twin), report).refuse("duplicate_sequence", message)
    if images and layout.image_folder is None:
        message = (
            "there are no frames; put KITTI tracking's left colour images into training/image_02/SSSS/FFFFFF.png, or "
            "check with --annotations-only."
        )
        place.refuse("missing_folder", message)
    return True


def parse_sequences(
    layout: Layout,
    sequences: Sequence[int],
    report: Report,
    *,
    images: bool,
    progress: Progress,
    what: str,
) -> tuple[ImageRecord, ...]:
    """Return the frames of the sequences in order, those without objects too; report every fault.

    `progress` is told of each sequence, as one of `what`.
    """
    records: list[ImageRecord] = []
    annotation_id = 1
    for count, sequence in enumerate(sequences):
        progress(f"sequences of {what}", count, len(sequences))
        frames = _list_frames(layout.frames.get(sequence), report)
        instances, sizes = _read_sequence(layout, sequence, sorted(frames), report)
        boxes = measure_boxes([instance.mask for instance in instances])
        annotations: dict[int, list[Annotation]] = {}
        for instance, box in zip(instances, boxes, strict=True):
            annotations.setdefault(instance.frame, []).append(_make_annotation(instance, box, annotation_id))
            annotation_id += 1
        if images and layout.image_folder is not None:
            _report_missing_frames(layout, sequence, frames, sorted({*sizes, *annotations}), report)
        if images and not frames and not sizes:
            place = Place(str(layout.frames.get(sequence) or layout.texts.get(sequence) or layout.root), report)
            place.warn("empty_sequence", "the sequence has no frame and no object; fetch it again or leave it out.")
        folder = layout.frames.get(sequence, (layout.image_folder or layout.root) / f"{sequence:04d}")
        for frame in sorted({*frames, *sizes}):
            path = frames.get(frame, folder / f"{frame:06d}.png")
            size = sizes.get(frame) or _read_frame_size(path, report)
            if size is not None:
                records.append(
                    ImageRecord(
                        sequence * FRAMES_PER_SEQUENCE + frame,
                        path,
                        f"{folder.name}/{path.name}",
                        size[1],
                        size[0],
                        folder.name,
                        tuple(annotations.get(frame, ())),
                    )
                )
    return tuple(records)


def _read_sequence(
    layout: Layout, sequence: int, frames: Sequence[int], report: Report
) -> tuple[list[Instance], dict[int, tuple[int, int]]]:
    """Return the objects by frame and id, and (height, width) of each frame that the annotations know."""
    if sequence in layout.texts:
        instances = read_instances_text(layout.texts[sequence], report)
        return instances, {instance.frame: (instance.mask.height, instance.mask.width) for instance in instances}
    instances = []
    sizes = {}
    if sequence not in layout.pngs:
        place = Place(str((layout.annotation_folder or layout.root) / f"{sequence:04d}"), report)
        place.refuse("missing_annotations", "the sequence has frames but no annotations; add them or leave it out.")
        return [], {}
    pngs = _list_frames(layout.pngs[sequence], report)
    for frame, path in sorted(pngs.items()):
        found, size = read_instances_png(path, frame, report)
        instances.extend(found)
        if size is not None:
            sizes[frame] = size
    bare = [frame for frame in frames if frame not in pngs]
    if bare:
        message = f"{len(bare)} frames have no annotation image ({list_some(bare)}); they count as without objects."
        Place(str(layout.pngs[sequence]), report).warn("frame_without_annotation", message)
    return instances, sizes


def _make_annotation(instance: Instance, box: tuple[float, float, float, float], annotation_id: int) -> Annotation:
    crowd = instance.class_id == IGNORE_CLASS
    class_index = -1 if crowd else list(CLASS_NAMES).index(instance.class_id)
    return Annotation(annotation_id, class_index, box, float(instance.area), instance.mask, crowd)


def _report_missing_frames(
    layout: Layout, sequence: int, frames: dict[int, Path], annotated: Sequence[int], report: Report
) -> None:
    if sequence not in layout.frames:
        place = Place(str((layout.image_folder or layout.root) / f"{sequence:04d}"), report)
        place.refuse("missing_folder", "the sequence has annotations but no folder of frames; put it there.")
        return
    for frame in annotated:
        if frame not in frames:
            place = Place(str(layout.frames[sequence] / f"{frame:06d}.png"), report)
            place.refuse("missing_image", "the frame has annotations but is not there; put it there.")


def _read_frame_size(path: Path, report: Report) -> tuple[int, int] | None:
    # A frame without objects has no annotation that tells its size, and frames of one sequence need not be alike.
    try:
        return read_image_size(path)
    except DataError:
        message = "the frame's header is not that of a PNG or JPEG image; fetch the file again."
        Place(str(path), report).refuse("undecodable_image", message)
        return None


def _find_folder(bases: Sequence[Path], name: str) -> Path | None:
    return next((base / name for base in bases if os.path.isdir(base / name)), None)


def _list_sequences(folder: Path | None, suffix: str) -> dict[int, list[Path]]:
    """Return files (with the suffix) or folders (without one) that are named by a sequence's number, by number."""
    found: dict[int, list[Path]] = {}
    for path in sorted(folder / name for name in list_folder(folder)) if folder is not None else ():
        named = path.stem.isdecimal() and len(path.stem) <= SEQUENCE_DIGITS and path.suffix == suffix
        if named and os.path.isdir(path) == (suffix == ""):
            found.setdefault(int(path.stem), []).append(path)
    return found


def _choose_first(found: dict[int, list[Path]]) -> dict[int, Path]:
    return {number: paths[0] for number, paths in found.items()}


def _list_frames(folder: Path | None, report: Report) -> dict[int, Path]:
    """Return the frames' files by number; report numbers that are too large, and of twins all but the first."""
    if folder is None:
        return {}
    frames: dict[int, Path] = {}
    if not _can_list(folder, report):
        return frames
    for path in sorted(folder / name for name in list_folder(folder)):
        if not path.stem.isdecimal() or path.suffix not in (".png", ".jpg"):
            continue
        number = int(path.stem)
        if number >= FRAMES_PER_SEQUENCE:
            Place(str(path), report).refuse("bad_frame", "a frame's number has at most six digits; rename the file.")
        elif number in frames:
            message = f"the frame is there twice, as {frames[number].name} too; keep one of the files."
            Place(str(path), report).refuse("duplicate_frame", message)
        else:
            frames[number] = path
    return frames


def _can_list(folder: Path, report: Report) -> bool:
    try:
        os.listdir(folder)
    except OSError as error:
        message = f"the folder can't be read ({error.strerror}); give yourself the right to read it."
        Place(str(folder), report).refuse("missing_folder", message)
        return False
    return True
