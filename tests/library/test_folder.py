"""A study's folder as pandas frames, against what the command line says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import detstudy
from detstudy.ledger import CurveFile
from detstudy.testing import draw_tiny_data, run_here, write_tiny_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study")
    data = draw_tiny_data(place / "data")
    run_here(write_tiny_study(place, data), place / "out")
    data.rename(place / "gone")  # reading needs no data set
    return place / "out"


def test_runs_have_their_outcome_and_their_setting(folder: Path) -> None:
    runs = detstudy.open_study(folder).runs()
    assert list(runs.columns[:6]) == ["id", "setting_id", "seed", "state", "outcome", "reason"]
    assert runs.outcome.value_counts().to_dict() == {"finished": 4, "diverged": 1, "out_of_memory": 1}
    assert runs[runs.setting_id == "batch_size=16"].batch_size.tolist() == [16]
    assert runs[runs.setting_id == "baseline"].seed.tolist() == [0, 1, 2]
    assert all((folder / "runs" / id_).is_dir() for id_ in runs.id)


def test_measures_are_those_of_the_analysis(folder: Path) -> None:
    study = detstudy.open_study(folder)
    measures = study.measures()
    means = measures[measures.measure == "mask/AP"].groupby("setting_id").value.mean()
    spread = study.analysis.settings["baseline"].measures["mask/AP"]
    assert means["baseline"] == pytest.approx(spread.mean, abs=1e-12)
    missing = measures[(measures.measure == "box/APl") & measures.value.isna()]
    assert missing.reason.str.startswith("no ").all()


def test_curves_are_what_was_logged(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    record = detstudy.open_study(copy).records[0]
    point = {"kind": "validation", "iteration": 20, "images": 80, "seconds": 2.5, "loss": 0.75}
    CurveFile(record.folder / "curves.jsonl").append({**point, "measures": {"mask/AP": 12.5, "box/APl": None}})
    curves = detstudy.open_study(copy).curves()
    of_run = curves[(curves.setting_id == record.setting_id) & (curves.seed == record.seed)]
    train = of_run[of_run.kind == "train"]
    assert train.iteration.tolist() == sorted(train.iteration)
    assert train.loss.iloc[-1] < train.loss.iloc[0]
    last = of_run.iloc[-1]
    assert (last.iteration, last.seconds, last.loss, last["mask/AP"]) == (20, 2.5, 0.75, 12.5)
    assert curves.set_index("id").loc[record.id]["mask/AP"].notna().sum() == 1


def test_contrasts_are_those_of_compare(folder: Path) -> None:
    contrasts = detstudy.open_study(folder).contrasts().set_index(["setting_id", "measure"])
    row = contrasts.loc["learning_rate=0.04", "mask/AP"]
    compared = detstudy.compare("learning_rate=0.04", "baseline", study=folder)["mask/AP"]
    assert (row.difference, row.low, row.high, row.verdict) == (
        compared.estimate,
        compared.low,
        compared.high,
        compared.verdict,
    )
    assert row.difference == row.a - row.b
    assert pd.isna(contrasts.loc["batch_size=16", "mask/AP"].verdict)
    assert contrasts.loc["batch_size=16", "mask/AP"].reason


def test_frames_are_the_callers_and_a_folder_is_a_snapshot(folder: Path) -> None:
    study = detstudy.open_study(folder)
    first = study.measures()
    first["value"] = 0.0
    assert (study.measures().value != 0).any()
    pd.testing.assert_frame_equal(study.measures(), detstudy.open_study(folder).measures())


def test_a_folder_without_runs_gives_empty_answers(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    from detstudy.execution import prepare_ledger
    from detstudy.ledger import Ledger

    prepare_ledger(detstudy.load_study(tiny_study()), Ledger(tmp_path / "out"))
    study = detstudy.open_study(tmp_path / "out")
    assert set(study.runs().state) == {"planned"}
    assert study.measures().empty
    assert study.curves().empty
    assert study.stopped is None


def test_what_is_no_folder_of_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(detstudy.InputError, match="no study here"):
        detstudy.open_study(tmp_path)


def test_the_other_questions_are_asked_of_files(folder: Path, tmp_path: Path) -> None:
    truth = folder / "ground_truth" / "validation.json"
    paths = sorted(folder.glob("runs/*/evaluations/*/predictions.json"))[:2]
    summary = detstudy.evaluate(truth, paths[0])
    assert set(summary.measures) >= {"box/AP", "mask/APs"}
    contrast = detstudy.compare(paths[0], paths[1], ground_truth=truth)["box/AP"]
    assert contrast.estimate == summary.measures["box/AP"] - detstudy.evaluate(truth, paths[1]).measures["box/AP"]
    assert detstudy.check_data(truth, images=False).faults == ()
    (tmp_path / "table.csv").write_text("learning rate,AP\n0.01,39.3\n0.02,39.3\n")
    assert detstudy.audit(tmp_path / "table.csv").rows == 2


def test_a_study_is_checked_by_its_file_or_itself(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study()
    seen: list[Any] = []
    by_file = detstudy.check_data(str(path), images=False, progress=lambda *told: seen.append(told))
    assert seen
    assert by_file == detstudy.check_data(detstudy.load_study(path), images=False)
    assert set(by_file.splits) == {"train", "validation"}
