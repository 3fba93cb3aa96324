"""A study where every run of a factor failed still analyses and reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from detstudy.analysis import analyse_study
from detstudy.reporting import write_report
from detstudy.testing import run_here


def test_a_factor_without_a_single_finished_run(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study = tiny_study(factors={"learning_rate": [1.0, 2.0], "batch_size": [16]}, baseline_seeds=[0, 1])
    run_here(study, tmp_path / "out")
    analysis = analyse_study(tmp_path / "out")
    outcomes = {name: set(summary.outcomes) for name, summary in analysis.settings.items()}
    assert outcomes == {
        "baseline": {"finished"},
        "learning_rate=1": {"diverged"},
        "learning_rate=2": {"diverged"},
        "batch_size=16": {"out_of_memory"},
    }
    assert analysis.choice is not None
    assert analysis.choice.setting_id == "baseline"
    failed = [summary.contrasts["mask/AP"] for name, summary in analysis.settings.items() if name != "baseline"]
    assert all(contrast.verdict is None and contrast.estimate is None for contrast in failed)
    _, markdown = (path.read_text() for path in sorted(write_report(tmp_path / "out", analysis)))
    assert "loss was nan at iteration 3" in markdown
    assert "out of memory at 11.2 GiB" in markdown


def test_a_study_without_a_single_finished_run(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    baseline = {"learning_rate": 2.0, "batch_size": 4, "iterations": 20, "optimizer": "adamw"}
    study = tiny_study(baseline=baseline, factors={"batch_size": [16]})
    run_here(study, tmp_path / "out")
    analysis = analyse_study(tmp_path / "out")
    assert analysis.choice is None
    assert not any(summary.seeds_finished for summary in analysis.settings.values())
    assert all(path.stat().st_size > 1000 for path in write_report(tmp_path / "out", analysis))


def test_a_grid_with_a_failed_row(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    factors = {"learning_rate": [0.004, 0.04], "batch_size": [4, 16]}
    run_here(tiny_study(factors=factors, design="grid", seeds=[0, 1]), tmp_path / "out")
    analysis = analyse_study(tmp_path / "out")
    assert {name for name, summary in analysis.settings.items() if not summary.seeds_finished} == {
        "batch_size=16",
        "batch_size=16,learning_rate=0.04",
    }
    assert analysis.choice is not None
