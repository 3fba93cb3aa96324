"""Every reader of files from outside, each with sound input for it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader with sound input for it. `read` returns whether it accepted what it got."""

    name: str
    share: float  # of all inputs
    samples: tuple[bytes, ...]
    form: str  # json, packed (json in gzip), text, bytes, archive (zip) or state (zip, of torch)
    read: Callable[[bytes], bool]


def make_readers(folder: Path) -> list[Reader]:
    """Return every reader of files from outside, with sound input; they read in the folder."""
    data = folder / "data"
    data.mkdir()
    study, ledger = _make_study(data, folder / "study")
    return [*_make_data_readers(data), *_make_evaluation_readers(data), *_make_study_readers(study, ledger, folder)]


def _make_data_readers(folder: Path) -> list[Reader]:
    import cv2

    from detstudy.data import check_dataset, check_path, encode_mask
    from detstudy.data.images import inspect_image
    from detstudy.data.records import Fault, ImageRecord
    from detstudy.study.setting import KittiMotsData

    mask = np.zeros((24, 32), dtype=np.uint8)
    mask[4:12, 6:16] = 1
    counts = encode_mask(mask).counts.decode()
    document = make_coco(counts)
    coco = folder / "fuzz.json"
    packed = folder / "fuzz.json.gz"
    text_root, png_root = folder / "text", folder / "png"
    lines = "".join(
        f"{frame} {number} {number // 1000} 24 32 {counts}\n" for frame in range(3) for number in (1001, 2001)
    )
    lines = lines.replace(
        f"2001 2 24 32 {counts}", f"2001 2 24 32 {encode_mask(np.roll(mask, 14, axis=1)).counts.decode()}"
    )
    for root, name in ((text_root, "instances_txt"), (png_root, "instances/0000")):
        (root / name).mkdir(parents=True)
        for sequence in ("0000", "0001"):
            (root / "image_02" / sequence).mkdir(parents=True)
    (text_root / "instances_txt" / "0001.txt").write_text(lines)
    ids = cv2.imencode(".png", mask.astype(np.uint16) * 1003)[1].tobytes()
    (png_root / "instances" / "0001").mkdir()
    (png_root / "instances" / "0001" / "000000.png").write_bytes(ids)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    forms = (".png", ".jpg", ".bmp", ".webp", ".tiff")
    images = [cv2.imencode(form, pixels)[1].tobytes() for form in forms]
    images.append(cv2.imencode(".png", pixels.astype(np.uint16) * 257)[1].tobytes())
    image = folder / "image.png"
    record = ImageRecord(1, image, image.name, 32, 24, None, ())

    def read_coco(data: bytes) -> bool:
        coco.write_bytes(data)
        return not check_path(coco, images=False).fatal

    def read_packed(data: bytes) -> bool:
        packed.write_bytes(data)
        return not check_path(packed, images=False).fatal

    def read_text(data: bytes) -> bool:
        (text_root / "instances_txt" / "0000.txt").write_bytes(data)
        setting = KittiMotsData(root=str(text_root), train=(0,), validation=(1,))
        return not check_dataset(setting, images=False).fatal

    def read_png(data: bytes) -> bool:
        (png_root / "instances" / "0000" / "000000.png").write_bytes(data)
        setting = KittiMotsData(root=str(png_root), train=(0,), validation=(1,))
        return not check_dataset(setting, images=False).fatal

    def read_image(data: bytes) -> bool:
        image.write_bytes(data)
        return not isinstance(inspect_image(record), Fault)

    whole = json.dumps(document).encode()
    return [
        Reader(name="COCO annotations", share=30, samples=(whole,), form="json", read=read_coco),
        Reader(
            name="COCO annotations, gzip", share=3, samples=(gzip.compress(whole),), form="packed", read=read_packed
        ),
        Reader(name="KITTI-MOTS text", share=18, samples=(lines.encode(),), form="text", read=read_text),
        Reader(name="KITTI-MOTS PNG", share=8, samples=(ids,), form="bytes", read=read_png),
        Reader(name="images", share=8, samples=tuple(images), form="bytes", read=read_image),
    ]


def make_coco(counts: str) -> dict[str, Any]:
    """Return a COCO document with every form of mask."""
    masks: list[Any] = [
        [[2, 3, 12, 3, 12, 11, 2, 11]],
        {"size": [24, 32], "counts": counts},
        {"size": [24, 32], "counts": [100, 8, 660]},
    ]
    return {
        "info": {"year": 2026},
        "images": [
            {"id": n, "file_name": f"{n}.png", "width": 32, "height": 24, "sequence": f"s{n % 2}"} for n in (1, 2, 3)
        ],
        "annotations": [
            {
                "id": 10 + n,
                "image_id": 1 + n % 3,
                "category_id": 1 + n % 2,
                "iscrowd": int(n == 4),
                "bbox": [2, 3, 10, 8],
                "area": 80.5,
                "segmentation": masks[n % 3],
            }
            for n in range(6)
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "pedestrian"}],
    }


