"""Resampled measures equal evaluating the resampled images."""

from __future__ import annotations

import numpy as np
import pytest

from detstudy.evaluation import (
    MEASURE_NAMES,
    accumulate_precision,
    count_units,
    draw_weights,
    evaluate,
    load_ground_truth,
    resample_measures,
    resampling_units,
)
from detstudy.evaluation.protocol import DEFINITIONS, KINDS


def average_by_accumulation(matches, weights, name):
    kind, short = name.split("/")
    definition = DEFINITIONS[short]
    arrays = accumulate_precision(matches[kind], weights)
    values = (arrays.precision if definition.of == "precision" else arrays.recall)[
        ..., definition.band, definition.limit
    ]
    values = values if definition.threshold is None else values[definition.threshold]
    return np.nan if np.isnan(values).all() else np.nanmean(values) * 100


@pytest.mark.parametrize("seed", range(12))
def test_ones_give_the_summary_and_weights_their_accumulation(seed, case):
    document, predictions = case(seed, images=6)
    truth = load_ground_truth(document)
    matches, summary = evaluate(truth, predictions)
    weights = np.vstack([np.ones((1, 6), dtype=int), np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6), 8)])
    values = resample_measures(matches, weights, MEASURE_NAMES)
    for column, name in enumerate(MEASURE_NAMES):
        expected = summary.measures[name]
        np.testing.assert_allclose(values[0, column], np.nan if expected is None else expected, atol=1e-11)
        for row in range(1, len(weights)):
            reference = average_by_accumulation(matches, weights[row], name)
            np.testing.assert_allclose(values[row, column], reference, atol=1e-11, err_msg=name)


def test_a_class_absent_from_a_resample_is_undefined_not_zero(case):
    document, predictions = case(1, images=3)
    matches, _ = evaluate(load_ground_truth(document), predictions)
    values = resample_measures(matches, np.zeros((2, 3), dtype=int), ["box/AP", "mask/AR1"])
    assert np.isnan(values).all()


def test_kinds_that_were_not_matched_are_undefined(case):
    document, predictions = case(2)
    for prediction in predictions:
        del prediction["segmentation"]
    matches, summary = evaluate(load_ground_truth(document), predictions)
    assert set(matches) == {"box"}
    assert summary.measures["mask/AP"] is None
    assert summary.undefined["mask/AP"] == "the predictions have no masks"
    values = resample_measures(matches, np.ones((1, 4), dtype=int), ["mask/AP", "box/AP"])
    assert np.isnan(values[0, 0])
    assert values[0, 1] == pytest.approx(summary.measures["box/AP"])


def test_bad_weights_and_names_are_refused(case):
    document, predictions = case(2)
    matches, _ = evaluate(load_ground_truth(document), predictions)
    with pytest.raises(ValueError, match="box/AP60 is no measure"):
        resample_measures(matches, np.ones((1, 4), dtype=int), ["box/AP60"])
    with pytest.raises(ValueError, match="4 images"):
        resample_measures(matches, np.ones((1, 5), dtype=int), ["box/AP"])
    with pytest.raises(ValueError, match="whole numbers"):
        resample_measures(matches, np.ones((1, 4)), ["box/AP"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        resample_measures(matches, -np.ones((1, 4), dtype=int), ["box/AP"])


def test_units_are_sequences_where_every_image_has_one(case):
    document, _ = case(4, images=5)
    assert resampling_units(load_ground_truth(document)).tolist() == [0, 1, 2, 3, 4]
    by_id = sorted(document["images"], key=lambda image: image["id"])
    for image, sequence in zip(by_id, "baabc", strict=True):
        image["sequence"] = sequence
    truth = load_ground_truth(document)
    assert truth.sequences == ("b", "a", "a", "b", "c")
    units = resampling_units(truth)
    assert units.tolist() == [0, 1, 1, 0, 2]
    assert count_units(units) == 3
    assert resampling_units(truth, [by_id[4]["id"], by_id[1]["id"]]).tolist() == [0, 1]
    del by_id[0]["sequence"]
    assert count_units(resampling_units(load_ground_truth(document))) == 5


def test_draws_take_units_whole_and_repeat_with_the_seed():
    units = np.array([0, 1, 1, 0, 2])
    weights = draw_weights(units, 400, seed=1)
    assert weights.dtype == np.int32
    np.testing.assert_array_equal(weights[:, 1], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 4]].sum(axis=1), 3)
    assert abs(weights.mean() - 1) < 0.1
    np.testing.assert_array_equal(weights, draw_weights(units, 400, seed=1))
    assert (weights != draw_weights(units, 400, seed=2)).any()


def test_both_kinds_are_known():
    assert len(MEASURE_NAMES) == len(KINDS) * 12
