"""Matches of the pictures against COCOeval's own."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detstudy.reporting.matching import match_image


def draw_case(rng: np.random.Generator, row: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    truth, predictions = [], []
    for number in range(int(rng.integers(0, 7))):
        box = (*rng.integers(0, [90, 30]).tolist(), *rng.integers(5, [30, 18]).tolist())
        crowd = int(rng.random() < 0.25)
        category = int(rng.integers(1, 3))
        truth.append(row(1, box, category, id=number + 1, iscrowd=crowd, area=float(box[2] * box[3])))
    for _ in range(int(rng.integers(0, 9))):
        if truth and rng.random() < 0.8:
            x, y, w, h = map(int, truth[int(rng.integers(len(truth)))]["bbox"])
            box = (max(0, x + int(rng.integers(-3, 4))), y, w, max(2, h + int(rng.integers(-3, 4))))
        else:
            box = (*rng.integers(0, [90, 30]).tolist(), 12, 12)
        predictions.append(row(1, box, int(rng.integers(1, 3)), score=float(rng.random())))
    return truth, predictions


@pytest.mark.parametrize(("kind", "iou_type"), [("mask", "segm"), ("box", "bbox")])
def test_false_positives_and_missed_objects_are_cocoevals(row: Any, kind: str, iou_type: str) -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(60):
        truth, predictions = draw_case(rng, row)
        if not truth or not predictions:
            continue
        match = match_image(predictions, truth, kind)
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO()
            categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
            coco.dataset = {"images": [{"id": 1, "height": 48, "width": 120}], "annotations": truth}
            coco.dataset["categories"] = categories
            coco.createIndex()
            found = coco.loadRes([dict(row) for row in predictions])
            evaluation = COCOeval(coco, found, iou_type)
            evaluation.evaluate()
        everything = [e for e in evaluation.evalImgs if e and e["aRng"] == [0, 1e10]]
        matched = sum(int(((e["dtMatches"][0] > 0) & ~e["dtIgnore"][0].astype(bool)).sum()) for e in everything)
        false = sum(int(((e["dtMatches"][0] == 0) & ~e["dtIgnore"][0].astype(bool)).sum()) for e in everything)
        objects = sum(int((~np.array(e["gtIgnore"], dtype=bool)).sum()) for e in everything)
        assert match.hits.count(True) == matched
        assert match.hits.count(False) == false
        assert len(match.missed) == objects - matched
        compared += 1
    assert compared > 40


def test_no_predictions_miss_everything_and_no_objects_make_all_false(row: Any) -> None:
    one = row(1, (10, 10, 20, 20), iscrowd=0, score=0.9)
    assert match_image([], [one], "mask").missed == (0,)
    assert match_image([one], [], "mask").hits == (False,)
