"""Kinds of error and what they cost, against TIDE's rules spelled out detection by detection."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from pycocotools.mask import iou

from detstudy.evaluation import (
    COUNTED,
    ERROR_KINDS,
    ERROR_MEASURES,
    Kind,
    count_errors,
    evaluate,
    load_ground_truth,
    resample_errors,
    resample_measures,
)
from detstudy.evaluation.protocol import CORRECT, IGNORED


def relate(document, predictions):
    return evaluate(load_ground_truth(document), predictions)


def judge_slowly(document, predictions, kind):
    """Return (kind of error, object id) of each prediction, and the objects that none finds, by TIDE's rules."""
    field = "bbox" if kind == "box" else "segmentation"
    judged, found = {}, set()
    for image in document["images"]:
        objects = [a for a in document["annotations"] if a["image_id"] == image["id"]]
        counting = [a for a in objects if not a["iscrowd"]]
        mine = [n for n, p in enumerate(predictions) if p["image_id"] == image["id"]]

        def overlap(n, annotation):
            return iou([predictions[n][field]], [annotation[field]], [annotation["iscrowd"]])[0, 0]

        for n in sorted(mine, key=lambda n: -predictions[n]["score"]):
            category = predictions[n]["category_id"]
            same = {a["id"]: overlap(n, a) for a in counting if a["category_id"] == category}
            other = {a["id"]: overlap(n, a) for a in counting if a["category_id"] != category}
            crowds = [overlap(n, a) for a in objects if a["iscrowd"] and a["category_id"] == category]
            free = {id_: value for id_, value in same.items() if id_ not in found and value >= 0.5}
            nearest, near = max(same, key=same.get, default=None), max(same.values(), default=0)
            strangest, strange = max(other, key=other.get, default=None), max(other.values(), default=0)
            if free:
                best = max(free, key=free.get)
                found.add(best)
                judged[n] = "correct", best
            elif max(crowds, default=0) >= 0.5:
                judged[n] = "ignored", None
            elif 0.1 <= near < 0.5:
                judged[n] = "localisation", nearest
            elif strange >= 0.5:
                judged[n] = "classification", strangest
            elif near >= 0.5:
                judged[n] = "duplicate", nearest
            elif strange > 0.1:
                judged[n] = "both", strangest
            else:
                judged[n] = "background", None
    lost = {a["id"] for a in document["annotations"] if not a["iscrowd"]} - found
    return judged, lost


def average_precision(rows, objects):
    """Return AP of (score, right) rows, interpolated at 101 recalls."""
    if not objects:
        return None
    right = np.array([hit for _, hit in sorted(rows, key=lambda row: -row[0])], dtype=float)
    recall = np.cumsum(right) / objects
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    points = [max(precision[recall >= r], default=0.0) if len(right) else 0.0 for r in np.linspace(0, 1, 101)]
    return float(np.mean(points)) * 100


