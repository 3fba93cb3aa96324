"""What comes before the first run: data read and checked, the ledger's own copies of what a report needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detstudy.data import (
    DataError,
    Dataset,
    ImageRecord,
    build_ground_truth,
    count_objects,
    fingerprint_dataset,
    load_image,
)
from detstudy.data.check import check_splits
from detstudy.data.dataset import find_format, parse_dataset
from detstudy.data.faults import FaultLog
from detstudy.data.images import find_missing
from detstudy.data.packing import Packed, pack_records, sign_sources, unpack_records
from detstudy.ledger import DataDescription, FaultNote, Ledger, RunRecord, SplitNote
from detstudy.ledger.files import write_atomically
from detstudy.ledger.plans import load_planned_plan
from detstudy.plan import Plan, identify_evaluation, identify_training
from detstudy.study.extension import Extension
from detstudy.study.setting import DataSetting, SplitName
from detstudy.study.study import Study, StudyError

PLAN_UNKNOWN = (
    "{path}: missing or damaged, so what was planned when the first run started is no longer known. Nothing counts "
    "as added later: every setting, seed, objective and difference that matters counts as planned. Put back a "
    "copy of the file if there is one; else say of conclusions from what came later that they are exploratory"
)

GALLERY_LONG_SIDE = 1280
GALLERY_QUALITY = 88


@dataclass(frozen=True, slots=True)
class ReadData:
    """A data set read once: its records with their fingerprint, and a signature of the files that they come from."""

    dataset: Dataset
    fingerprint: str
    sources: str | None
    faults: FaultLog = field(default_factory=FaultLog)  # found in the files, none of them fatal


def read_data(data: DataSetting) -> ReadData:
    """Return the data's records, whose masks are verified. Raises DataError with the first fault and its remedy."""
    sources = sign_sources(data, find_format(data).list_sources())  # first: what changes meanwhile is read again
    faults = FaultLog()
    dataset = parse_dataset(data, faults.add)
    faults.raise_fatal()
    return ReadData(dataset, fingerprint_dataset(dataset), sources, faults)


def read_kept_data(data: DataSetting, ledger: Ledger) -> ReadData | None:
    """Return the records that the study's folder keeps; None where the data or they may be others, or images are gone.

    Without them the data is to be read again.
    """
    try:
        packed = unpack_records(ledger.records_path, Path(data.root))
        sources = sign_sources(data, find_format(data).list_sources())
    except (DataError, StudyError):
        return None
    images = (record.path for records in packed.dataset.splits.values() for record in records)
    if sources is None or packed.sources != sources or find_missing(images):
        return None
    return ReadData(packed.dataset, fingerprint_dataset(packed.dataset), sources)


def describe_data(data: DataSetting, read: ReadData, faults: tuple[FaultNote, ...] = ()) -> DataDescription:
    """Return the data's fingerprint, classes, counts and faults."""
    splits: dict[str, SplitNote] = {}
    for name, images in read.dataset.splits.items():
        sequences = len({image.sequence for image in images if image.sequence is not None})
        counts = dataclasses.asdict(count_objects(images, read.dataset.classes))
        splits[name] = SplitNote(**counts, sequences=sequences)
    return DataDescription(
        fingerprint=read.fingerprint,
        classes=read.dataset.classes,
        splits=splits,
        format=data.format.python if isinstance(data.format, Extension) else data.format,
        root=data.root,
        faults=faults,
    )


def store_records(study: Study, ledger: Ledger, read: ReadData) -> None:
    """Keep what the trainers read of the data: its records, and the study whose data.json says which."""
    path = ledger.folder / "records" / f"{read.fingerprint}.msgpack"
    write_atomically(path, pack_records(Packed(read.sources, read.dataset), Path(study.data.root)))
    for other in path.parent.glob("*.msgpack"):
        if other != path:
            other.unlink(missing_ok=True)


def foresee_runs(study: Study, plan: Plan, folder: Path) -> list[RunRecord]:
    """Return what is known of the planned runs, before anything was started in the study's folder too.

    Without the data set a run's identity is not known: ids then end in "unknown".
    """
    if (folder / "data.json").exists():
        return Ledger(folder, study).read_runs(plan)
    try:
        fingerprint = read_data(study.data).fingerprint
    except (DataError, OSError):
        fingerprint = None
    records = []
    for run in plan.runs:
        run_id = identify_training(run, fingerprint or "")
        if fingerprint is None:
            run_id = run_id.rpartition("--")[0] + "--unknown"
        run_folder = folder / "runs" / run_id
        records.append(
            RunRecord(
                id=run_id,
                setting_id=run.setting_id,
                setting=run.setting,
                levels=plan.setting(run.setting_id).levels,
                seed=run.seed,
                state="planned",
                folder=run_folder,
                evaluation_folder=run_folder / "evaluations" / identify_evaluation(run.setting),
            )
        )
    return records


def prepare_ledger(study: Study, ledger: Ledger) -> list[str]:
    """Check the data once, and store the study, the ground truth and the gallery.

    Returns warnings: those of the check, and that what was planned is no longer known. Raises DataError naming every
    fatal fault, and StudyError where the folder holds another study; nothing is written then.
    """
    ledger.refuse_other_study(study)
    ledger.refuse_links()
    kept = read_kept_data(study.data, ledger)
    measured: list[SplitName] = ["validation"] if study.data.test is None else ["validation", "test"]
    if kept and not ledger.holds_data(kept.fingerprint, measured):
        kept = None  # what is made from the records is missing, and so may be what the check said of them
    read = kept or read_data(study.data)
    warnings: list[str] = []
    if ledger.holds_data(read.fingerprint, measured):
        noted = ledger.data.faults
    else:
        check_splits(read.dataset, Path(study.data.root), read.faults.add)
        faults = read.faults.list_faults()
        fatal = [f"{fault.where}: {fault.message}" for fault in faults if fault.fatal]
        if fatal:
            more = f"\n... and {len(fatal) - 10} more; `detstudy data check` lists them all" if len(fatal) > 10 else ""
            raise DataError("\n".join(fatal[:10]) + more)
        warnings = [f"{fault.where}: {fault.message}" for fault in faults]
        noted = tuple(FaultNote(**dataclasses.asdict(fault)) for fault in faults)
        gallery = choose_gallery(read.dataset.splits["validation"], study.gallery_images)
        for split in measured:
            ledger.store_ground_truth(split, build_ground_truth(read.dataset, split))
        ledger.store_gallery(gallery)
    if kept is None:
        store_records(study, ledger, read)
    ledger.store_study(study, describe_data(study.data, read, noted))
    if load_planned_plan(ledger.folder, ledger.load_planned_study()) is None:
        warnings.append(PLAN_UNKNOWN.format(path=ledger.folder / "planned.yaml"))
    return warnings


def choose_gallery(images: Sequence[ImageRecord], count: int) -> list[tuple[int, str, float, bytes]]:
    """Return validation images for the report, spread evenly over those with objects, as JPEG of bounded size."""
    import cv2

    with_objects = [image for image in images if any(not a.crowd for a in image.annotations)] or list(images)
    step = max(1, len(with_objects) / max(1, count))
    chosen = [with_objects[int(number * step)] for number in range(min(count, len(with_objects)))]
    gallery = []
    for record in chosen:
        pixels = load_image(record)
        scale = min(1.0, GALLERY_LONG_SIDE / max(record.width, record.height))
        if scale < 1:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, GALLERY_QUALITY])[1]
        gallery.append((record.id, record.name, scale, encoded.tobytes()))
    return gallery
