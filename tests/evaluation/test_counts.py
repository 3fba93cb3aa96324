"""What passes a score threshold, against pycocotools' own matches; and the threshold of the highest F1."""

from __future__ import annotations

import numpy as np
import pytest

from detstudy.evaluation import (
    COUNTED,
    count_errors,
    evaluate,
    find_best_threshold,
    load_ground_truth,
)


def count(document, predictions, kind, threshold):
    truth = load_ground_truth(document)
    matches, _ = evaluate(truth, predictions)
    return count_errors(matches[kind], threshold)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_counts_are_those_of_the_predictions_that_pass_the_threshold(seed, kind, case, coco_eval):
    document, predictions = case(seed, images=5)
    counted = count(document, predictions, kind, 0.5)
    oracle = coco_eval(document, [p for p in predictions if p["score"] >= 0.5], kind)
    names = ("false_positives", "correct", "false_negatives")
    by_class = {category["id"]: [0, 0, 0] for category in document["categories"]}
    by_image = {image["id"]: [0, 0, 0] for image in document["images"]}
    for result in oracle.evalImgs:
        if result is None or result["aRng"] != [0, 1e10]:
            continue
        right = (result["dtMatches"][0] > 0) & ~result["dtIgnore"][0]
        wrong = (result["dtMatches"][0] == 0) & ~result["dtIgnore"][0]
        lost = np.count_nonzero(np.asarray(result["gtIgnore"]) == 0) - right.sum()
        for totals in (by_class[result["category_id"]], by_image[result["image_id"]]):
            totals[:] = [n + more for n, more in zip(totals, (wrong.sum(), right.sum(), lost), strict=True)]
    rows = [COUNTED.index(name) for name in names]
    assert counted.by_class[rows, 0].T.tolist() == [by_class[id_] for id_ in sorted(by_class)]
    assert counted.by_image[rows, 0].T.tolist() == [by_image[id_] for id_ in sorted(by_image)]
    assert [counted.total[name] for name in names] == np.sum(list(by_class.values()), axis=0).tolist()
    assert counted.total["false_positives"] == counted.by_class[:5, 0].sum()


def test_nothing_passes_a_threshold_above_every_score(case):
    document, predictions = case(1)
    total = count(document, predictions, "box", 1.1).total
    objects = sum(not annotation["iscrowd"] for annotation in document["annotations"])
    assert total == {**dict.fromkeys(COUNTED, 0), "missed": objects, "false_negatives": objects}


def test_an_empty_split_has_no_counts():
    document = {"images": [], "categories": [{"id": 1, "name": "car"}], "annotations": []}
    truth = load_ground_truth(document)
    matches, summary = evaluate(truth, [])
    counted = count_errors(matches["box"], 0.5)
    assert counted.by_image.shape[2] == 0
    assert set(counted.total.values()) == {0}
    assert summary.undefined["box/AP"] == "no objects"
    assert summary.undefined["mask/APl"] == "no large objects"


@pytest.mark.parametrize("seed", range(8))
def test_the_best_threshold_is_found_by_trying_all(seed, case):
    document, predictions = case(seed, images=5)
    best = find_best_threshold(evaluate(load_ground_truth(document), predictions)[0]["box"])
    tried = {}
    for threshold in {p["score"] for p in predictions}:
        total = count(document, predictions, "box", threshold).total
        wrong = total["false_positives"] + total["false_negatives"]
        tried[threshold] = 2 * total["correct"] / max(1, 2 * total["correct"] + wrong)
    if not any(tried.values()):
        assert best is None
        return
    assert best is not None
    assert best.f1 == pytest.approx(max(tried.values()))
    assert best.score_threshold == max(score for score, f1 in tried.items() if f1 > max(tried.values()) - 1e-12)


def test_without_a_right_detection_there_is_no_best_threshold(case):
    document, _ = case(1)
    assert find_best_threshold(evaluate(load_ground_truth(document), [])[0]["box"]) is None
