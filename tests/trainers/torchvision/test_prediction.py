from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from detstudy.data import Rle, decode_mask, read_dataset
from detstudy.study.setting import CocoData, Setting
from detstudy.trainers.torchvision.detector import build_detector
from detstudy.trainers.torchvision.prediction import paste_mask, predict_images


def test_masks_are_pasted_as_torchvision_does() -> None:
    random = np.random.default_rng(0)
    boxes = random.uniform((-10, -10, 0, 0), (90, 60, 0, 0), (40, 4)).astype(np.float32)
    boxes[:, 2:] = boxes[:, :2] + random.uniform(10, 70, (40, 2)).astype(np.float32)
    masks = random.random((40, 28, 28), dtype=np.float32)
    masks = np.stack([np.minimum(1, mask + 0.3 * (index % 2)) for index, mask in enumerate(masks)])

    found = np.stack([paste_mask(mask, box, 64, 96) for mask, box in zip(masks, boxes, strict=True)])

    pasted = paste_masks_in_image(torch.from_numpy(masks)[:, None], torch.from_numpy(boxes), (64, 96))[:, 0].numpy()
    assert found.sum() > 10_000
    # Two interpolations of the same method round differently; only pixels at the threshold may tell.
    assert np.all((found == (pasted >= 0.5)) | (np.abs(pasted - 0.5) < 1e-4))


def test_predictions_are_lines_of_a_coco_result_file(coco_data: CocoData, compact_setting: Setting) -> None:
    dataset = read_dataset(coco_data)
    records = dataset.splits["validation"]
    torch.manual_seed(0)
    detector = build_detector(compact_setting, 2)

    predicted = predict_images(detector, records, dataset.category_ids, torch.device("cpu"))

    assert {line["image_id"] for line in predicted.predictions} == {record.id for record in records}
    assert len(predicted.predictions) == 5 * len(records)
    for line in predicted.predictions:
        assert line["category_id"] in dataset.category_ids
        assert 0 <= line["score"] <= 1
        assert all(type(value) is float for value in (*line["bbox"], line["score"]))
        assert line["bbox"][2] > 0
        assert type(line["segmentation"]["counts"]) is str
        height, width = line["segmentation"]["size"]
        assert decode_mask(Rle(height, width, line["segmentation"]["counts"].encode())).shape == (
            64,
            96,
        )
    measures = {measure.name: measure for measure in predicted.measures}
    assert measures["test/proposals_entered"].value == 20 + 20 + 20
    assert [measures[f"test/proposals_entered_{level}"].value for level in ("P3", "P4", "P5")] == [20, 20, 20]
    assert [measures[f"test/anchors_{level}"].value for level in ("P3", "P4", "P5")] == [96 * 6, 24 * 6, 6 * 6]
    survived = sum(measures[f"test/proposals_survived_{level}"].value or 0 for level in ("P3", "P4", "P5"))
    assert measures["test/proposals_survived"].value == pytest.approx(survived)
    assert measures["test/proposals_kept"].value == sum(map(len, predicted.proposals.values())) / len(records)
    assert (measures["test/seconds_per_image"].value or 0) > 0
    assert detector.training


def test_predictions_are_a_pure_function_of_weights_and_setting(coco_data: CocoData, compact_setting: Setting) -> None:
    dataset = read_dataset(coco_data)
    records = dataset.splits["validation"]
    detector = build_detector(compact_setting, 2)

    whole = predict_images(detector, records, dataset.category_ids, torch.device("cpu")).predictions
    torch.manual_seed(99)
    single = [
        line
        for record in records
        for line in predict_images(detector, [record], dataset.category_ids, torch.device("cpu")).predictions
    ]

    assert whole == single


def test_proposals_are_in_the_images_own_pixels(coco_data: CocoData, compact_setting: Setting) -> None:
    """Where the detector sees images at twice their size, a proposal is as large in the image as without."""
    dataset = read_dataset(coco_data)
    record = dataset.splits["validation"][0]
    setting = compact_setting.replace(image_min_size=128, image_max_size=400, rpn_post_nms_top_n_test=7)
    detector = build_detector(setting, 2)

    predicted = predict_images(detector, [record], dataset.category_ids, torch.device("cpu"))

    boxes = predicted.proposals[record.id]
    seen = detector.rpn.boxes[0].numpy()
    assert detector.rpn.sizes == [(128, 192)]
    assert boxes.shape == (7, 4)
    np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:], seen[:, 2:] / 2, rtol=1e-5)
    np.testing.assert_allclose(boxes[:, :2], seen[:, :2] / 2, rtol=1e-5)


def test_no_images_have_no_measures(coco_data: CocoData, compact_setting: Setting) -> None:
    predicted = predict_images(build_detector(compact_setting, 2), [], (3, 7), torch.device("cpu"))

    assert predicted.predictions == []
    assert [(measure.value, measure.reason) for measure in predicted.measures] == [(None, "no images")] * 4


@pytest.mark.parametrize("box", [(-50, -50, -40, -40), (200, 3, 230, 9), (5, 5, 5, 5)])
def test_a_box_outside_or_without_area_has_hardly_a_pixel(box: tuple[float, ...]) -> None:
    canvas = paste_mask(np.ones((28, 28), np.float32), np.array(box, np.float32), 64, 96)

    assert canvas.sum() <= 1
