"""A hyperparameter more, of a trainer derived from another: its declaration and its use, and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import pytest

from detstudy.analysis import analyse_study
from detstudy.plan import identify_cost
from detstudy.reporting import write_report
from detstudy.study.hyperparameter import Fraction, Hyperparameter, Proof
from detstudy.testing import FakeTrainer, TrainerContract, run_here
from detstudy.trainers.contract import Job, Trained, Trainer

HERE = Path(__file__).parent
MIXUP = Hyperparameter(
    name="mixup_share",
    type=Fraction,
    default=0.0,
    documentation="of the images, that are two in one",
    label="share of mixed images",
    costs_alike=True,
    proof=Proof(value="mixup_share_seen"),
    slug="m{:g}",
)


class Mixing(FakeTrainer):
    """Learns as if a little faster where images are mixed."""

    hyperparameters = (*FakeTrainer.hyperparameters, MIXUP)

    def train(self, job: Job) -> Trained:
        share = job.setting["mixup_share"]
        faster = job.setting.replace(rpn_pre_nms_top_n_train=round(500 + 4000 * share))
        trained = super().train(dataclasses.replace(job, setting=faster))
        return dataclasses.replace(trained, effective={**trained.effective, "mixup_share_seen": share})


class TestMixing(TrainerContract):
    values: ClassVar[dict[str, Any]] = {
        "name": "compact", "learning_rate": 0.004, "batch_size": 4, "iterations": 20, "mixup_share": 0.5,
        "rpn_pre_nms_top_n_train": 2500,
    }  # fmt: skip

    def make_trainer(self) -> Trainer:
        return Mixing()


def test_a_study_of_it_runs_to_its_report(tmp_path: Path, tiny_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    path = tiny_study(
        trainer={"python": "test_hyperparameter:Mixing"}, factors={"mixup_share": [0.0, 0.25, 1.0]}, seeds=[0, 1, 2]
    )
    study, ledger = run_here(path, tmp_path / "out")
    analysis = analyse_study(ledger.folder)
    assert set(analysis.settings) == {"baseline", "mixup_share=0.25", "mixup_share=1"}
    assert analysis.settings["mixup_share=1"].contrasts["mask/AP"].estimate > 0
    assert {run.folder.name.partition("--")[0] for run in ledger.read_runs()} == {
        f"compact-lr0.004-b4-multistep-k500-m{share}" for share in ("0", "0.25", "1")
    }
    costs = {identify_cost(setting.setting) for setting in ledger.load_plan().settings}
    assert len(costs) == 1  # as its declaration says
    assert study.baseline["mixup_share"] == 0
    for path in write_report(ledger.folder, analysis):
        text = path.read_text()
        assert "share of mixed images 0.25" in text
        assert "mixup share 0.25" not in text
