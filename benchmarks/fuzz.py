"""Damaged input for every reader: `make bench-fuzz`, or `python benchmarks/fuzz.py --inputs 100000`.

Sound files are damaged at random (seeded), in their values, their words and their bytes, and read again. A reader may
accept what it gets, or refuse it with an InputError or as its docstring says; anything else, a hang of 20 seconds and
more than 256 MiB of memory for some kilobytes included, is printed with the number that makes the same input again.
Results go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import faulthandler
import gzip
import io
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from detstudy.errors import InputError

ROOT = Path(__file__).parents[1]
HANG_SECONDS = 20.0
ADDRESS_SPACE = 6 * 2**30  # bytes beyond what the process has when it starts: what asks for more gets a MemoryError
MEMORY = 2**28  # bytes, resident, that an input may take: damage may make it claim much more than it is
SHOWN = 3  # of what should not be, a reader

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 65_536, 2**31, 2**63, 2**64, 10**40, -(10**400), 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), float("-inf"), "", " ", "x", "0", "nan", "\0", "\ud800", "\u202e", "../..", "/",
    "é" * 500, "<script>", [], {}, [[]], [None], {"": None}, [[[[[[]]]]]], [1, 2, 3, 4], ["x"] * 7, [0] * 500,
]  # fmt: skip
WORDS = [b"", b"0", b"-1", b"1e999", b"nan", b"99999999999999999999", b"9" * 5000, b"null", b"\xff", b"\0", b"x", b"~",
         b"[", b"{", b"]", b'"', b":", b",", b"|", b"%", b"&a *a", b"!!python/object/apply:os.system [id]", b"&", b"- ",
         b"1.5.2", b"\xef\xbb\xbf", b"\xf0\x9f\x9a\x97", b"[" * 3000, b"\r", b"\x1b[2J"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader with sound input for it. `read` returns whether it accepted what it got."""

    name: str
    share: float  # of all inputs
    samples: tuple[bytes, ...]
    form: str  # json, text, bytes, archive (zip) or state (zip, of torch)
    read: Callable[[bytes], bool]


@dataclass(slots=True)
class Tally:
    """What became of the inputs."""

    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    other: int = 0
    shown: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0  # bytes, resident, that the worst input took


class HangError(BaseException):
    """A reader that did not come back."""


def fuzz(reader: Reader, inputs: int, seed: int = 0) -> Tally:
    """Read damaged input that many times; every input follows from the reader's name, the seed and its number."""
    tally = Tally()
    for sample in reader.samples:  # what is imported at first use is no input's
        reader.read(sample)
    started = time.perf_counter()
    signal.signal(signal.SIGALRM, _stop)
    for number in range(inputs):
        rng = random.Random(f"{reader.name} {seed} {number}")
        data = damage(rng, rng.choice(reader.samples), reader.form)
        tally.inputs += 1
        accepted = False
        fault = None
        before = reset_peak()
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                accepted = reader.read(data)
        except InputError as error:
            if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(error).replace("\n", "")):
                fault = f"message that can't be printed: {str(error)!r:.300}"
        except (Exception, HangError):
            fault = traceback.format_exc()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        taken = read_memory("VmHWM") - before
        tally.peak = max(tally.peak, taken)
        if fault is None and taken > MEMORY:
            fault = f"took {taken / 2**20:.0f} MiB"
        if fault is not None:
            _note(tally, number, fault)
        elif accepted:
            tally.accepted += 1
        else:
            tally.refused += 1
    tally.seconds = time.perf_counter() - started
    return tally


def reset_peak() -> int:
    """Have the kernel measure the peak memory anew; return what is resident, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_memory("VmRSS")


def read_memory(name: str) -> int:
    """Return a size in bytes that the kernel tells of this process: VmRSS, or VmHWM, its highest."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def _note(tally: Tally, number: int, text: str) -> None:
    tally.other += 1
    last = text.strip().splitlines()
    if len(tally.shown) < SHOWN and not any(shown.endswith(last[-1]) for shown in tally.shown):
        tally.shown.append("\n".join([f"input {number}", *last[-7:]]))


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"no answer in {HANG_SECONDS:g} s")


# -- damage ----------------------------------------------------------------------------------------------------------


def damage(rng: random.Random, data: bytes, form: str) -> bytes:
    """Return the data with one to three random damages that suit its form, or any form."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        chance = rng.random()
        if form == "json" and chance < 0.7:
            data = damage_values(rng, data)
        elif form in ("json", "text") and chance < 0.9:
            data = damage_words(rng, data)
        elif form == "state" and chance < 0.4:
            data = damage_state(rng, data)
        elif form in ("archive", "state") and chance < 0.8:
            data = damage_archive(rng, data)
        else:
            data = damage_bytes(rng, data)
    return data


def damage_values(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop or double a value of a JSON document, or one on each of its lines."""
    lines = data.splitlines() if data.count(b"\n{") else [data]
    at = rng.randrange(len(lines)) if lines else 0
    try:
        document = json.loads(lines[at])
    except (ValueError, RecursionError, IndexError):
        return damage_words(rng, data)
    lines[at] = json.dumps(_change(rng, document)).encode()
    return b"\n".join(lines)