def _make_evaluation_readers(folder: Path) -> list[Reader]:
    from detstudy.data import encode_mask
    from detstudy.evaluation import (
        count_errors,
        evaluate,
        load_ground_truth,
        load_matches,
        load_predictions,
        match_predictions,
        resample_measures,
        save_matches,
        summarize,
    )
    from detstudy.evaluation.protocol import KINDS

    mask = np.zeros((24, 32), dtype=np.uint8)
    mask[4:12, 6:16] = 1
    document = make_coco(encode_mask(mask).counts.decode())
    truth = load_ground_truth(document)
    rows = [
        {key: note[key] for key in ("image_id", "category_id", "bbox", "segmentation")} | {"score": 0.9 - 0.1 * n}
        for n, note in enumerate(document["annotations"])
    ]
    path, stored = folder / "evaluation.json", folder / "matches.npz"
    checked = load_predictions(rows, truth)
    matches = {kind: match_predictions(truth, checked, kind) for kind in KINDS}
    save_matches(stored, matches)
    archive = stored.read_bytes()

    def read_truth(data: bytes) -> bool:
        path.write_bytes(data)
        evaluate(load_ground_truth(path), [])
        return True

    def read_results(data: bytes) -> bool:
        path.write_bytes(data)
        evaluate(truth, path)
        return True

    def read_matches(data: bytes) -> bool:
        stored.write_bytes(data)
        loaded = load_matches(stored)
        summarize(loaded, truth)
        for kind, table in loaded.items():
            count_errors(table, 0.5)
            resample_measures({kind: table}, np.ones((2, len(table.image_ids)), dtype=np.int32), [f"{kind}/AP"])
        return True

    return [
        Reader(name="ground truth", share=12, samples=(json.dumps(document).encode(),), form="json", read=read_truth),
        Reader(name="result files", share=12, samples=(json.dumps(rows).encode(),), form="json", read=read_results),
        Reader(name="matches", share=4, samples=(archive,), form="archive", read=read_matches),
    ]


def _make_study(data: Path, folder: Path) -> tuple[Path, Any]:
    """Write a study's folder with every kind of file, as if its runs had ended."""
    from detstudy.ledger import DataDescription, Effective, Ledger, Provenance, SplitNote
    from detstudy.plan import plan_study
    from detstudy.study.setting import Measure
    from detstudy.study.spec import load_study

    path = data / "study.yaml"
    path.write_text(STUDY)
    study, ledger = load_study(path), Ledger(folder)
    splits = {"validation": SplitNote(images=3, objects={"car": 3})}
    ledger.store_study(study, DataDescription(fingerprint="abc123", classes=("car",), splits=splits))
    ledger.store_gallery([(1, "0001.png", 1.0, b"\xff\xd8\xff\xd9")])
    for run in plan_study(study).runs:
        ledger.start_run(run, Provenance(host="box", device="cpu", python="3.11", versions={"torch": "2"}))
        curve = ledger.open_curve(run)
        for step in (1, 2, 3):
            curve.append({"kind": "train", "iteration": step, "images": 4 * step, "seconds": 1.5, "loss": 1 / step})
        seconds = Measure(name="train/seconds", value=2.0, unit="s")
        ledger.end_run(run, "finished", None, measures=(seconds,), effective=Effective(optimizer_steps=3))
        ledger.end_evaluation(run, "validation", "finished", None, per_class={"car": {"box/AP": 1.0}})
    return path, ledger


STUDY = """\
study: damaged
data:
  format: coco
  root: .
  train: {annotations: train.json, images: train}
  validation: {annotations: val.json, images: val}
model: {name: compact}
baseline: {learning_rate: 4e-3, batch_size: 4, iterations: 40, milestones: [0.5, 0.9], schedule: warmup_multistep}
factors: {learning_rate: [0.04, 0.004], batch_size: [4, 16]}
when_batch_size_changes: {hold: images, learning_rate: fixed}
seeds: [0]
limits: {memory: 11GiB}
objective: mask/AP
"""