def repair_slowly(document, predictions, kind, repaired):
    """Return AP50 with one kind of error repaired, over classes that have objects to begin with."""
    judged, lost = judge_slowly(document, predictions, kind)
    categories = {a["id"]: a["category_id"] for a in document["annotations"] if not a["iscrowd"]}
    claims = defaultdict(list)
    for n, (error, id_) in judged.items():
        if error in ("localisation", "classification") and id_ in lost:
            claims[id_].append((-predictions[n]["score"], n))
    winners = {min(rows)[1] for rows in claims.values()}
    rows, objects = defaultdict(list), defaultdict(int)
    for n, (error, id_) in judged.items():
        score, category = predictions[n]["score"], predictions[n]["category_id"]
        if error == repaired and n in winners:
            rows[categories[id_]].append((score, True))
        elif error not in (repaired, "ignored"):
            rows[category].append((score, error == "correct"))
    for id_, category in categories.items():
        objects[category] += not (repaired == "missed" and id_ in lost and id_ not in claims)
    return np.mean([average_precision(rows[c], objects[c]) or 100.0 * (not objects[c]) for c in objects])


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_kinds_and_costs_are_tides(seed, kind, case):
    document, predictions = case(seed, images=5, ties=False)
    matches, summary = relate(document, predictions)
    judged, lost = judge_slowly(document, predictions, kind)
    table, kinds = matches[kind], matches[kind].kinds
    by_score = {p["score"]: judged[n][0] for n, p in enumerate(predictions)}
    names = dict(enumerate(ERROR_KINDS)) | {CORRECT: "correct", IGNORED: "ignored"}
    assert [names[code] for code in kinds] == [by_score[score] for score in table.scores]
    total = count_errors(table, 0.0).total
    near = {id_ for error, id_ in judged.values() if error in ("localisation", "classification")}
    assert (total["false_negatives"], total["missed"]) == (len(lost), len(lost - near))
    costs = resample_errors(matches, np.ones((1, 5), int), [f"{kind}/cost/{name}" for name in ERROR_KINDS], 0.5)
    now = summary.measures[f"{kind}/AP50"]
    if now is None:
        assert np.isnan(costs).all()
        return
    expected = [repair_slowly(document, predictions, kind, name) - now for name in ERROR_KINDS]
    np.testing.assert_allclose(costs[0], expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_resampled_errors_are_those_of_the_repeated_images(seed, case):
    document, predictions = case(seed, images=5, ties=False)
    matches, _ = relate(document, predictions)
    weights = np.random.default_rng(seed).multinomial(5, np.full(5, 0.2), 4)
    names = list(ERROR_MEASURES)
    values = resample_errors(matches, weights, names, 0.4)
    for row, drawn in enumerate(weights):
        repeated = {**document, "images": [], "annotations": []}
        found = []
        for n, image in enumerate(sorted(document["images"], key=lambda image: image["id"])):
            for _ in range(drawn[n]):
                new = len(repeated["images"]) + 1
                repeated["images"].append({**image, "id": new})
                for annotation in document["annotations"]:
                    if annotation["image_id"] == image["id"]:
                        own = {**copy.deepcopy(annotation), "id": len(repeated["annotations"]) + 1, "image_id": new}
                        repeated["annotations"].append(own)
                found += [{**p, "image_id": new} for p in predictions if p["image_id"] == image["id"]]
        again, _ = relate(repeated, found)
        expected = resample_errors(again, np.ones((1, 5), int), names, 0.4)[0]
        np.testing.assert_allclose(values[row], expected, atol=1e-9)


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_errors_at_a_threshold_are_those_of_the_predictions_that_pass_it(threshold, case):
    document, predictions = case(3, images=6)
    matches, _ = relate(document, predictions)
    left, _ = relate(document, [p for p in predictions if p["score"] >= threshold])
    for kind in matches:
        counts = count_errors(matches[kind], threshold)
        expected = count_errors(left[kind], 0.0)
        np.testing.assert_array_equal(counts.by_class, expected.by_class)
        np.testing.assert_array_equal(counts.by_image, expected.by_image)


def test_an_error_belongs_to_the_size_of_its_object(rle):
    size = (200, 200)

    def entry(box, **more):
        return {"image_id": 1, "category_id": 1, "bbox": box, "segmentation": rle(box, size), **more}

    document = {
        "images": [{"id": 1, "height": 200, "width": 200}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            entry([0, 0, 20, 20], id=1, area=400.0, iscrowd=0),
            entry([100, 100, 50, 50], id=2, area=2500.0, iscrowd=0),
        ],
    }
    predictions = [
        entry([0, 0, 40, 40], score=0.9),  # larger than its small object, and too large for it
        entry([150, 0, 40, 40], score=0.8),  # of nothing, medium itself
    ]
    matches, _ = relate(document, predictions)
    counted = count_errors(matches["box"], 0.5)
    small, medium = (dict(zip(COUNTED, counted.by_class[:, band, 0].tolist(), strict=True)) for band in (1, 2))
    assert (small["localisation"], small["missed"], small["false_negatives"]) == (1, 0, 1)
    assert (medium["localisation"], medium["background"], medium["missed"]) == (0, 1, 1)


def test_without_detections_everything_is_missed(case):
    document, _ = case(6)
    matches, _ = relate(document, [])
    names = ["box/cost/missed", "box/cost/background", "box/errors/missed", "box/errors/background"]
    values = resample_errors(matches, np.ones((1, 4), int), names, 0.5)[0]
    objects = sum(not annotation["iscrowd"] for annotation in document["annotations"])
    assert values.tolist() == [100.0, 0.0, objects / 4, 0.0]


def test_without_objects_everything_is_background_and_costs_are_undefined(case):
    document, predictions = case(6)
    matches, _ = relate({**document, "annotations": []}, predictions)
    names = ["mask/cost/background", "mask/errors/background", "mask/errors/missed"]
    values = resample_errors(matches, np.ones((1, 4), int), names, 0.0)[0]
    assert np.isnan(values[0])
    assert values[1:].tolist() == [len(predictions) / 4, 0.0]


def test_a_class_without_objects_costs_nothing(case):
    document, predictions = case(6, ties=False)
    names = [f"box/cost/{kind}" for kind in ERROR_KINDS]
    matches, _ = relate(document, predictions)
    before = resample_errors(matches, np.ones((1, 4), int), names, 0.5)
    document["categories"].append({"id": 99, "name": "unseen"})
    matches, _ = relate(document, predictions)
    np.testing.assert_array_equal(before, resample_errors(matches, np.ones((1, 4), int), names, 0.5))


def test_no_image_no_kind_and_bad_names(case):
    document, predictions = case(2)
    matches, _ = relate(document, predictions)
    only_boxes: dict[Kind, Any] = {"box": matches["box"]}
    names = ["box/errors/background", "box/cost/missed", "mask/errors/background"]
    assert np.isnan(resample_errors(only_boxes, np.zeros((1, 4), int), names, 0.5)).all()
    with pytest.raises(ValueError, match="box/errors/ghost is no error measure"):
        resample_errors(matches, np.ones((1, 4), int), ["box/errors/ghost"], 0.5)
    with pytest.raises(ValueError, match="4 images"):
        resample_errors(matches, np.ones((1, 5), int), names, 0.5)


def test_nothing_repaired_is_ap50(case):
    document, predictions = case(8, images=6)
    matches, _ = relate(document, predictions)
    from detstudy.evaluation.repairs import _resample_ap50

    weights = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), 20).astype(np.int32)
    for kind in matches:
        ap = np.nanmean(_resample_ap50(matches[kind], weights, None, 0), axis=1) * 100
        np.testing.assert_allclose(ap, resample_measures(matches, weights, [f"{kind}/AP50"])[:, 0], atol=1e-11)
