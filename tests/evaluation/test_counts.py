"""False positives at a score threshold, against pycocotools' own matches."""

from __future__ import annotations

import numpy as np
import pytest

from detstudy.evaluation import count_false_positives, evaluate, load_ground_truth


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_counts_are_those_of_the_predictions_that_pass_the_threshold(seed, kind, case, coco_eval):
    document, predictions = case(seed, images=5)
    truth = load_ground_truth(document)
    matches, _ = evaluate(truth, predictions)
    counted = count_false_positives(matches, 0.5)[kind]
    oracle = coco_eval(document, [p for p in predictions if p["score"] >= 0.5], kind)
    by_class = {name: [0, 0, 0] for name in truth.category_names}
    by_image = dict.fromkeys(truth.image_ids, 0)
    for result in oracle.evalImgs:
        if result is None or result["aRng"] != [0, 1e10]:
            continue
        right = (result["dtMatches"][0] > 0) & ~result["dtIgnore"][0]
        wrong = (result["dtMatches"][0] == 0) & ~result["dtIgnore"][0]
        name = f"class {result['category_id']}"
        missed = np.count_nonzero(np.asarray(result["gtIgnore"]) == 0) - right.sum()
        by_class[name] = [n + m for n, m in zip(by_class[name], [wrong.sum(), right.sum(), missed], strict=True)]
        by_image[result["image_id"]] += wrong.sum()
    for name, counts in counted.per_class.items():
        assert [counts.false_positives, counts.true_positives, counts.missed] == by_class[name]
    assert counted.false_positives_by_image.tolist() == list(by_image.values())
    assert counted.total.false_positives == sum(by_image.values())
    assert counted.false_positives_per_image == sum(by_image.values()) / 5
    assert counted.total.missed == sum(counts[2] for counts in by_class.values())


def test_nothing_passes_a_threshold_above_every_score(case):
    document, predictions = case(1)
    matches, _ = evaluate(load_ground_truth(document), predictions)
    counted = count_false_positives(matches, 1.1)["box"]
    objects = sum(not annotation["iscrowd"] for annotation in document["annotations"])
    assert (counted.total.false_positives, counted.total.true_positives) == (0, 0)
    assert counted.total.missed == objects


def test_an_empty_split_has_no_mean():
    document = {"images": [], "categories": [{"id": 1, "name": "car"}], "annotations": []}
    matches, summary = evaluate(load_ground_truth(document), [])
    assert count_false_positives(matches, 0.5)["box"].false_positives_per_image is None
    assert summary.undefined["box/AP"] == "no objects"
    assert summary.undefined["mask/APl"] == "no large objects"
