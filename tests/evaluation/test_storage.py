"""Matches come back from their file as they went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from detstudy.evaluation import EvaluationError, evaluate, load_ground_truth, load_matches, save_matches, summarize


def test_stored_matches_give_the_same_summary(case, tmp_path):
    document, predictions = case(6)
    truth = load_ground_truth(document)
    matches, summary = evaluate(truth, predictions)
    save_matches(tmp_path / "matches.part", matches)
    loaded = load_matches(tmp_path / "matches.part")
    assert summarize(loaded, truth) == summary
    for kind in matches:
        for field in dataclasses.fields(matches[kind]):
            ours, theirs = getattr(matches[kind], field.name), getattr(loaded[kind], field.name)
            np.testing.assert_array_equal(ours, theirs)
            assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None)


def test_equal_matches_give_equal_bytes(case, tmp_path):
    document, predictions = case(6)
    for name in ("a.npz", "b.npz"):
        save_matches(tmp_path / name, evaluate(load_ground_truth(document), predictions)[0])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_was_not_matched_is_not_stored(case, tmp_path):
    document, _ = case(6)
    matches, _ = evaluate(load_ground_truth(document), [])
    save_matches(tmp_path / "matches.npz", {"box": matches["box"]})
    assert set(load_matches(tmp_path / "matches.npz")) == {"box"}


def test_damaged_files_are_refused(case, tmp_path):
    path = tmp_path / "matches.npz"
    with pytest.raises(EvaluationError, match="no such file"):
        load_matches(path)
    document, predictions = case(6)
    save_matches(path, evaluate(load_ground_truth(document), predictions)[0])
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2], whole[:200] + b"\0" * 200 + whole[400:]):
        path.write_bytes(damaged)
        with pytest.raises(EvaluationError, match="evaluate the run's predictions again"):
            load_matches(path)
    np.savez(path, scores=np.zeros(3))
    with pytest.raises(EvaluationError, match="version"):
        load_matches(path)
