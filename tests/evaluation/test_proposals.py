"""Proposal recall equals pycocotools' average recall with classes told apart nowhere."""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detstudy.evaluation import EvaluationError, load_ground_truth, measure_proposal_recall

NAMES = ["AR100", "AR300", "AR1000", "AR1000s", "AR1000m", "AR1000l"]


def ask_oracle(document, proposals) -> list[float]:
    """Return COCOeval's recall at 100, 300, 1,000 of all sizes and at 1,000 of each; -1 where undefined."""
    rows = [
        {
            "image_id": id_,
            "category_id": document["categories"][0]["id"],
            "bbox": box.tolist(),
            "score": 1 - rank / 2000,
        }
        for id_, boxes in proposals.items()
        for rank, box in enumerate(np.asarray(boxes, dtype=np.float64))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(document)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = [100, 300, 1000]
        evaluation.evaluate()
        evaluation.accumulate()
    recall = evaluation.eval["recall"][:, 0]  # [thresholds, bands, limits]
    picked = [recall[:, 0, 0], recall[:, 0, 1], recall[:, 0, 2], *(recall[:, band, 2] for band in (1, 2, 3))]
    return [float(np.mean(values)) if (values > -1).all() else -1 for values in picked]


def draw_proposals(document, seed: int, most: int = 1200) -> dict[int, np.ndarray]:
    """Return boxes near objects of each image and anywhere, in a random order, more than the limits of some images."""
    rng = np.random.default_rng(seed)
    proposals = {}
    for image in document["images"]:
        count = int(rng.integers(1, most))
        boxes = np.concatenate([rng.uniform(0, 90, (count, 2)), rng.uniform(5, 110, (count, 2))], axis=1)
        known = [a["bbox"] for a in document["annotations"] if a["image_id"] == image["id"]]
        if known:
            near = np.array(known)[rng.integers(len(known), size=count)]
            chosen = rng.random(count) < 0.05
            boxes[chosen] = (near + rng.normal(0, 3, near.shape).clip(-5, 5) * rng.integers(0, 2, (count, 1)))[chosen]
        proposals[image["id"]] = boxes.astype(np.float32)
    return proposals


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 3))
def test_recall_equals_pycocotools(seed, images, case):
    document, _ = case(seed, images)
    proposals = draw_proposals(document, seed)

    measures = measure_proposal_recall(load_ground_truth(document), proposals)

    assert [measure.name for measure in measures] == [f"proposals/{name}" for name in NAMES]
    for measure, expected in zip(measures, ask_oracle(document, proposals), strict=True):
        if expected == -1:
            assert measure.value is None
            assert (measure.reason or "").startswith("no ")
        else:
            assert measure.value == expected * 100, measure.name


def test_more_proposals_find_more(case):
    document, _ = case(5, images=6)
    proposals = draw_proposals(document, 5)

    values = {m.name: m.value for m in measure_proposal_recall(load_ground_truth(document), proposals)}
    few = measure_proposal_recall(load_ground_truth(document), {id_: boxes[:64] for id_, boxes in proposals.items()})

    assert 0 < values["proposals/AR100"] < values["proposals/AR300"] < values["proposals/AR1000"]
    assert few[0].value == few[1].value == few[2].value < values["proposals/AR100"]


def test_an_image_without_proposals_finds_nothing(case):
    document, _ = case(5, images=6)
    whole = {
        image["id"]: np.array([a["bbox"] for a in document["annotations"] if a["image_id"] == image["id"]]).reshape(
            -1, 4
        )
        for image in document["images"]
    }
    truth = load_ground_truth({**document, "annotations": [{**a, "iscrowd": 0} for a in document["annotations"]]})

    everything = measure_proposal_recall(truth, whole)
    nothing = measure_proposal_recall(truth, {id_: np.zeros((0, 4), np.float32) for id_ in whole})
    part = measure_proposal_recall(
        truth, {id_: boxes for id_, boxes in whole.items() if id_ != document["annotations"][0]["image_id"]}
    )

    assert everything[0].value == 100
    assert nothing[0].value == 0
    assert 0 < part[0].value < 100


def test_without_proposals_or_objects_there_is_a_reason(case):
    document, _ = case(5)
    proposals = draw_proposals(document, 5)

    none = measure_proposal_recall(load_ground_truth(document), {})
    empty = measure_proposal_recall(load_ground_truth({**document, "annotations": []}), proposals)

    assert {(m.value, m.reason) for m in none} == {(None, "the trainer gave no proposals")}
    assert [m.reason for m in empty] == ["no objects"] * 3 + [
        "no small objects",
        "no medium objects",
        "no large objects",
    ]


@pytest.mark.parametrize(
    ("proposals", "message"),
    [
        ({999: np.zeros((1, 4))}, "has no image 999"),
        ({7: np.zeros((1, 5))}, "proposals of image 7: rows of x, y, width, height"),
        ({7: np.array([[0, 0, np.nan, 1]])}, "proposals of image 7"),
        ({7: np.array([[0, 0, -1.0, 1]])}, "proposals of image 7"),
    ],
)
def test_proposals_that_cannot_be_are_refused(proposals, message, case):
    with pytest.raises(EvaluationError, match=message):
        measure_proposal_recall(load_ground_truth(case(5)[0]), proposals)
