"""A data format of one's own: boxes in a CSV file. Nothing of detstudy is changed for it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from detstudy.analysis import analyse_study
from detstudy.data import Annotation, Dataset, ImageRecord
from detstudy.data.faults import Place, Progress, Report
from detstudy.data.formats.contract import DataFormat
from detstudy.data.masks import rasterize_polygons
from detstudy.errors import InputError
from detstudy.execution import prepare_ledger
from detstudy.ledger import Ledger
from detstudy.reporting import write_report
from detstudy.study.setting import SplitName
from detstudy.study.spec import load_study
from detstudy.testing import DataFormatContract, run_here, write_tiny_study

HERE = Path(__file__).parent
HEIGHT, WIDTH = 64, 160


@dataclass(frozen=True)
class BoxTable:
    """`boxes.csv` with lines split, image, class, x, y, width, height; images beside it, named by their numbers."""

    root: str
    classes: list[str] = field(default_factory=lambda: ["car"])

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("classes: name one at least")

    def parse(self, report: Report, *, images: bool, masks: bool, progress: Progress) -> Dataset:
        splits: dict[SplitName, dict[int, list[Annotation]]] = {"train": {}, "validation": {}}
        path = Path(self.root) / "boxes.csv"
        try:
            lines = list(csv.reader(path.read_text().splitlines()))
        except OSError:
            Place(str(path), report).refuse("missing_file", "the table is not there; put it there.")
            lines = []
        for number, line in enumerate(lines, start=1):
            place = Place(f"{path}: line {number}", report)
            try:
                split, image, name, *box = line
                x, y, w, h = map(float, box)
                index = self.classes.index(name)
                mask = rasterize_polygons([[x, y, x + w, y, x + w, y + h, x, y + h]], HEIGHT, WIDTH)
                note = Annotation(number, index, (x, y, w, h), w * h, mask, crowd=False)
                splits[cast(SplitName, split)].setdefault(int(image), []).append(note)
            except (ValueError, KeyError):
                place.refuse("bad_line", "split,image,class,x,y,width,height is needed, of a class in data.classes.")
        return Dataset(
            tuple(self.classes),
            tuple(range(1, len(self.classes) + 1)),
            {
                split: tuple(
                    ImageRecord(
                        image,
                        Path(self.root) / f"{image}.png",
                        f"{image}.png",
                        WIDTH,
                        HEIGHT,
                        None,
                        tuple(found[image]),
                    )
                    for image in sorted(found)
                )
                for split, found in splits.items()
            },
        )

    def list_sources(self) -> Iterable[Path]:
        return [Path(self.root) / "boxes.csv"]


def write_table(folder: Path) -> None:
    rng = np.random.default_rng(3)
    lines = []
    for image in range(1, 13):
        split = "train" if image < 4 else "validation"
        assert cv2.imwrite(str(folder / f"{image}.png"), rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        for _ in range(3):
            x, y = rng.integers(0, 100), rng.integers(0, 30)
            lines.append(f"{split},{image},car,{x},{y},{rng.integers(10, 50)},{rng.integers(8, 30)}")
    (folder / "boxes.csv").write_text("\n".join(lines))


class TestBoxTable(DataFormatContract):
    def write_data(self, folder: Path) -> DataFormat:
        write_table(folder)
        return BoxTable(root=str(folder))


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(HERE)
    (tmp_path / "table").mkdir()
    write_table(tmp_path / "table")
    return write(tmp_path)


def write(folder: Path, **keys: Any) -> Path:
    data = {"format": {"python": "test_data_format:BoxTable"}, "root": str(folder / "table"), **keys}
    return write_tiny_study(folder, data, factors={"learning_rate": [0.04, 0.004]}, baseline_seeds=[0, 1])


def test_a_study_on_it_runs_to_its_report(tmp_path: Path, study_file: Path) -> None:
    _, ledger = run_here(study_file, tmp_path / "out")
    assert {record.outcome for record in ledger.read_runs()} == {"finished"}
    page, _ = write_report(ledger.folder, analyse_study(ledger.folder))
    assert "learning_rate" in page.read_text()
    assert ledger.data.format == "test_data_format:BoxTable"


def test_its_folder_is_read_without_its_code(tmp_path: Path, study_file: Path) -> None:
    run_here(study_file, tmp_path / "out")
    command = [sys.executable, "-m", "detstudy.cli", "status", str(tmp_path / "out"), "--json"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert {run["outcome"] for run in json.loads(done.stdout)["runs"]} == {"finished"}


def test_keys_that_the_class_does_not_take_are_named(tmp_path: Path, study_file: Path) -> None:
    for keys, message in (({"clases": ["car"]}, "unexpected keyword argument 'clases'"), ({"classes": []}, "name one")):
        with pytest.raises(InputError, match=f"data.format: test_data_format:BoxTable: .*{message}"):
            prepare_ledger(load_study(write(tmp_path, **keys)), Ledger(tmp_path / "out"))


def test_a_fault_that_it_reports_stops_the_study_before_it_begins(tmp_path: Path, study_file: Path) -> None:
    path = tmp_path / "table" / "boxes.csv"
    path.write_text(path.read_text() + "\ntrain,1,lorry,0,0,9,9")
    with pytest.raises(InputError, match=r"line 37: .* of a class in data.classes"):
        prepare_ledger(load_study(study_file), Ledger(tmp_path / "out"))
