"""Swapping two files unit by unit: exact where all ways are few, uniform where nothing differs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from detstudy.evaluation import MEASURE_NAMES, Kind, Matches, evaluate, load_ground_truth, resampling_units
from detstudy.evaluation.randomisation import pool_matches, randomise_measures

NAMES = ("box/AP", "mask/AP50", "box/APm", "box/AR10")


def draw_pair(case, seed, images=5):
    """Return one ground truth and two files: the case's predictions, and a disturbed copy with scores that tie."""
    document, first = case(seed, images=images)
    rng = np.random.default_rng(seed)
    second = [dict(entry) for entry in first if rng.random() < 0.8]
    for entry in second:
        entry["score"] = float(np.round(np.clip(entry["score"] + rng.normal(0, 0.2), 0, 1), 1))
    return document, first, second


def swap_files(first, second, swapped):
    """Return both files with the entries of the images named exchanged."""
    one = [e for e in first if e["image_id"] not in swapped] + [e for e in second if e["image_id"] in swapped]
    two = [e for e in second if e["image_id"] not in swapped] + [e for e in first if e["image_id"] in swapped]
    return one, two


@pytest.mark.parametrize("seed", range(3))
def test_few_units_give_the_p_of_every_way_to_swap_the_files(case, seed):
    document, first, second = draw_pair(case, seed)
    truth = load_ground_truth(document)
    differences = []
    for count in range(6):
        for swapped in itertools.combinations(truth.image_ids, count):
            one, two = (evaluate(truth, entries)[1].measures for entries in swap_files(first, second, swapped))
            differences.append([abs(one[n] - two[n]) if one[n] is not None else np.nan for n in NAMES])
    table = np.array(differences)
    expected = (table >= table[0] - 1e-9).mean(axis=0)
    expected[np.isnan(table[0])] = np.nan
    matches = [evaluate(truth, entries)[0] for entries in (first, second)]
    p = randomise_measures(matches[0], matches[1], resampling_units(truth), NAMES)
    np.testing.assert_allclose(p, expected)


def test_draws_come_near_the_exact_p(case):
    document, first, second = draw_pair(case, 4, images=9)
    truth = load_ground_truth(document)
    matches = [evaluate(truth, entries)[0] for entries in (first, second)]
    units = resampling_units(truth)
    exact = randomise_measures(matches[0], matches[1], units, NAMES, randomisations=2**9)
    drawn = randomise_measures(matches[0], matches[1], units, NAMES, randomisations=500, seed=3)
    np.testing.assert_allclose(exact * 2**9, np.round(exact * 2**9))
    np.testing.assert_allclose(drawn, exact, atol=4 * np.sqrt(0.25 / 500))
    assert (drawn >= 1 / 501).all()


def test_frames_of_a_sequence_change_sides_together(case):
    document, first, second = draw_pair(case, 5, images=6)
    for image in document["images"]:
        image["sequence"] = str(image["id"] % 2)
    truth = load_ground_truth(document)
    matches = [evaluate(truth, entries)[0] for entries in (first, second)]
    p = randomise_measures(matches[0], matches[1], resampling_units(truth), ["box/AP"])
    assert p[0] in (0.5, 1.0)  # four ways, each with its mirror image


def test_the_pool_holds_both_files(case):
    document, first, second = draw_pair(case, 6)
    truth = load_ground_truth(document)
    a, b = (evaluate(truth, entries)[0]["box"] for entries in (first, second))
    pooled = pool_matches(a, b)
    assert len(pooled.scores) == len(a.scores) + len(b.scores)
    assert len(pooled.object_images) == 2 * len(a.object_images)
    for k in range(len(pooled.category_ids)):
        assert (np.diff(pooled.scores[pooled.class_starts[k] : pooled.class_starts[k + 1]]) <= 0).all()
    other, _ = case(9, images=3)
    with pytest.raises(ValueError, match="different ground truth"):
        pool_matches(a, evaluate(load_ground_truth(other), [])[0]["box"])


def test_equal_files_have_p_1_and_what_is_undefined_has_none(case):
    document, first, _ = draw_pair(case, 7)
    truth = load_ground_truth(document)
    matches, summary = evaluate(truth, first)
    p = randomise_measures(matches, matches, resampling_units(truth), MEASURE_NAMES)
    defined = [summary.measures[name] is not None for name in MEASURE_NAMES]
    np.testing.assert_array_equal(np.isnan(p), np.logical_not(defined))
    assert (p[defined] == 1).all()
    boxes: dict[Kind, Matches] = {"box": matches["box"]}
    assert np.isnan(randomise_measures(boxes, matches, resampling_units(truth), ["mask/AP"])).all()


def test_p_is_uniform_where_the_files_are_exchangeable():
    """Two detectors of one quality: each finds an object with the same probability and scores it at random."""
    from scipy.stats import kstest

    rng = np.random.default_rng(0)
    images, width = 12, 40
    document: dict[str, Any] = {
        "images": [{"id": n, "height": 400, "width": 400} for n in range(images)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 9 * n + k + 1, "image_id": n, "category_id": 1, "bbox": [0, 45 * k, width, width], "area": width**2}
            for n in range(images)
            for k in range(8)
        ],
    }
    truth = load_ground_truth(document)
    units = resampling_units(truth)

    def detect():
        return [
            {
                "image_id": note["image_id"],
                "category_id": 1,
                "bbox": [note["bbox"][0] + rng.choice([0, 6, 300], p=[0.5, 0.3, 0.2]), *note["bbox"][1:]],
                "score": float(rng.random()),
            }
            for note in document["annotations"]
        ]

    found = []
    for repeat in range(100):
        matches = [evaluate(truth, detect())[0] for _ in range(2)]
        found.append(randomise_measures(matches[0], matches[1], units, ["box/AP"], randomisations=99, seed=repeat)[0])
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) <= 0.11
