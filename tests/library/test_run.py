"""A study run by calls: what is missing is run, once, and its folder answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import detstudy
from detstudy.library.run import choose_devices


def test_a_study_is_run_asked_and_gone_on_with(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study = detstudy.load_study(tiny_study(factors={"learning_rate": [0.004, 0.04]}, budget={"runs": 2}))
    assert len(detstudy.plan_study(study).runs) == 4
    folder = detstudy.run_study(study, tmp_path / "out", workers=2)
    assert folder.runs().outcome.notna().sum() == 2
    assert folder.stopped is not None
    assert "--set budget.runs=4" in folder.stopped

    study = detstudy.load_study(tmp_path / "study.yaml", ("budget.runs=null",))
    before = {path: path.read_bytes() for path in (tmp_path / "out").glob("runs/*/result.json")}
    folder = detstudy.run_study(study, tmp_path / "out", workers=2)
    assert folder.runs().outcome.tolist() == ["finished"] * 4
    assert folder.stopped is None
    assert len(before) == 2
    assert all(path.read_bytes() == content for path, content in before.items())
    assert [path.name for path in folder.write_report()] == ["report.html", "report.md"]


def test_what_is_wrong_is_refused_before_anything_starts(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study = detstudy.load_study(tiny_study(), (f"data.root={tmp_path / 'nowhere'}",))
    with pytest.raises(detstudy.InputError, match="nowhere"):
        detstudy.run_study(study, tmp_path / "out")
    assert not (tmp_path / "out" / "runs").exists()


def test_warnings_without_a_console_are_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detstudy.library.run.list_gpus", lambda: None)
    told: list[str] = []
    assert choose_devices(3, told.append) == ["cpu"] * 3
    assert "nvidia-smi gives no answer" in told[0]
    monkeypatch.setattr("detstudy.library.run.list_gpus", lambda: ["cuda:0", "cuda:1"])
    assert choose_devices(3, told.append) == ["cuda:0", "cuda:1", "cuda:0"]
    assert choose_devices(None, told.append) == ["cuda:0", "cuda:1"]
