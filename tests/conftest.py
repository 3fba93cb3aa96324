"""What tests share: tiny drawn data with a study file over it, and ledgers without training."""

from __future__ import annotations

import functools
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from detstudy.evaluation import evaluate, load_ground_truth, save_matches
from detstudy.ledger import DataDescription, Ledger, Provenance, read_effective
from detstudy.plan import plan_study
from detstudy.study.setting import Measure, Outcome
from detstudy.study.spec import load_study
from detstudy.testing import draw_tiny_data, write_tiny_study

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
SEQUENCES, FRAMES, OBJECTS = 6, 2, 4
WIDTH, HEIGHT = 160, 64


@dataclass
class Run:
    """What a run shall have come to: predictions of this quality (share of objects found, 0 to 1), or a failure."""

    quality: float = 0.6
    outcome: Outcome = "finished"
    reason: str | None = None
    seconds: float = 100.0
    effective: dict[str, Any] = field(default_factory=dict)
    like: str | None = None  # draws its noise as this name does: equal names and qualities predict the same


LedgerWriter = Callable[..., Path]


@functools.cache
def encode_rectangle(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    from pycocotools.mask import encode

    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    rle = encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}


@functools.cache
def make_ground_truth(sequences: int = SEQUENCES) -> dict[str, Any]:
    """Small and medium objects of two classes; none is large."""
    generator = np.random.default_rng(7)
    images, annotations = [], []
    for n in range(sequences * FRAMES):
        images.append(
            {"id": n + 1, "file_name": f"{n}.png", "width": WIDTH, "height": HEIGHT, "sequence": f"{n // FRAMES:04d}"}
        )
        for k in range(OBJECTS):
            width, height = (20, 16) if k % 2 else (36, 40)
            x, y = 40 * k, int(generator.integers(0, HEIGHT - height))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": n + 1,
                    "category_id": 1 + (k == 3),
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "segmentation": encode_rectangle(x, y, width, height),
                }
            )
    categories = [{"id": 1, "name": "car"}, {"id": 2, "name": "pedestrian"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def make_predictions(truth: dict[str, Any], quality: float, noise: str) -> list[dict[str, Any]]:
    """Find each object with this probability, a pixel or two off; find a ghost with the opposite one."""
    generator = np.random.default_rng(zlib.crc32(noise.encode()))
    predictions = []
    for annotation in truth["annotations"]:
        x, y, width, height = annotation["bbox"]
        if generator.random() > quality:  # a ghost in its place, half a box away
            x += width // 2
        x = int(np.clip(x + generator.integers(-1, 2), 0, WIDTH - width))
        y = int(np.clip(y + generator.integers(-1, 2), 0, HEIGHT - height))
        predictions.append(
            {
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"],
                "bbox": [x, y, width, height],
                "score": round(float(generator.uniform(0.2, 1.0)), 4),
                "segmentation": encode_rectangle(x, y, width, height),
            }
        )
    return predictions


@pytest.fixture(scope="module")
def write_ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerWriter:
    """Return a function that writes a study's folder: runs by (setting id, seed), study sections by keyword."""

    def write(runs: dict[tuple[str, int], Run], *, sequences: int = SEQUENCES, **sections: Any) -> Path:
        tmp_path = tmp_path_factory.mktemp("study")
        document = {
            "study": "tiny",
            "data": {"format": "kitti_mots", "root": str(tmp_path), "train": [0], "validation": [1]},
            "model": {"name": "compact", "image_min_size": None},
            "baseline": {"learning_rate": 0.004, "batch_size": 4, "iterations": 100, "optimizer": "adamw"},
            "factors": {"learning_rate": [0.04, 0.004, 0.0004]},
            "seeds": [0],
            "baseline_seeds": [0, 1, 2],
            **sections,
        }
        file, folder = tmp_path / "study.yaml", tmp_path / "results"
        with file.open("w") as stream:
            YAML().dump(document, stream)
        study, ledger = load_study(file), Ledger(folder)
        ledger.store_study(study, DataDescription(fingerprint="f", classes=("car", "pedestrian")))
        truth = make_ground_truth(sequences)
        ledger.store_ground_truth("validation", truth)
        loaded = load_ground_truth(truth)
        planned = {(run.setting_id, run.seed): run for run in plan_study(study).runs}
        assert set(runs) <= set(planned), f"planned are {sorted(planned)}"
        for (name, seed), run in runs.items():
            key = planned[name, seed]
            ledger.start_run(key, Provenance(host="here"))
            measures = (Measure(name="train/seconds", value=run.seconds, unit="s"),)
            ledger.end_run(key, run.outcome, run.reason, measures, read_effective(run.effective or {}))
            if run.outcome != "finished":
                continue
            predictions = make_predictions(truth, run.quality, f"{run.like or name} {seed}")
            matches, summary = evaluate(loaded, predictions)
            evaluation = ledger.evaluation_folder(key)
            evaluation.mkdir(parents=True)
            (evaluation / "predictions.json").write_text(json.dumps(predictions))
            save_matches(evaluation / "matches.npz", matches)
            values = tuple(
                Measure(name=measure, value=value, unit="AP", reason=summary.undefined.get(measure))
                for measure, value in summary.measures.items()
            )
            ledger.end_evaluation(key, "validation", "finished", None, values)
        return folder

    return write


@pytest.fixture
def baseline_runs() -> dict[tuple[str, int], Run]:
    """Three seeds of a middling baseline."""
    return {("baseline", seed): Run(quality=0.6) for seed in range(3)}


@pytest.fixture(scope="module", name="Run")
def run_class() -> type[Run]:
    """The class of `write_ledger`'s runs, since test modules can't import this file."""
    return Run


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_tiny_data(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def write_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the module `trainers` where this process and workers find it."""

    def write(source: str) -> None:
        (tmp_path / "trainers.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "trainers", raising=False)

    return write


@pytest.fixture
def tiny_study(tmp_path: Path, tiny_data: Path) -> Callable[..., Path]:
    def write(**sections: object) -> Path:
        return write_tiny_study(tmp_path, tiny_data, **sections)

    return write


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout. Each test of it has a twin on data that is drawn here."""
    if not SHARED.is_dir():
        pytest.skip("the real data in ../shared/data is not at hand")
    return SHARED


@pytest.fixture(params=["drawn", "real"])
def photographs(request: pytest.FixtureRequest) -> Path:
    """A folder in COCO's layout: 32 photographs to train, 6 to validate, 80 classes."""
    return Path(
        request.getfixturevalue("drawn_photographs")
        if request.param == "drawn"
        else request.getfixturevalue("shared") / "tinycoco"
    )


@pytest.fixture(scope="session")
def drawn_photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO's forms and habits: ids with gaps, polygons of several parts, crowds as runs, images without objects."""
    folder = tmp_path_factory.mktemp("photographs")
    generator = np.random.default_rng(2017)
    (folder / "annotations").mkdir()
    for split, count in (("train2017", 32), ("val2017", 6)):
        document = draw_photographs(generator, count)
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(document))
        (folder / "images" / split).mkdir(parents=True)
        for image in document["images"]:
            pixels = generator.integers(0, 256, (image["height"], image["width"], 3), dtype=np.uint8)
            assert cv2.imwrite(str(folder / "images" / split / image["file_name"]), pixels)
    return folder


def draw_photographs(generator: np.random.Generator, count: int) -> dict[str, Any]:
    ids = [id_ for id_ in range(1, 91) if id_ % 9]  # 80 of 90, as COCO's
    images, annotations = [], []
    for image_id in sorted(generator.choice(600_000, count, replace=False).tolist()):
        width, height = generator.integers(80, 160, 2).tolist()
        images.append({"id": image_id, "file_name": f"{image_id:012d}.jpg", "width": width, "height": height})
        for _ in range(int(generator.integers(0, 20))):
            crowd = generator.random() < 0.08
            x, y = generator.uniform(0, 0.7, 2) * (width, height)
            parts = [draw_polygon(generator, x, y, width, height) for _ in range(int(generator.integers(1, 3)))]
            corners = np.concatenate(parts).reshape(-1, 2)
            left, top = corners.min(axis=0).tolist()
            w, h = (corners.max(axis=0) - (left, top)).tolist()
            annotations.append(
                {
                    "id": int(generator.integers(1000)) + 1000 * len(annotations),
                    "image_id": image_id,
                    "category_id": int(generator.choice(ids[:12] if generator.random() < 0.7 else ids)),
                    "bbox": [left, top, round(w, 2), round(h, 2)],
                    "area": round(w * h * generator.uniform(0.4, 0.9), 4),
                    "iscrowd": int(crowd),
                    "segmentation": count_runs(corners, height, width) if crowd else [part.tolist() for part in parts],
                }
            )
    categories = [{"id": id_, "name": f"class {id_}"} for id_ in ids]
    return {"images": images, "annotations": annotations, "categories": categories}


def draw_polygon(generator: np.random.Generator, x: float, y: float, width: int, height: int) -> np.ndarray[Any, Any]:
    """Return the corners of a star-shaped polygon near a place, within the image, in hundredths of a pixel."""
    count = int(generator.integers(3, 12))
    angles = 2 * np.pi / count * (np.arange(count) + generator.uniform(0, 0.5, count))
    radii = generator.uniform(0.3, 1, angles.size) * generator.choice([6, 20, 50])
    corners = np.stack([x + 4 + radii * np.cos(angles), y + 4 + radii * np.sin(angles)], axis=1)
    return corners.clip(0, (width, height)).round(2).ravel()


def count_runs(corners: np.ndarray[Any, Any], height: int, width: int) -> dict[str, Any]:
    """Return all between the outermost corners as COCO writes crowds: the lengths of runs, down each column."""
    mask = np.zeros((height, width), np.uint8)
    (left, top), (right, bottom) = corners.min(axis=0).astype(int), corners.max(axis=0).astype(int)
    mask[top : bottom + 1, left : right + 1] = 1
    borders = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0))
    return {"size": [height, width], "counts": np.diff(borders, prepend=0, append=mask.size).tolist()}
