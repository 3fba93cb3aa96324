"""What every trainer must do, as tests: `class TestMine(TrainerContract)` with `make_trainer` and `values`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from detstudy.execution import Place, prepare_ledger
from detstudy.execution.work import make_job
from detstudy.ledger import Ledger
from detstudy.plan import PlannedRun
from detstudy.study.declarations import describe_hyperparameter, read_hyperparameter, read_value
from detstudy.study.hyperparameter import REQUIRED
from detstudy.study.setting import Setting
from detstudy.study.spec import load_study
from detstudy.testing.study import draw_tiny_data, write_tiny_study
from detstudy.trainers.contract import Job, Trained, Trainer


class TrainerContract:
    """Tests of a trainer on tiny drawn scenes, on the CPU."""

    values: ClassVar[dict[str, Any]]
    """The hyperparameters of a run of seconds, of several iterations where the trainer counts them."""

    def make_trainer(self) -> Trainer:
        """Return the trainer to be tested."""
        raise NotImplementedError

    def test_its_hyperparameters_can_be_written_down_and_read_again(self) -> None:
        """A study's folder is read by what was declared, without the trainer's code."""
        declared = self.make_trainer().hyperparameters
        names = [each.name for each in declared]
        assert len(set(names)) == len(names)
        for each in declared:
            again = read_hyperparameter(json.loads(json.dumps(describe_hyperparameter(each))))
            stored = {name: getattr(again, name) for name in type(again).__dataclass_fields__ if name != "type"}
            assert stored == {name: getattr(each, name) for name in stored}
            assert each.default is REQUIRED or read_value(each.type, each.default) == each.default
            assert each.needs is None or each.needs[0] in names

    def test_it_takes_a_sound_setting(self) -> None:
        """What it can train, it neither refuses at plan nor before the first run."""
        trainer = self.make_trainer()
        setting = self._make_setting(trainer)
        assert dict(trainer.check(setting)) == {}
        trainer.prepare(setting)

    def test_it_trains_predicts_and_proves_its_levels(self, tmp_path: Path) -> None:
        """Predictions are of the split's images, and what proves a level by being it is it."""
        trainer = self.make_trainer()
        job, _ = self._make_job(tmp_path, trainer)
        trained = trainer.train(job)
        assert trained.outcome == "finished", trained.reason
        for each in trainer.hyperparameters:
            if each.proof and each.proof.how == "equal" and each.proof.value in trained.effective:
                assert job.setting[each.name] in (None, trained.effective[each.proof.value])
        images = {record.id for record in job.data().splits["validation"]}
        predicted = trainer.predict(job, "validation").predictions
        assert {line["image_id"] for line in predicted} <= images
        assert all(0 <= line["score"] <= 1 for line in predicted)
        assert self.make_trainer().predict(job, "validation").predictions == predicted

    def test_what_was_interrupted_goes_on(self, tmp_path: Path) -> None:
        """A run that is stopped in the middle ends as one that never was, its curve without gaps or twins."""
        trainer = self.make_trainer()
        job, curve = self._make_job(tmp_path, trainer)
        curve.breaks_at = 2
        with pytest.raises(KeyboardInterrupt):
            trainer.train(job)
        curve.breaks_at = None
        again: Trained = self.make_trainer().train(job)
        assert again.outcome == "finished", again.reason
        found = [point["iteration"] for point in curve.points if point["kind"] == "train"]
        assert found == sorted(set(found))
        assert len(found) >= 2

    def _make_setting(self, trainer: Trainer) -> Setting:
        return Setting(trainer.hyperparameters, self.values, trainer="under test")

    def _make_job(self, folder: Path, trainer: Trainer) -> tuple[Job, _Curve]:
        path = write_tiny_study(folder, draw_tiny_data(folder / "scenes"), factors={}, gallery_images=0)
        study, ledger, curve = load_study(path, ("monitoring.log_every=1",)), Ledger(folder / "out"), _Curve()
        prepare_ledger(study, ledger)
        run = PlannedRun(setting_id="baseline", setting=self._make_setting(trainer), seed=0, step=0)
        ledger.make_run_folder(run)
        return make_job(run, study, ledger, Place(), curve), curve


class _Curve:
    """Keeps points, and breaks off like an interrupted run."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self.breaks_at: int | None = None

    def append(self, point: dict[str, Any]) -> None:
        self.points.append(point)
        if self.breaks_at is not None and len(self.points) >= self.breaks_at:
            raise KeyboardInterrupt

    def rewind(self, iteration: int) -> None:
        self.points = [point for point in self.points if point["iteration"] <= iteration]
