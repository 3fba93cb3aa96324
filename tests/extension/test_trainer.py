"""A trainer of one's own, with hyperparameters of its own and none of the field's standard ones for training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from detstudy.analysis import analyse_study
from detstudy.execution import is_task_due, list_tasks
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.reporting import write_report
from detstudy.study.hyperparameter import Fraction, Hyperparameter, Proof
from detstudy.study.setting import Measure, Setting, SplitName
from detstudy.study.spec import load_study
from detstudy.study.standard import STANDARD
from detstudy.study.study import StudyError
from detstudy.testing import TrainerContract, run_here
from detstudy.trainers.contract import Job, Predicted, Trained, Trainer

HERE = Path(__file__).parent
STUDY = """\
study: keeping
trainer: {{python: "test_trainer:Keeper"}}
data: {{format: kitti_mots, root: {root}, train: [0, 1], validation: [2, 3, 4, 5, 6, 7]}}
baseline: {{share: 0.4}}
factors:
  share: [0.9]
  box_score_threshold: [0.5]
seeds: [0, 1, 2]
objective: box/AP
"""


class Keeper:
    """Predicts the objects themselves, as many of them as it was told to keep."""

    hyperparameters = (
        Hyperparameter(name="share", type=Fraction, documentation="of the objects", proof=Proof(value="share_kept")),
        Hyperparameter(name="order", type=Literal["given", "random"], default="given"),
        Hyperparameter(
            name="shuffles", type=int, default=1, needs=("order", "random"), changes="cost", costs_alike=True
        ),
        *(each for each in STANDARD if each.name == "box_score_threshold"),
    )

    def __init__(self, stuck: bool = False) -> None:
        self.stuck = stuck  # as a trainer that ignores what it is told

    def check(self, setting: Setting) -> Mapping[str, str]:
        return {"share": "0 keeps nothing; a larger one is needed"} if not setting["share"] else {}

    def prepare(self, setting: Setting) -> None:
        pass

    def train(self, job: Job) -> Trained:
        job.curve.rewind(0)
        for iteration in (1, 2, 3):
            point = {
                "kind": "train",
                "iteration": iteration,
                "images": iteration,
                "seconds": 0.1 * iteration,
                "loss": 1.0,
            }
            job.curve.append(point)
        share = 0.4 if self.stuck else job.setting["share"]
        (job.folder / "weights.txt").write_text(str(share))
        seconds = Measure(name="train/seconds", value=10 * share, unit="s")
        return Trained(outcome="finished", measures=(seconds,), effective={"share_kept": share})

    def predict(self, job: Job, split: SplitName) -> Predicted:
        share, dataset = float((job.folder / "weights.txt").read_text()), job.data()
        lines: list[dict[str, Any]] = []
        for record in dataset.splits[split]:
            for number, each in enumerate(each for each in record.annotations if not each.crowd):
                score = (37 * number + 13 * record.id + 11 * job.seed) % 101 / 101
                lines.append(
                    {
                        "image_id": record.id,
                        "category_id": dataset.category_ids[each.class_index],
                        "bbox": [float(side) for side in each.box],
                        "score": 1 - 0.6 * score,
                        "kept": score < share,
                    }
                )
        least = job.setting["box_score_threshold"]
        return Predicted(predictions=[line for line in lines if line.pop("kept") and line["score"] >= least])


class TestKeeper(TrainerContract):
    values: ClassVar[dict[str, Any]] = {"share": 0.5}

    def make_trainer(self) -> Trainer:
        return Keeper()  # type: ignore[return-value]  # it has no `probe`: its studies can't be forecast


@pytest.fixture
def study_file(tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(HERE)
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.format(root=tiny_data))
    return path


def test_a_study_of_it_runs_to_its_report(tmp_path: Path, study_file: Path) -> None:
    _, ledger = run_here(study_file, tmp_path / "out")
    assert {run.outcome for run in ledger.read_runs()} == {"finished"}
    contrast = analyse_study(ledger.folder).settings["share=0.9"].contrasts["box/AP"]
    assert contrast.verdict == "better"
    text = next(
        path for path in write_report(ledger.folder, analyse_study(ledger.folder)) if path.suffix == ".md"
    ).read_text()
    assert "share 0.9" in text
    assert "test_trainer:Keeper" in text


def test_its_folder_is_read_where_it_cannot_be_imported(tmp_path: Path, study_file: Path) -> None:
    run_here(study_file, tmp_path / "out")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for verb in (["status"], ["report"], ["compare", "share=0.9", "baseline"]):
        command = [sys.executable, "-m", "detstudy.cli", verb[0], str(tmp_path / "out"), *verb[1:], "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)


def test_what_it_ignores_gets_no_verdict(tmp_path: Path, study_file: Path) -> None:
    study_file.write_text(study_file.read_text().replace('Keeper"}', 'Keeper", options: {stuck: true}}'))
    _, ledger = run_here(study_file, tmp_path / "out")
    contrast = analyse_study(ledger.folder).settings["share=0.9"].contrasts["box/AP"]
    assert contrast.verdict is None
    text = next(
        path for path in write_report(ledger.folder, analyse_study(ledger.folder)) if path.suffix == ".md"
    ).read_text()
    assert "share 0.9: share was 0.4, not 0.9" in text


def test_a_folder_of_one_trainer_is_not_finished_for_another(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out")
    ids = {run.id for run in ledger.read_runs()}
    for other in ("trainer=torchvision", "trainer.python=detstudy.testing:SlowFakeTrainer"):
        study = load_study(path, (other,))
        known = Ledger(tmp_path / "out", study)
        tasks = list_tasks(plan_study(study), known.fingerprint)
        assert [is_task_due(known, task) for task in tasks] == [True]
        assert ids.isdisjoint(known.run_folder(task.runs[0]).name for task in tasks)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  share: [0.9]",
            "  learning_rate: [0.1]",
            "study.yaml:6: factors.learning_rate: unknown key; known keys",
        ),
        ("share: 0.4", "share: 4", "study.yaml:4: baseline.share: 4: input should be less than or equal to 1"),
        ("share: 0.4", "share: 0", "study.yaml:4: baseline.share: 0 keeps nothing"),
        ("share: [0.9]", "share: [0.9, 0]", "setting share=0: share: 0 keeps nothing"),
        (
            "share: [0.9]",
            "shuffles: [2]",
            "factors.shuffles: changes nothing unless order is random",
        ),
        (
            "test_trainer:Keeper",
            "test_trainer:Loser",
            "study.yaml:2: trainer: test_trainer:Loser: .*no attribute",
        ),
        (
            'Keeper"',
            'Keeper", options: {stuk: true}',
            "trainer: test_trainer:Keeper: .*unexpected keyword",
        ),
        (
            "seeds:",
            "when_batch_size_changes: {hold: images, learning_rate: linear}\nseeds:",
            "needs the hyperparameter b",
        ),
    ],
)
def test_what_it_refuses_is_said_at_plan(study_file: Path, old: str, new: str, message: str) -> None:
    text = study_file.read_text()
    assert old in text
    study_file.write_text(text.replace(old, new))
    with pytest.raises(StudyError, match=message):
        plan_study(load_study(study_file))
