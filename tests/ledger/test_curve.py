"""Curves: kept through a crash, rewound to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from detstudy.ledger import CurveFile, read_curve
from detstudy.ledger.curve import count_damaged_lines


def test_points_come_back_in_order(tmp_path: Path) -> None:
    curve = CurveFile(tmp_path / "curves.jsonl")
    for iteration in (5, 10, 15):
        curve.append({"kind": "train", "iteration": iteration, "loss": 1 / iteration})
    curve.rewind(10)
    curve.append({"kind": "train", "iteration": 12, "loss": 0.0})
    assert [point.iteration for point in read_curve(curve.path)] == [5, 10, 12]


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    curve = CurveFile(tmp_path / "curves.jsonl")
    curve.append({"kind": "train", "iteration": 5})
    with curve.path.open("ab") as file:
        file.write(b'{"kind": "train", "iter\xff')
    assert len(read_curve(curve.path)) == 1
    curve.rewind(5)
    curve.append({"kind": "train", "iteration": 10})
    assert len(read_curve(curve.path)) == 2


def test_an_undefined_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        CurveFile(tmp_path / "curves.jsonl").append({"iteration": 1, "loss": float("nan")})


def test_no_curve_is_no_points(tmp_path: Path) -> None:
    assert read_curve(tmp_path / "none.jsonl") == []


def test_a_changed_digit_is_noticed_and_stays_noticed(tmp_path: Path) -> None:
    curve = CurveFile(tmp_path / "curves.jsonl")
    for iteration in (5, 10, 15):
        curve.append({"iteration": iteration, "loss": 0.5})
    curve.path.write_bytes(curve.path.read_bytes().replace(b"0.5", b"0.7", 1))
    assert [point.iteration for point in read_curve(curve.path)] == [10, 15]
    curve.rewind(10)
    assert [point.iteration for point in read_curve(curve.path)] == [10]
    assert count_damaged_lines(curve.path) == 1
