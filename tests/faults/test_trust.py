"""Nothing that is read is executed, nothing leads out of the study's folder, and no secret is written down."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from detstudy.evaluation import EvaluationError, load_matches
from detstudy.execution.provenance import describe_machine
from detstudy.ledger import Ledger
from detstudy.spec import load_study
from detstudy.study import StudyError

STUDY = """\
study: %s
data:
  format: coco
  root: .
  train: {annotations: train.json, images: train}
  validation: {annotations: val.json, images: val}
model: {name: compact}
baseline: {learning_rate: 0.004, batch_size: 4, iterations: 40}
factors: {}
"""


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(tmp_path):
    """A trap, which is shown to work, and the place where it would leave its mark."""
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Trap(mark)))
    mark.rmdir()
    return Trap(mark)


def write_traps(folder: Path, trap: Trap, *, legacy: bool) -> Path:
    import torch

    path = folder / "checkpoint-00000003.pt"
    torch.save({"a": torch.ones(2), "b": trap}, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_execute_nothing(tmp_path, trap, legacy):
    from detstudy.training.weights import WeightsError, read_weights

    with pytest.raises(WeightsError, match=r"can't be read .* save a state dict with torch.save"):
        read_weights(write_traps(tmp_path, trap, legacy=legacy))
    assert not trap.path.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoints_execute_nothing(tmp_path, trap, legacy):
    from detstudy.training.checkpoint import read_checkpoint

    write_traps(tmp_path, trap, legacy=legacy)
    assert read_checkpoint(tmp_path) is None
    assert not trap.path.exists()


def test_a_plain_pickle_is_no_weights(tmp_path, trap):
    from detstudy.training.weights import WeightsError, read_weights

    (tmp_path / "weights.pt").write_bytes(pickle.dumps(trap))
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "weights.pt")
    assert not trap.path.exists()


def test_matches_execute_nothing(tmp_path, trap):
    array = np.empty(1, dtype=object)
    array[0] = trap
    np.save(tmp_path / "version.npy", array, allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "matches.npz", "w") as archive:
        archive.write(tmp_path / "version.npy", "version.npy")
    with pytest.raises(EvaluationError, match="match the run's predictions again"):
        load_matches(tmp_path / "matches.npz")
    assert not trap.path.exists()


@pytest.mark.parametrize(
    "name", ["../../x", "..", "/etc/x", "a/b", "a\\\\b", ".hidden", '"a\\nb"', '"a\\0b"', "<b>", "~", '"\\e[2J"']
)
def test_a_study_can_have_no_name_that_is_a_path(tmp_path, name):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY % name)
    with pytest.raises(StudyError, match="study"):
        load_study(path)


def test_the_gallery_reads_from_its_own_folder_alone(tmp_path):
    ledger = Ledger(tmp_path / "study")
    ledger.store_gallery([(1, "a.png", 1.0, b"jpeg")])
    (tmp_path / "secret").write_text("secret")
    index = tmp_path / "study" / "gallery" / "index.json"
    (row,) = json.loads(index.read_text())["images"]
    for file in ("../../secret", str(tmp_path / "secret"), "..", "a\0b", ""):
        index.write_text(json.dumps({"images": [{**row, "file": file, "sum": None}]}))
        assert ledger.read_gallery() == []
    index.write_text(json.dumps({"images": [row]}))
    assert len(ledger.read_gallery()) == 1


def test_provenance_holds_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush-hush-1234")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush-hush-1234@proxy")
    told = json.dumps(describe_machine("cpu", 1))
    assert "hush-hush-1234" not in told
    assert "SECRET_TOKEN" not in told


EXECUTING = ("pickle.load", "allow_pickle=True", "weights_only=False", 'YAML(typ="unsafe")', " eval(", " exec(")


def test_no_module_reads_by_executing():
    for path in Path(load_study.__code__.co_filename).parent.rglob("*.py"):
        text = path.read_text()
        assert [name for name in EXECUTING if name in text] == [], path.name
        assert text.count("torch.load(") == 0 or "weights_only=True" in text, path.name