def _make_study_readers(study: Path, ledger: Any, folder: Path) -> list[Reader]:
    from detstudy.auditing import audit_table
    from detstudy.ledger.curve import read_curve
    from detstudy.plan import plan_study
    from detstudy.study.spec import load_study

    curve = folder / "curves.jsonl"
    table = folder / "table.csv"
    run = next(ledger.folder.glob("runs/*"))
    evaluation = next(run.glob("evaluations/*"))
    kitti = (ROOT / "studies" / "kitti_mots_r50.yaml").read_bytes()
    weights = run / "weights.pt"
    checkpoint = run / "checkpoint-00000003.pt"

    def read_study(data: bytes) -> bool:
        study.write_bytes(data)
        plan_study(load_study(study))
        return True

    def read_override(data: bytes) -> bool:
        plan_study(load_study(ROOT / "studies" / "scenes.yaml", (data.decode("utf-8", "surrogateescape"),)))
        return True

    def read_points(data: bytes) -> bool:
        curve.write_bytes(data)
        return len(read_curve(curve)) == 3

    def read_table(data: bytes) -> bool:
        table.write_bytes(data)
        audit_table(table)
        return True

    def read_ledger(path: Path) -> Callable[[bytes], bool]:
        whole = path.read_bytes()
        plan = None if path.suffix == ".yaml" else plan_study(ledger.load_study())

        def read(data: bytes) -> bool:
            path.write_bytes(data)
            try:
                ledger.read_gallery()
                records = ledger.read_runs(plan)
                return all(record.outcome == "finished" for record in records)
            finally:
                path.write_bytes(whole)

        return read

    files = [run / "result.json", run / "run.json", evaluation / "result.json", run / "curves.jsonl"]
    files += [ledger.folder / name for name in ("data.json", "study.yaml", "gallery/index.json")]
    plain = [strip_checksum(path.read_bytes()) if path.suffix == ".json" else path.read_bytes() for path in files]
    ledgers = [
        Reader(
            name=f"ledger: {path.name}" if path.parent != evaluation else "ledger: evaluation's result.json",
            share=0.3 if path.suffix == ".yaml" else 1.5,
            samples=(path.read_bytes(), content),
            form="text" if path.suffix == ".yaml" else "json",
            read=read_ledger(path),
        )
        for path, content in zip(files, plain, strict=True)
    ]

    def read_state(data: bytes) -> bool:
        from detstudy.trainers.torchvision.checkpoint import read_checkpoint

        checkpoint.write_bytes(data)
        try:
            return read_checkpoint(run) is not None
        finally:
            checkpoint.unlink()

    def read_tensors(data: bytes) -> bool:
        from detstudy.trainers.torchvision.weights import read_weights

        weights.write_bytes(data)
        read_weights(weights)
        return True

    import torch

    from detstudy.trainers.torchvision.checkpoint import write_checkpoint

    write_checkpoint(run, 3, {"iteration": 3, "model": {"a": torch.arange(6.0)}, "seconds": 1.5})
    state = checkpoint.read_bytes()
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2, 2)}, weights)
    tensors = weights.read_bytes()
    torch.save({"a": torch.arange(6.0)}, weights, _use_new_zipfile_serialization=False)
    old = weights.read_bytes()
    curves = "".join(json.dumps({"kind": "train", "iteration": n, "loss": 1 / (n + 1)}) + "\n" for n in range(3))
    overrides = (b"baseline.iterations=80", b"factors={learning_rate: [0.1, 1e-3]}", b"seeds=[0, 1]", b"data.root=/x")
    tables = (
        b"setting,box AP,mask AP,AP50,time\nlr 0.001,39.3,35.1,60.2,6972 s\nlr 0.01,40.1,36.0,61.0,1:30:00\n",
        b"| top-k | AP | AP50 |\n|---|---|---|\n| 6000 | 39,3 | 60,1 |\n| 9000 | 39,9 \xc2\xb1 0.2 | 61,0 |\n",
    )
    return [
        Reader(name="study file", share=6, samples=(STUDY.encode(), kitti), form="text", read=read_study),
        Reader(name="--set", share=2, samples=overrides, form="text", read=read_override),
        Reader(name="curves", share=10, samples=(curves.encode(),), form="json", read=read_points),
        *ledgers,
        Reader(name="audit tables", share=8, samples=tables, form="text", read=read_table),
        Reader(name="checkpoints", share=2, samples=(state,), form="state", read=read_state),
        Reader(name="weights", share=3, samples=(tensors, old), form="state", read=read_tensors),
    ]


def strip_checksum(data: bytes) -> bytes:
    """Return JSON without its checksum, so that damage to its values is not refused for that alone."""
    document = json.loads(data)
    if isinstance(document, dict):
        document.pop("checksum", None)
    return json.dumps(document).encode()
