"""What the training tests share: a tiny COCO data set, jobs over it, a curve that remembers and can break off."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from detstudy.data import read_dataset
from detstudy.study.setting import (
    CocoData,
    CocoSplit,
    Monitoring,
    Setting,
)
from detstudy.trainers.contract import Job
from detstudy.trainers.torchvision.hyperparameters import make_setting

HEIGHT, WIDTH = 64, 96


class MemoryCurve:
    """Keeps points as the ledger would; `break_at` interrupts before a point of that iteration is kept."""

    def __init__(self, break_at: int | None = None) -> None:
        self.points: list[dict[str, Any]] = []
        self.break_at = break_at

    def append(self, point: dict[str, Any]) -> None:
        if self.break_at is not None and point["iteration"] >= self.break_at:
            raise KeyboardInterrupt
        json.dumps(point, allow_nan=False)
        self.points.append(point)

    def rewind(self, iteration: int) -> None:
        self.points = [point for point in self.points if point["iteration"] <= iteration]

    def list_results(self) -> list[dict[str, Any]]:
        """Points without what clocks and the machine decide."""
        clocks = {"seconds", "data_seconds", "images_per_second", "memory_bytes"}
        return [{key: value for key, value in point.items() if key not in clocks} for point in self.points]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def coco_data(tmp_path_factory: pytest.TempPathFactory) -> CocoData:
    """Six training and four validation images of bright rectangles; one of each without objects, one with a crowd."""
    root = tmp_path_factory.mktemp("rectangles")
    splits = {}
    for split, count, seed in (("train", 6, 1), ("validation", 4, 2)):
        rng = np.random.default_rng(seed)
        (root / split).mkdir()
        images: list[dict[str, Any]] = []
        notes: list[dict[str, Any]] = []
        for index in range(count):
            pixels = rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            for position in range(index % 3):
                x, y, w, h = (int(rng.integers(low, high)) for low, high in ((0, 50), (0, 30), (16, 40), (16, 30)))
                pixels[y : y + h, x : x + w] = rng.integers(150, 255, 3)
                notes.append(
                    {
                        "id": len(notes) + 1,
                        "image_id": index + 10,
                        "category_id": (3, 7)[position],
                        "bbox": [x, y, w, h],
                        "area": w * h,
                        "iscrowd": 0,
                        "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    }
                )
            if index == 2:
                notes.append(
                    {
                        "id": len(notes) + 1,
                        "image_id": index + 10,
                        "category_id": 3,
                        "bbox": [0, 0, 8, 8],
                        "area": 64,
                        "iscrowd": 1,
                        "segmentation": {
                            "size": [HEIGHT, WIDTH],
                            "counts": [0, *[8, HEIGHT - 8] * 8, (WIDTH - 8) * HEIGHT],
                        },
                    }
                )
            name = f"{split}{index}.png"
            cv2.imwrite(str(root / split / name), pixels)
            images.append({"id": index + 10, "file_name": name, "height": HEIGHT, "width": WIDTH})
        categories = [{"id": 3, "name": "box"}, {"id": 7, "name": "crate"}]
        annotations = {"images": images, "annotations": notes, "categories": categories}
        (root / f"{split}.json").write_text(json.dumps(annotations))
        splits[split] = CocoSplit(annotations=f"{split}.json", images=split)
    return CocoData(root=str(root), train=splits["train"], validation=splits["validation"])


@pytest.fixture
def compact_setting() -> Setting:
    return make_setting(
        name="compact",
        image_min_size=None,
        learning_rate=0.002,
        batch_size=2,
        iterations=3,
        optimizer="adamw",
        schedule="constant",
        rpn_pre_nms_top_n_train=20,
        rpn_post_nms_top_n_train=16,
        box_batch_size_per_image=16,
        box_score_threshold=0.0,
        detections_per_image=5,
        rpn_pre_nms_top_n_test=20,
        rpn_post_nms_top_n_test=16,
    )


@pytest.fixture
def make_job(tmp_path: Path, coco_data: CocoData, compact_setting: Setting) -> Callable[..., Job]:
    """Return jobs in the test's folder; arguments are fields of the setting, or of the job and its monitoring."""

    def make(curve: MemoryCurve | None = None, folder: str = "run", **fields: Any) -> Job:
        (tmp_path / folder).mkdir(exist_ok=True)
        own = {field.name for field in dataclasses.fields(Job)}
        watched = {field.name for field in dataclasses.fields(Monitoring)}
        job = Job(
            setting=compact_setting.replace(**{k: v for k, v in fields.items() if k not in own and k not in watched}),
            seed=5,
            data=lambda: read_dataset(coco_data),
            monitoring=Monitoring(**{"log_every": 1, **{k: v for k, v in fields.items() if k in watched}}),
            objective="mask/AP",
            folder=tmp_path / folder,
            device="cpu",
            threads=1,
            memory_limit=None,
            curve=curve if curve is not None else MemoryCurve(),
            measure=count_predictions,
        )
        return dataclasses.replace(job, **{k: v for k, v in fields.items() if k in own})

    return make


def count_predictions(predictions: Sequence[dict[str, Any]], image_ids: Sequence[int]) -> dict[str, float | None]:
    """Stand in for the evaluator: any numbers that follow from the predictions."""
    scores = [prediction["score"] for prediction in predictions]
    return {"mask/AP": sum(scores), "images": float(len(image_ids)), "box/APl": None}
