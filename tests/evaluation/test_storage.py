"""Matches come back from their file as they went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from detstudy.evaluation import (
    EvaluationError,
    evaluate,
    load_ground_truth,
    load_matches,
    save_matches,
    summarize,
)


def match(document, predictions):
    truth = load_ground_truth(document)
    return evaluate(truth, predictions)[0]


def test_stored_matches_give_the_same_summary(case, tmp_path):
    document, predictions = case(6)
    truth = load_ground_truth(document)
    stored = match(document, predictions)
    save_matches(tmp_path / "matches.part", stored)
    loaded = load_matches(tmp_path / "matches.part")
    assert summarize(loaded, truth) == summarize(stored, truth)
    assert stored.keys() == loaded.keys() == {"box", "mask"}
    for kind in stored:
        for field in dataclasses.fields(stored[kind]):
            ours, theirs = getattr(stored[kind], field.name), getattr(loaded[kind], field.name)
            np.testing.assert_array_equal(ours, theirs)
            assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None)


def test_equal_matches_give_equal_bytes(case, tmp_path):
    document, predictions = case(6)
    for name in ("a.npz", "b.npz"):
        save_matches(tmp_path / name, match(document, predictions))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_was_not_matched_is_not_stored(case, tmp_path):
    document, _ = case(6)
    matches = match(document, [])
    save_matches(tmp_path / "matches.npz", {"box": matches["box"]})
    assert set(load_matches(tmp_path / "matches.npz")) == {"box"}


def test_damaged_files_are_refused(case, tmp_path):
    path = tmp_path / "matches.npz"
    with pytest.raises(EvaluationError, match="no such file"):
        load_matches(path)
    document, predictions = case(6)
    save_matches(path, match(document, predictions))
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2], whole[:200] + b"\0" * 200 + whole[400:]):
        path.write_bytes(damaged)
        with pytest.raises(EvaluationError, match="match the run's predictions again"):
            load_matches(path)
    np.savez(path, scores=np.zeros(3))
    with pytest.raises(EvaluationError, match="version"):
        load_matches(path)


def test_matches_of_the_version_before_or_without_kinds_are_refused(case, tmp_path):
    path = tmp_path / "matches.npz"
    save_matches(path, match(*case(6)))
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, "version": np.array(2)})
    with pytest.raises(EvaluationError, match="not matches of version 3"):
        load_matches(path)
    del arrays["mask/kinds"]
    np.savez(path, **arrays)
    with pytest.raises(EvaluationError, match="lacks mask/kinds"):
        load_matches(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scores", lambda array: array.astype(np.float32)),
        ("scores", lambda array: array[:, None]),
        ("ranks", lambda array: array[:-1]),
        ("matched", lambda array: array[:2]),
        ("class_starts", lambda array: array[::-1].copy()),
        ("object_starts", lambda array: array + 1),
        ("images", lambda array: array + 1000),
        ("object_images", lambda array: array - 1000),
        ("category_names", lambda array: array[:-1]),
        ("objects", lambda array: array + 1000),
        ("object_rows", lambda array: array - 1000),
        ("predictions", lambda array: -1 - array),
        ("kinds", lambda array: array + 8),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(case, tmp_path, name, change):
    path = tmp_path / "matches.npz"
    save_matches(path, match(*case(6)))
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez(path, **{**arrays, f"box/{name}": change(arrays[f"box/{name}"])})
    with pytest.raises(EvaluationError, match=f"box/{name} does not fit .* match the run's predictions again"):
        load_matches(path)
