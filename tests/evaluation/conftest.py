"""pycocotools' COCOeval as the oracle, and scenes drawn by chance to ask both about."""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import encode

IOU_TYPES = {"box": "bbox", "mask": "segm"}


def run_coco_eval(document: dict, predictions: list[dict], kind: str, image_ids=None) -> COCOeval:
    """Return COCOeval after evaluate, accumulate and summarize, without its prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(document)
        truth.createIndex()
        if predictions:
            found = truth.loadRes(copy.deepcopy(predictions))
        else:  # loadRes cannot take an empty list
            found = COCO()
            found.dataset = {**copy.deepcopy(document), "annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, IOU_TYPES[kind])
        if image_ids is not None:
            evaluation.params.imgIds = list(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def draw_rle(box: list[float], size: tuple[int, int]) -> dict:
    """Return the RLE of a box's pixels with one corner cut off, so that masks are not boxes."""
    height, width = size
    x, y, w, h = (round(value) for value in box)
    mask = np.zeros((height, width), dtype=np.uint8, order="F")
    mask[max(0, y) : y + h, max(0, x) : x + w] = 1
    mask[max(0, y) : y + h // 3, max(0, x) : x + w // 3] = 0
    rle = encode(mask)
    return {"size": [height, width], "counts": rle["counts"].decode()}


def draw_case(seed: int, images: int = 4, ties: bool = True, most: int = 6, size=(120, 140)) -> tuple[dict, list[dict]]:
    """Return ground truth and predictions: crowds, empty images, near misses, three size bands, odd ids."""
    rng = np.random.default_rng(seed)
    height, width = size
    image_ids = rng.permutation(np.arange(images) * 3 + 7).tolist()
    category_ids = [9, 2, 40, 5][: int(rng.integers(1, 5))]
    annotations, predictions = [], []

    def draw_box() -> list[float]:
        side = float(rng.choice([12, 31, 32, 33, 60, 100]))
        ratio = float(rng.choice([0.7, 1.0, 1.3]))
        box = [rng.uniform(0, 60), rng.uniform(0, 50), side, side * ratio]
        return [round(value, int(rng.integers(0, 3))) for value in box]

    def score() -> float:
        return float(rng.choice([0.2, 0.5, 0.9])) if ties and rng.random() < 0.6 else float(rng.random())

    for image_id in image_ids:
        for _ in range(int(rng.integers(0, most)) if rng.random() < 0.8 else 0):
            box = draw_box()
            rle = draw_rle(box, size)
            category = int(rng.choice(category_ids[: max(1, len(category_ids) - 1)]))
            area = float(rng.choice([box[2] * box[3], 1024, 9216, 500]))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(rng.random() < 0.2),
                    "segmentation": rle,
                }
            )
            for _ in range(int(rng.integers(0, 3))):
                near = [box[0] + rng.normal(0, 3), box[1] + rng.normal(0, 3), box[2], box[3] * rng.uniform(0.8, 1.2)]
                near = box if rng.random() < 0.2 else near
                other = int(rng.choice(category_ids)) if rng.random() < 0.2 else category
                predictions.append({"image_id": image_id, "category_id": other, "bbox": near, "score": score()})
        for _ in range(int(rng.integers(0, 3))):
            predictions.append(
                {
                    "image_id": image_id,
                    "category_id": int(rng.choice(category_ids)),
                    "bbox": draw_box(),
                    "score": score(),
                }
            )
    for prediction in predictions:
        prediction["segmentation"] = draw_rle(prediction["bbox"], size)
    rng.shuffle(predictions)
    document = {
        "info": {},
        "images": [{"id": id_, "height": height, "width": width, "file_name": f"{id_}.png"} for id_ in image_ids],
        "categories": [{"id": id_, "name": f"class {id_}"} for id_ in category_ids],
        "annotations": annotations,
    }
    return document, predictions


@pytest.fixture(scope="session")
def coco_eval():
    return run_coco_eval


@pytest.fixture(scope="session")
def case():
    return draw_case


@pytest.fixture(scope="session")
def rle():
    return draw_rle
