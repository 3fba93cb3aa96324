"""The command line as its users and their scripts know it: verbs, JSON, exit status, errors."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detstudy.testing import draw_tiny_data, run_here, write_tiny_study

FAKE = "detstudy.testing:FakeTrainer"


def detstudy(*arguments: object, expected: int = 0) -> str:
    command = [sys.executable, "-m", "detstudy.cli", *map(str, arguments)]
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", COLUMNS="200")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == expected, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if expected == 2 and "--json" not in arguments else done.stdout


def ask(*arguments: object, expected: int = 0) -> Any:
    return json.loads(detstudy(*arguments, "--json", expected=expected))


def test_a_study_from_plan_to_comparison(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, out = tiny_study(), tmp_path / "out"

    planned = ask("plan", study, "--out", out)["runs"]
    assert {run["state"] for run in planned} == {"planned"}

    ran = ask("run", study, "--out", out, "--set", f"trainer.python={FAKE}")
    assert [run["id"] for run in ran["runs"]] == [run["id"] for run in planned]
    assert {Path(file).name for file in ran["files"]} == {"report.html", "report.md"}
    assert all((out / "runs" / run["id"]).is_dir() for run in ran["runs"])
    by_setting = {run["setting_id"]: run for run in ran["runs"] if run["seed"] == 0}
    assert by_setting["batch_size=16"]["outcome"] == "out_of_memory"
    assert by_setting["batch_size=16"]["setting"]["batch_size"] == 16
    assert by_setting["baseline"]["measures"]["mask/AP"] > 0

    (tmp_path / "elsewhere").mkdir()
    moved = out.rename(tmp_path / "elsewhere" / "study")
    assert ask("status", moved)["seconds_left"] == 0
    assert "4 finished, 1 diverged, 1 out of memory" in detstudy("status", moved)
    compared = ask("compare", moved, "learning_rate=0.04", "baseline")
    assert compared["measures"]["mask/AP"]["verdict"] == "worse"
    assert compared["seeds"] == [1, 3]
    assert compared["units"] == "6 sequences"
    assert "worse" in detstudy("compare", moved, "learning_rate=0.04", "baseline").lower()
    message = detstudy("compare", moved, "learning_rat=0.04", "baseline", expected=2)
    assert "learning_rate=0.04" in message  # the nearest name

    truth = moved / "ground_truth" / "validation.json"
    results = [next(moved.glob(f"runs/*lr{rate}-b4*--s0--*/evaluations/*/predictions.json")) for rate in (0.004, 0.04)]
    assert ask("evaluate", truth, results[0])["measures"]["box/AP"] == by_setting["baseline"]["measures"]["box/AP"]
    assert "box/AP50" in detstudy("evaluate", truth, results[0])
    difference = ask("compare", "--gt", truth, *results)
    assert difference["measures"]["mask/AP"]["difference"] > 0
    assert difference["measures"]["mask/AP"]["verdict"] is None
    assert "seed noise unknown" in difference["measures"]["mask/AP"]["reason"]


def test_the_report_needs_no_data_set(tmp_path: Path) -> None:
    data = draw_tiny_data(tmp_path / "data")
    run_here(write_tiny_study(tmp_path, data, factors={}), tmp_path / "out")
    data.rename(tmp_path / "gone")
    files = ask("report", tmp_path / "out")["files"]
    assert all(Path(file).stat().st_size > 1000 for file in files)


def test_data_is_drawn_and_checked(tmp_path: Path) -> None:
    sizes = ["--train-sequences", 1, "--validation-sequences", 1, "--frames", 2, "--width", 160, "--height", 64]
    drawn = ask("data", "draw", tmp_path / "scenes", *sizes)
    assert all(Path(file).exists() for file in drawn["files"])
    checked = ask("data", "check", tmp_path / "scenes")
    assert sum(split["images"] for split in checked["splits"].values()) == 4
    assert not [fault for fault in checked["faults"] if fault["fatal"]]
    (tmp_path / "scenes" / "training" / "image_02" / "0000" / "000001.png").write_bytes(b"")
    checked = ask("data", "check", tmp_path / "scenes", expected=2)
    (fault,) = [fault for fault in checked["faults"] if fault["fatal"]]
    assert "000001.png" in fault["where"] + fault["message"]


def test_wrong_input_is_one_clear_error_and_starts_nothing(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, out = tiny_study(), tmp_path / "out"
    assert "did you mean batch_size?" in detstudy("plan", study, "--set", "baseline.batch_siz=3", expected=2)
    assert "no such study file" in detstudy("run", tmp_path / "none.yaml", expected=2)
    message = detstudy("run", study, "--out", out, "--set", f"data.root={tmp_path / 'nowhere'}", expected=2)
    assert "nowhere" in message
    assert "no study here" in detstudy("report", tmp_path / "empty", expected=2)
    assert "trainer: nowhere:Trainer: No module named" in detstudy(
        "run", study, "--out", out, "--set", "trainer.python=nowhere:Trainer", expected=2
    )
    wrong = detstudy("run", study, "--out", out, "--set", "model.anchor_sizes=[[8]]", expected=2)
    assert wrong.endswith("--set model.anchor_sizes: model.anchor_sizes: 1 levels, but compact has 3: give 3 lists\n")
    assert "--workers" in detstudy("run", study, "--out", out, "--workers", 10**12, expected=2)
    assert not list(out.glob("runs/*/run.json"))


def test_an_empty_study_file_of_the_baseline_alone_plans_without_data(tmp_path: Path) -> None:
    study = Path(__file__).parents[1] / "studies" / "kitti_mots_r50.yaml"
    runs = ask("plan", study, "--set", "factors={}", "--out", tmp_path)["runs"]
    assert [run["setting_id"] for run in runs] == ["baseline"] * 3
    assert all(run["id"].endswith("--unknown") for run in runs)


def test_a_run_that_crashes_for_good_is_status_3(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: Callable[[str], None]
) -> None:
    write_trainers(
        "from detstudy.testing import FakeTrainer\n"
        "class Broken(FakeTrainer):\n"
        "    def train(self, job): raise OSError('no space')\n"
    )
    study = tiny_study(factors={}, baseline_seeds=[0])
    (run,) = ask("run", study, "--out", tmp_path / "out", "--set", "trainer.python=trainers:Broken", expected=3)["runs"]
    assert run["outcome"] == "crashed"
    assert run["reason"] == "OSError: no space (see log.txt)"


def test_ctrl_c_keeps_everything(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "detstudy.cli", "run", str(tiny_study()), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--set", "trainer.python=detstudy.testing:SlowFakeTrainer"], stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(out.glob("runs/*/curves.jsonl")):
        pass
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "everything that ended is kept" in printed


def test_the_test_split_is_evaluated_for_the_choice_and_the_baseline_only(tmp_path: Path, tiny_data: Path) -> None:
    data = {"format": "kitti_mots", "root": str(tiny_data), "train": [0, 1], "validation": [2, 3, 4, 5], "test": [6, 7]}
    study = write_tiny_study(tmp_path, tiny_data, factors={"learning_rate": [0.04]})
    sets = [f"--set=data={json.dumps(data)}"]
    ask("run", study, "--out", tmp_path / "out", "--set", f"trainer.python={FAKE}", *sets)
    report = (tmp_path / "out" / "report.md").read_text()
    assert re.search(
        r"test split, opened once \([0-9-]{10} for baseline\), so that it picked nothing, mask AP is: b", report
    )
    evaluated = {path.parts[-3] for path in tmp_path.glob("out/runs/*/evaluations/*--test")}
    assert len(evaluated) == 3
    assert not any("lr0.04" in name for name in evaluated)


def test_the_test_split_stays_sealed_for_levels_that_are_added_later(tmp_path: Path, tiny_data: Path) -> None:
    data = {"format": "kitti_mots", "root": str(tiny_data), "train": [0, 1], "validation": [2, 3, 4, 5], "test": [6, 7]}
    study, out = write_tiny_study(tmp_path, tiny_data), tmp_path / "out"
    sets = [f"--set=data={json.dumps(data)}", "--set=baseline.learning_rate=0.1"]
    common = ("run", study, "--out", out, "--set", f"trainer.python={FAKE}", *sets)
    wider = (*common, "--set=factors={learning_rate: [0.02, 0.004]}")

    def list_tested() -> list[str]:
        found = {path.parts[-3] for path in out.glob("runs/*/evaluations/*--test")}
        return sorted({re.findall(r"lr([0-9.]+)-b", name)[0] for name in found})

    detstudy(*common, "--set=factors={learning_rate: [0.02]}")
    assert list_tested() == ["0.02", "0.1"]
    assert "stays closed for the choice now, learning_rate=0.004" in detstudy(*wider)
    assert list_tested() == ["0.02", "0.1"]
    report = (out / "report.md").read_text()
    assert "The choice, learning rate 0.004, was not among them" in report
    detstudy(*wider, "--open-test-again")
    assert list_tested() == ["0.004", "0.02", "0.1"]
    detstudy(*wider, "--open-test-again")  # there is nothing else to see
    report = (out / "report.md").read_text()
    assert "opened 2 times" in report
    assert "picked nothing" not in report
    openings = [json.loads(path.read_text()) for path in sorted(out.glob("openings/*.json"))]
    assert [opening["settings"] for opening in openings] == [
        ["baseline", "learning_rate=0.02"],
        ["baseline", "learning_rate=0.004"],
    ]
    assert all("@" in opening["by"] and opening["at"] for opening in openings)
