"""A row of the table is one prediction of the file, and every number about it comes from the same IoUs."""

from __future__ import annotations

import numpy as np
import pycocotools.mask
import pytest

from detstudy.evaluation import evaluate, load_ground_truth
from detstudy.evaluation.protocol import CORRECT


@pytest.mark.parametrize("seed", range(5))
def test_a_row_knows_its_prediction_and_its_object(seed, case):
    document, predictions = case(seed, images=6)
    truth = load_ground_truth(document)
    for table in evaluate(truth, predictions)[0].values():
        assert sorted(table.predictions.tolist()) == list(range(len(predictions)))
        classes = np.repeat(table.category_ids, np.diff(table.class_starts))
        for row, number in enumerate(table.predictions.tolist()):
            prediction = predictions[number]
            found = table.scores[row], table.image_ids[table.images[row]], classes[row]
            assert found == (prediction["score"], prediction["image_id"], prediction["category_id"])
            if table.kinds[row] == CORRECT:
                place = table.object_rows[table.objects[row]]
                image, category = truth.object_images[place], truth.object_classes[place]
                assert (truth.image_ids[image], truth.category_ids[category]) == found[1:]
                assert table.matched[0, row] & 1


def test_right_at_half_is_matched_at_half_whatever_asks(case):
    document, predictions = case(9, images=8)
    for table in evaluate(load_ground_truth(document), predictions)[0].values():
        assert ((table.kinds == CORRECT) == (table.matched[0] & 1 == 1)).all()


def test_ious_are_computed_once_an_image_and_kind(case, monkeypatch):
    calls = []
    iou = pycocotools.mask.iou

    def count(*given):
        calls.append(1)
        return iou(*given)

    monkeypatch.setattr(pycocotools.mask, "iou", count)
    document, predictions = case(4, images=8)
    both = {p["image_id"] for p in predictions} & {a["image_id"] for a in document["annotations"]}
    evaluate(load_ground_truth(document), predictions)
    assert len(calls) == 2 * len(both) > 0
