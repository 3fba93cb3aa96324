"""A folder of version 0.1 gives the numbers that 0.1 gave; one of a newer version is refused and stays as it is."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detstudy import open_study
from detstudy.cli import EXIT_WRONG, main
from detstudy.ledger import Ledger, NewerFormatError
from detstudy.ledger.codec import FORMAT
from detstudy.study.spec import load_study
from detstudy.testing import run_here

OLD = Path(__file__).parent / "fixtures" / "v0.1"
"""A tiny study that version 0.1 ran, and what its `status` and `compare` then said."""

Answer = Callable[..., Any]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Return a function that runs a verb with --json in this process and returns what it says."""

    def run(*arguments: object) -> Any:
        monkeypatch.setattr(sys, "argv", ["detstudy", *map(str, arguments), "--json"])
        with contextlib.suppress(SystemExit):
            main()
        return json.loads(capsys.readouterr().out)

    return run


def test_runs_of_version_0_1_are_as_it_said(answer: Answer) -> None:
    then, now = json.loads((OLD / "status.json").read_text()), answer("status", OLD / "study")
    assert len(now["runs"]) == len(then["runs"]) == 7
    for old, new in zip(then["runs"], now["runs"], strict=True):
        for key in (
            "id",
            "setting_id",
            "setting",
            "seed",
            "state",
            "outcome",
            "reason",
            "again",
            "measures",
            "earlier",
        ):
            assert new[key] == old[key], f"{key} of {old['id']}"


@pytest.mark.parametrize("path", sorted((OLD / "compare").iterdir()), ids=lambda path: path.stem)
def test_comparisons_of_version_0_1_have_the_same_numbers_and_verdicts(answer: Answer, path: Path) -> None:
    then, now = json.loads(path.read_text()), answer("compare", OLD / "study", path.stem, "baseline")
    assert now["measures"].keys() == then["measures"].keys()
    for name, old in then["measures"].items():
        for key in ("a", "b", "difference", "low", "high", "p", "verdict"):
            assert now["measures"][name][key] == old[key], f"{key} of {name}"


def test_a_report_of_version_0_1_is_made_and_changes_none_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(OLD / "study", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    open_study(folder).write_report()
    page = (folder / "report.md").read_text()
    assert "| baseline | 42.8 ± 1.8 | 34.0 ± 2.8 |" in page
    assert "KeyError: 'x' (see log.txt)" in page  # an attempt
    assert "out of memory at 11.2 GiB, batch of 8" in page
    assert {path: path.read_bytes() for path in before} == before


def newer(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format_version": FORMAT + 1, "checksum": "of another kind"}))


@pytest.mark.parametrize("name", ["data.json", "gallery/index.json", "runs/*/result.json", "runs/*/run.json"])
def test_a_newer_format_is_refused_and_never_written_over(tmp_path: Path, tiny_study: Any, name: str) -> None:
    study = tiny_study(factors={}, baseline_seeds=[0], gallery_images=1)
    _, ledger = run_here(study, tmp_path / "out")
    (path,) = ledger.folder.glob(name)
    newer(path)
    content = path.read_bytes()
    for act in (lambda: run_here(study, tmp_path / "out"), lambda: open_study(ledger.folder).write_report()):
        with pytest.raises(NewerFormatError, match=f"{path.name}: has format version {FORMAT + 1}, .* install a newer"):
            act()
    assert path.read_bytes() == content


def test_the_command_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(OLD / "study", folder)
    newer(next(folder.glob("runs/*/result.json")))
    monkeypatch.setattr(sys, "argv", ["detstudy", "status", str(folder)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == EXIT_WRONG
    assert "install a newer detstudy" in capsys.readouterr().err


def test_every_file_says_its_format(tmp_path: Path, tiny_study: Any) -> None:
    _, ledger = run_here(tiny_study(factors={}, baseline_seeds=[0], gallery_images=1), tmp_path / "out")
    files = [path for path in ledger.folder.rglob("*.json") if path.name != "predictions.json"]  # COCO's, a list
    assert len(files) >= 6
    assert {json.loads(path.read_text())["format_version"] for path in files} == {FORMAT}
    (curve,) = ledger.folder.glob("runs/*/curves.jsonl")
    assert {json.loads(line)["format_version"] for line in curve.read_text().splitlines()} == {FORMAT}
    assert load_study(ledger.folder / "study.yaml").name == Ledger(ledger.folder).load_study().name
