"""Every number equals pycocotools', to the last bit where it gives arrays."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detstudy.data import build_ground_truth, read_dataset
from detstudy.evaluation import accumulate_precision, evaluate, load_ground_truth, load_predictions, match_predictions
from detstudy.evaluation.protocol import DEFINITIONS, KINDS
from detstudy.study.setting import KittiMotsData


def assert_equal_to_oracle(document, predictions, coco_eval, image_ids=None, kinds=KINDS) -> None:
    truth = load_ground_truth(document)
    matches, summary = evaluate(truth, predictions, image_ids)
    for kind in kinds:
        oracle = coco_eval(document, predictions, kind, image_ids)
        arrays = accumulate_precision(matches[kind])
        np.testing.assert_array_equal(np.nan_to_num(arrays.precision, nan=-1), oracle.eval["precision"])
        np.testing.assert_array_equal(np.nan_to_num(arrays.recall, nan=-1), oracle.eval["recall"])
        for short, expected in zip(DEFINITIONS, oracle.stats, strict=True):
            name = f"{kind}/{short}"
            if expected == -1:
                assert summary.measures[name] is None
                assert summary.undefined[name].startswith("no ")
            else:
                assert summary.measures[name] == expected * 100, name
                assert name not in summary.undefined
        for k, class_name in enumerate(truth.category_names):
            precision = oracle.eval["precision"][:, :, k, 0, 2]
            expected = None if (precision == -1).all() else precision.mean() * 100
            assert summary.per_class[class_name][f"{kind}/AP"] == pytest.approx(expected, abs=1e-11)
            recall = oracle.eval["recall"][:, k, 1, 2]
            expected = None if (recall == -1).all() else recall.mean() * 100
            assert summary.per_class[class_name][f"{kind}/ARs"] == pytest.approx(expected, abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 7), ties=st.booleans())
def test_random_scenes(seed, images, ties, case, coco_eval):
    document, predictions = case(seed, images, ties)
    assert_equal_to_oracle(document, predictions, coco_eval)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_scenes_without_detections_or_objects(seed, case, coco_eval):
    document, predictions = case(seed)
    assert_equal_to_oracle(document, [], coco_eval)
    assert_equal_to_oracle({**document, "annotations": []}, predictions, coco_eval)
    crowds = [{**annotation, "iscrowd": 1} for annotation in document["annotations"]]
    assert_equal_to_oracle({**document, "annotations": crowds}, predictions, coco_eval)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_masks_alone_judge_size_by_the_mask(seed, case, coco_eval):
    document, predictions = case(seed)
    for prediction in predictions:
        del prediction["bbox"]
    assert_equal_to_oracle(document, predictions, coco_eval)


def test_more_masks_without_boxes_than_a_byte_counts(case, coco_eval):
    document, predictions = case(7, images=60, most=14)
    assert len(predictions) > 255
    assert_equal_to_oracle(document, [{key: p[key] for key in p if key != "bbox"} for p in predictions], coco_eval)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), chosen=st.sets(st.sampled_from([7, 10, 13, 16, 19]), min_size=1))
def test_some_images_only(seed, chosen, case, coco_eval):
    document, predictions = case(seed, images=5)
    assert_equal_to_oracle(document, predictions, coco_eval, image_ids=sorted(chosen))


def test_more_than_a_hundred_detections_of_an_image(case, coco_eval):
    document, predictions = case(3, images=3, most=9)
    rng = np.random.default_rng(0)
    target = document["annotations"][0]
    crowded = [
        {
            **predictions[0],
            "image_id": target["image_id"],
            "category_id": target["category_id"],
            "bbox": [float(rng.uniform(0, 80)), float(rng.uniform(0, 80)), 20.0, 20.0],
            "score": float(rng.choice([0.3, 0.6, rng.random()])),
        }
        for _ in range(130)
    ]
    assert_equal_to_oracle(document, predictions + crowded, coco_eval)


def test_polygons_and_whole_scores(case, coco_eval):
    document, predictions = case(11)
    for annotation in document["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h], [x, y, x, y + h, x + w / 2, y + h]]
    for n, prediction in enumerate(predictions):
        prediction["score"] = n % 3
    assert_equal_to_oracle(document, predictions, coco_eval)


def test_annotation_with_id_0_is_found_like_any_other(case, coco_eval):
    """pycocotools reads a match with id 0 as none; counting from 1 gives it the truth."""
    document, predictions = case(5)
    from_zero = {**document, "annotations": [{**a, "id": a["id"] - 1} for a in document["annotations"]]}
    _, summary = evaluate(load_ground_truth(from_zero), predictions)
    assert summary.measures["box/AP"] == coco_eval(document, predictions, "box").stats[0] * 100


def test_image_weights_are_repeated_images(case):
    document, predictions = case(8, images=5, ties=False)
    truth = load_ground_truth(document)
    matches = match_predictions(truth, load_predictions(predictions, truth), "box")
    weights = np.array([2, 0, 1, 3, 1])
    repeated, repeated_predictions = repeat_images(
        document, predictions, dict(zip(truth.image_ids, weights, strict=True))
    )
    expected_truth = load_ground_truth(repeated)
    expected = match_predictions(expected_truth, load_predictions(repeated_predictions, expected_truth), "box")
    ours, theirs = accumulate_precision(matches, weights), accumulate_precision(expected)
    np.testing.assert_array_equal(ours.recall, theirs.recall)
    np.testing.assert_array_equal(ours.precision, theirs.precision)


def repeat_images(document, predictions, copies):
    images, annotations, repeated = [], [], []
    for image in document["images"]:
        for copy in range(copies[image["id"]]):
            id_ = image["id"] + 1000 * copy
            images.append({**image, "id": id_})
            for annotation in document["annotations"]:
                if annotation["image_id"] == image["id"]:
                    annotations.append({**annotation, "image_id": id_, "id": len(annotations) + 1})
            repeated += [{**p, "image_id": id_} for p in predictions if p["image_id"] == image["id"]]
    return {**document, "images": images, "annotations": annotations}, repeated


def perturb(document, seed=0) -> list[dict]:
    """Return the objects as predictions: boxes shifted, some missed, some doubled, some of another class."""
    rng = np.random.default_rng(seed)
    categories = [category["id"] for category in document["categories"]]
    predictions = []
    for annotation in document["annotations"]:
        for _ in range(int(rng.integers(0, 3))):
            x, y, w, h = annotation["bbox"]
            box = [x + rng.normal(0, w / 12), y + rng.normal(0, h / 12), w * rng.uniform(0.8, 1.2), h]
            predictions.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": int(rng.choice(categories)) if rng.random() < 0.1 else annotation["category_id"],
                    "bbox": [float(value) for value in box],
                    "score": round(float(rng.random()), 2),
                    "segmentation": annotation["segmentation"],
                }
            )
    return predictions


@pytest.mark.parametrize("split", ["train", "val"])
def test_photographs(split, photographs, coco_eval):
    document = json.loads((photographs / "annotations" / f"instances_{split}2017.json").read_text())
    assert_equal_to_oracle(document, perturb(document), coco_eval)


def test_drawn_driving_frames(tiny_data, coco_eval):
    data = KittiMotsData(root=str(tiny_data), train=(0, 1), validation=tuple(range(2, 8)))
    document = build_ground_truth(read_dataset(data), "validation")
    assert_equal_to_oracle(document, perturb(document), coco_eval)
    chosen = [image["id"] for image in document["images"]][::3]
    predictions = [p for p in perturb(document, seed=1) if p["image_id"] in set(chosen)]
    assert_equal_to_oracle(document, predictions, coco_eval, image_ids=chosen)


def test_real_driving_frames(shared, coco_eval):
    path = shared / "kitti_mots_val" / "annotations.json.gz"
    document = json.loads(gzip.decompress(path.read_bytes()))
    truth = load_ground_truth(path)
    assert (len(truth.image_ids), len(truth.object_areas)) == (2920, 11376)
    chosen = [image["id"] for image in document["images"]][::15]
    predictions = [p for p in perturb(document) if p["image_id"] in set(chosen)]
    assert_equal_to_oracle(document, predictions, coco_eval, image_ids=chosen)