def _change(rng: random.Random, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.12:
        return copy.deepcopy(rng.choice(STRANGE))
    key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    chance = rng.random()
    if chance < 0.1:
        del value[key]
    elif chance < 0.15 and isinstance(value, list):
        value.insert(key, copy.deepcopy(rng.choice(value)))
    elif chance < 0.2 and isinstance(value, dict):
        value[rng.choice(["", "x", "id", "\ud800", *value])] = value.pop(key)
    else:
        value[key] = _change(rng, value[key])
    return value


def damage_words(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop, double or swap words or lines."""
    pattern = rb"[^\s,:\[\]{}|;]+" if rng.random() < 0.7 else rb"[^\n]*\n?"
    spans = [match.span() for match in re.finditer(pattern, data) if match.group()]
    if not spans:
        return data + rng.choice(WORDS)
    start, end = rng.choice(spans)
    other = rng.choice(spans)
    chance = rng.random()
    if chance < 0.55:
        return data[:start] + rng.choice(WORDS) + data[end:]
    if chance < 0.7:
        return data[:start] + data[end:]
    if chance < 0.85:
        return data[:start] + data[slice(*other)] + data[end:]
    return data[:start] + data[start:end] * rng.choice((2, 2, 50)) + data[end:]


def damage_bytes(rng: random.Random, data: bytes) -> bytes:
    """Flip a bit, cut, drop, double or insert bytes."""
    at = rng.randrange(len(data) + 1)
    length = min(int(rng.expovariate(0.05)) + 1, 4096)
    chance = rng.random()
    if chance < 0.35 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if chance < 0.5:
        return data[:at]
    if chance < 0.65:
        return data[:at] + data[at + length :]
    if chance < 0.8:
        return data[:at] + data[at : at + length] + data[at:]
    return data[:at] + rng.randbytes(length) + data[at + (length if chance < 0.9 else 0) :]


def damage_archive(rng: random.Random, data: bytes) -> bytes:
    """Change, drop or rename a member of a zip archive whose checksums are right again afterwards."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    if not members:
        return data
    name = rng.choice(list(members))
    chance = rng.random()
    if chance < 0.1:
        del members[name]
    elif chance < 0.2:
        members[rng.choice(["x.npy", *members])] = members.pop(name)
    elif chance < 0.7 and name.endswith(".npy"):
        members[name] = damage_array(rng, members[name])
    else:
        members[name] = damage_bytes(rng, members[name])
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return changed.getvalue()


def damage_array(rng: random.Random, data: bytes) -> bytes:
    """Change the type, the shape or a value of an array in numpy's form."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    chance = rng.random()
    if chance < 0.3:
        kinds = ["?", "u1", "i1", "i2", "i8", "u8", ">i8", "f2", "f8", "c16", "U3", "S3", "O", "V8", "M8[s]"]
        array = np.zeros(array.shape, dtype=rng.choice(kinds))
    elif chance < 0.6:
        array = np.atleast_1d(array)
        array = rng.choice(
            [array.ravel(), array[None], array[..., None], array.T, array[:0], array[:-1], array.repeat(2)]
        )
    elif array.size and array.dtype.kind in "iuf":
        values = np.array([0, 1, -1, 7, 2**15, 2**31 - 1, -(2.0**63), 1e308, np.nan, np.inf])
        with np.errstate(all="ignore"):
            array.flat[rng.randrange(array.size)] = values.astype(array.dtype)[rng.randrange(len(values))]
    changed = io.BytesIO()
    np.save(changed, array, allow_pickle=True)
    return changed.getvalue()


def damage_state(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop or rename a value of a state that torch saved."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    changed = io.BytesIO()
    torch.save(_change(rng, state), changed)
    return changed.getvalue()


# -- readers ---------------------------------------------------------------------------------------------------------


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
    from detstudy.setting import KittiMotsData

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
        Reader(name="COCO annotations, gzip", share=3, samples=(gzip.compress(whole),), form="bytes", read=read_packed),
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
        relate_errors,
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
    save_matches(stored, matches, relate_errors(truth, checked, matches))
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
        loaded, errors = load_matches(stored)
        summarize(loaded, truth)
        for kind, table in loaded.items():
            count_errors(table, errors[kind], 0.5)
            resample_measures({kind: table}, np.ones((2, len(table.image_ids)), dtype=np.int32), [f"{kind}/AP"])
        return True

    return [
        Reader(name="ground truth", share=12, samples=(json.dumps(document).encode(),), form="json", read=read_truth),
        Reader(name="result files", share=12, samples=(json.dumps(rows).encode(),), form="json", read=read_results),
        Reader(name="matches", share=4, samples=(archive,), form="archive", read=read_matches),
    ]


def _make_study(data: Path, folder: Path) -> tuple[Path, Any]:
    """Write a study's folder with every kind of file, as if its runs had ended."""
    from detstudy.ledger import Ledger
    from detstudy.plan import plan_study
    from detstudy.setting import Measure
    from detstudy.spec import load_study

    path = data / "study.yaml"
    path.write_text(STUDY)
    study, ledger = load_study(path), Ledger(folder)
    counts = {"images": 3, "objects": {"car": 3}, "ignore": 0}
    ledger.store_study(study, {"fingerprint": "abc123", "classes": ["car"], "splits": {"validation": counts}})
    ledger.store_gallery([(1, "0001.png", 1.0, b"\xff\xd8\xff\xd9")])
    for run in plan_study(study).runs:
        ledger.start_run(run, {"host": "box", "device": "cpu", "python": "3.11", "versions": {"torch": "2"}})
        curve = ledger.open_curve(run)
        for step in (1, 2, 3):
            curve.append({"kind": "train", "iteration": step, "images": 4 * step, "seconds": 1.5, "loss": 1 / step})
        seconds = Measure(name="train/seconds", value=2.0, unit="s")
        ledger.end_run(run, "finished", None, measures=(seconds,), effective={"optimizer_steps": 3})
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
    from detstudy.analysis import audit_table
    from detstudy.ledger.curve import read_curve
    from detstudy.plan import plan_study
    from detstudy.spec import load_study

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
        from detstudy.training.checkpoint import read_checkpoint

        checkpoint.write_bytes(data)
        try:
            return read_checkpoint(run) is not None
        finally:
            checkpoint.unlink()

    def read_tensors(data: bytes) -> bool:
        from detstudy.training.weights import read_weights

        weights.write_bytes(data)
        read_weights(weights)
        return True

    import torch

    from detstudy.training.checkpoint import write_checkpoint

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
        Reader(name="study file", share=2, samples=(STUDY.encode(), kitti), form="text", read=read_study),
        Reader(name="--set", share=1, samples=overrides, form="text", read=read_override),
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


# -- the table -------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", help="only those with this in their name")
    parser.add_argument("--save", type=Path, default=ROOT / "docs" / "benchmarks" / "fuzz.md")
    arguments = parser.parse_args()
    # Image libraries complain of every damage on the terminal's own handle; what this process has to say goes past it.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    faulthandler.enable(sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryDirectory() as name:
        readers = make_readers(Path(name))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE, resource.RLIM_INFINITY))
        total = sum(reader.share for reader in readers)
        tallies = {}
        for reader in readers:
            if arguments.reader is None or arguments.reader in reader.name:
                count = -int(-arguments.inputs * reader.share // total)
                tally = tallies[reader.name] = fuzz(reader, count, arguments.seed)
                print(f"{reader.name}: {tally.seconds:.0f} s, {tally.peak / 2**20:.0f} MiB", flush=True)
    lines = describe(tallies, arguments.seed)
    print("\n".join(lines))
    if arguments.reader is None:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(any(tally.other for tally in tallies.values()))


def describe(tallies: dict[str, Tally], seed: int) -> list[str]:
    """Return the table as Markdown, with what should not be below it."""
    lines = [
        "# Damaged input for every reader",
        "",
        f"`python benchmarks/fuzz.py`, seed {seed}, {datetime.date.today().isoformat()}, "
        f"{sum(tally.seconds for tally in tallies.values()) / 60:.0f} minutes. Memory is what the worst input took; "
        f"more than {MEMORY / 2**20:.0f} MiB count as something else.",
        "",
        "| reader | inputs | refused cleanly | accepted | anything else | memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    sums = Tally()
    for name, tally in tallies.items():
        lines.append(_row(name, tally))
        sums.inputs, sums.refused = sums.inputs + tally.inputs, sums.refused + tally.refused
        sums.accepted, sums.other = sums.accepted + tally.accepted, sums.other + tally.other
        sums.peak = max(sums.peak, tally.peak)
    lines.append(_row("**all**", sums))
    for name, tally in tallies.items():
        for shown in tally.shown:
            lines += ["", f"{name}, {shown}"]
    return lines


def _row(name: str, tally: Tally) -> str:
    counts = f"{tally.inputs:,} | {tally.refused:,} | {tally.accepted:,} | {tally.other:,}"
    return f"| {name} | {counts} | {tally.peak / 2**20:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
