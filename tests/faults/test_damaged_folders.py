"""A study's folder with damage in any of its files is reported, or refused in words, and never changed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from harness.folders import damage_folder, hash_files, make_folder, play_damage, run_verb

ROUNDS = 12  # about a second each; any number from another script, see play_damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("whole") / "study")


def test_a_sound_folder_holds_every_kind_of_file_and_is_read_by_every_verb(whole: Path) -> None:
    before = hash_files(whole)
    names = {Path(name).name for name in before}
    assert names >= {"study.yaml", "planned.yaml", "data.json", "validation.json", "index.json", "00.jpg"}
    assert names >= {"run.json", "curves.jsonl", "result.json", "predictions.json", "matches.npz", "a-driver.json"}
    for verb in (["report"], ["status"], ["compare", "batch_size=16", "baseline"]):
        assert run_verb([verb[0], str(whole), *verb[1:]], drawn=True) == (0, "")
    assert hash_files(whole) == before
    assert "16 as 2 × 8" in (whole / "report.html").read_text()


def test_damage_is_reported_or_refused_and_nothing_is_changed(whole: Path, tmp_path: Path) -> None:
    readings = [play_damage(whole, tmp_path / "copy", seed) for seed in range(ROUNDS)]
    assert [complaint for reading in readings for complaint in reading.complaints] == []
    assert {reading.statuses["report"] for reading in readings} == {0, 2}


def test_a_traceback_and_a_changed_file_are_complaints(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(folder: Path) -> None:
        (folder / "study.yaml").write_text("study: x\n")
        raise KeyError("x")

    monkeypatch.setattr("detstudy.library.folder.analyse_study", spoil)
    found = play_damage(whole, tmp_path / "copy", 1).complaints
    assert any(complaint.endswith("KeyError: 'x'\n") for complaint in found)
    assert any(complaint.endswith("study.yaml was changed") for complaint in found)


def test_the_same_seed_makes_the_same_damage(whole: Path, tmp_path: Path) -> None:
    import shutil

    made = []
    for name in ("a", "b"):
        shutil.copytree(whole, tmp_path / name / "study")
        generator = random.Random(3)
        made.append([damage_folder(tmp_path / name / "study", generator) for _ in range(5)])
    assert made[0] == made[1]
    assert hash_files(tmp_path / "a") == hash_files(tmp_path / "b") != hash_files(whole)
