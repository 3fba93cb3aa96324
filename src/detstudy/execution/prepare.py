"""What stands before the first run: data read and checked, the ledger's own copies of what a report needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detstudy.data import (
    DataError,
    ImageRecord,
    build_ground_truth,
    check_dataset,
    count_objects,
    fingerprint_dataset,
    load_image,
    read_dataset,
)
from detstudy.ledger import Ledger, RunRecord
from detstudy.plan import Plan, identify_evaluation, identify_training
from detstudy.study.setting import DataSetting, SplitName
from detstudy.study.study import Study

PLAN_UNKNOWN = (
    "{path}: missing or damaged, so what was planned when the first run started is no longer known. Nothing can be "
    "told as added later: every setting, seed, objective and difference that matters counts as planned. Put back a "
    "copy of the file if there is one; else say of conclusions from what came later that they are exploratory"
)

GALLERY_LONG_SIDE = 1280
GALLERY_QUALITY = 88


def describe_data(data: DataSetting) -> dict[str, Any]:
    """Return the data's fingerprint, classes and counts. Raises DataError with the first fault and its remedy."""
    dataset = read_dataset(data)
    splits = {}
    for name, images in dataset.splits.items():
        sequences = len({image.sequence for image in images if image.sequence is not None})
        splits[name] = {**dataclasses.asdict(count_objects(images, dataset.classes)), "sequences": sequences}
    return {
        "fingerprint": fingerprint_dataset(dataset),
        "classes": list(dataset.classes),
        "splits": splits,
        "format": data.format,
        "root": data.root,
    }


def foresee_runs(study: Study, plan: Plan, folder: Path) -> list[RunRecord]:
    """Return what is known of the planned runs, before anything was started in the study's folder too.

    Without the data set nobody can tell a run's identity: ids then end in "unknown".
    """
    if (folder / "data.json").exists():
        return Ledger(folder, study).read_runs(plan)
    try:
        fingerprint = describe_data(study.data)["fingerprint"]
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
    description = describe_data(study.data)
    warnings: list[str] = []
    measured: list[SplitName] = ["validation"] if study.data.test is None else ["validation", "test"]
    if ledger.holds_data(description["fingerprint"], measured):
        description["faults"] = ledger.data.get("faults", [])
    else:
        faults = check_dataset(study.data).faults
        fatal = [f"{fault.where}: {fault.message}" for fault in faults if fault.fatal]
        if fatal:
            more = f"\n... and {len(fatal) - 10} more; `detstudy data check` lists them all" if len(fatal) > 10 else ""
            raise DataError("\n".join(fatal[:10]) + more)
        warnings = [f"{fault.where}: {fault.message}" for fault in faults]
        description["faults"] = [dataclasses.asdict(fault) for fault in faults]
        dataset = read_dataset(study.data)
        gallery = choose_gallery(dataset.splits["validation"], study.gallery_images)
        for split in measured:
            ledger.store_ground_truth(split, build_ground_truth(dataset, split))
        ledger.store_gallery(gallery)
    ledger.store_study(study, description)
    planned = ledger.load_planned_study()
    if planned is None or ledger.load_planned_plan(planned) is None:
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
