"""One task from claim to result, with the fake trainer in this process."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detstudy.execution import Place, is_task_due, list_tasks, prepare_ledger, work_on
from detstudy.execution.events import Event, Heartbeat, Point, Resumed
from detstudy.ledger import LeaseHeldError, Ledger, read_curve
from detstudy.plan import plan_study
from detstudy.study.setting import SplitName
from detstudy.study.size import GIB
from detstudy.study.spec import load_study
from detstudy.study.study import StudyError
from detstudy.testing import FakeTrainer, run_here
from detstudy.trainers.contract import Job, MemoryShortageError, Predicted, Trained
from detstudy.wording import say


def test_a_whole_study_ends_with_every_outcome_in_its_place(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    _, ledger = run_here(tiny_study(), tmp_path / "out")
    outcomes = {(record.setting_id, record.seed): record.outcome for record in ledger.read_runs()}
    assert outcomes == {
        ("baseline", 0): "finished",
        ("learning_rate=0.04", 0): "finished",
        ("learning_rate=1", 0): "diverged",
        ("batch_size=16", 0): "out_of_memory",
        ("baseline", 1): "finished",
        ("baseline", 2): "finished",
    }
    by_setting = {record.setting_id: record for record in ledger.read_runs()}
    assert by_setting["batch_size=16"].reason == "out of memory at 11.2 GiB, batch of 16"
    assert by_setting["baseline"].measures["mask/AP"].value > by_setting["learning_rate=0.04"].measures["mask/AP"].value
    predictions = json.loads((by_setting["baseline"].evaluation_folder / "predictions.json").read_text())
    assert {"image_id", "category_id", "bbox", "score", "segmentation"} == set(predictions[0])


def test_an_evaluation_factor_trains_nothing_again(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    class CountingTrainer(FakeTrainer):
        trained = 0

        def train(self, job: Job) -> Trained:
            self.trained += 1
            return super().train(job)

    trainer = CountingTrainer()
    path = tiny_study(factors={"box_score_threshold": [0.05, 0.6]}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out", trainer)
    assert trainer.trained == 1
    assert [record.outcome for record in ledger.read_runs()] == ["finished", "finished"]
    # More levels later: the weights are evaluated again, nothing is trained.
    path = tiny_study(factors={"box_score_threshold": [0.05, 0.6, 0.7]}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out", trainer)
    assert trainer.trained == 1
    assert len(ledger.read_runs()) == 3


@pytest.mark.parametrize("factor", ["rpn_pre_nms_top_n_test", "rpn_post_nms_top_n_test"])
def test_top_k_at_test_time_trains_nothing_again(tmp_path: Path, tiny_study: Callable[..., Path], factor: str) -> None:
    path = tiny_study(factors={factor: [10, 40, 1000]}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out")
    records = ledger.read_runs()
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1
    assert len({record.folder for record in records}) == 1
    assert len({record.evaluation_folder for record in records}) == 3
    assert {record.attempts for record in records} == {1}
    recall = {record.levels.get(factor, 1000): record.measures["proposals/AR1000"].value for record in records}
    assert recall[10] < recall[40] < recall[1000]


def test_a_trainer_without_proposals_has_no_proposal_recall(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    class PlainTrainer(FakeTrainer):
        def predict(self, job: Job, split: SplitName) -> Predicted:
            return Predicted(predictions=super().predict(job, split).predictions)

    _, ledger = run_here(tiny_study(factors={}, baseline_seeds=[0]), tmp_path / "out", PlainTrainer())
    (record,) = ledger.read_runs()
    assert record.outcome == "finished"
    assert record.measures["proposals/AR100"].value is None
    assert record.measures["proposals/AR100"].reason == "the trainer gave no proposals"


def test_a_changed_study_file_runs_only_what_is_missing(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    _, ledger = run_here(tiny_study(), tmp_path / "out")
    before = {path: path.read_bytes() for path in ledger.folder.glob("runs/*/result.json")}
    _, ledger = run_here(tiny_study(factors={"learning_rate": [0.04, 0.008]}), tmp_path / "out")
    after = {path: path.read_bytes() for path in ledger.folder.glob("runs/*/result.json")}
    assert len(after) == len(before) + 1
    assert all(after[path] == content for path, content in before.items())


def test_a_folder_with_another_study_is_left_alone(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    _, ledger = run_here(tiny_study(factors={}, baseline_seeds=[0]), tmp_path / "out")
    before = (ledger.folder / "study.yaml").read_bytes()
    with pytest.raises(StudyError, match="holds the study tiny, not other; give another folder"):
        prepare_ledger(load_study(tiny_study(study="other")), ledger)
    assert (ledger.folder / "study.yaml").read_bytes() == before


@pytest.mark.parametrize("damaged", ["data.json", "ground_truth/validation.json"])
def test_what_a_study_knows_of_its_data_is_written_again(
    tmp_path: Path, tiny_study: Callable[..., Path], damaged: str
) -> None:
    study, ledger = load_study(tiny_study()), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    before = (ledger.folder / damaged).read_bytes()
    (ledger.folder / damaged).unlink()
    if damaged == "data.json":
        (ledger.folder / damaged).write_text("{}")
    prepare_ledger(study, ledger)
    assert (ledger.folder / damaged).read_bytes() == before


def test_a_crash_is_a_result_and_is_tried_again(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    class CrashingTrainer(FakeTrainer):
        def train(self, job: Job) -> Trained:
            raise KeyError("x")

    path = tiny_study(factors={}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out", CrashingTrainer())
    (record,) = ledger.read_runs()
    assert (record.outcome, say(record.reason)) == ("crashed", "KeyError: 'x' (see log.txt)")
    _, ledger = run_here(path, tmp_path / "out")
    assert ledger.read_runs()[0].outcome == "finished"


def test_a_batch_is_halved_until_it_fits_and_every_attempt_is_kept(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    path = tiny_study(factors={"batch_size": [4, 50]}, baseline_seeds=[0], on_out_of_memory="accumulate")
    _, ledger = run_here(path, tmp_path / "out")
    baseline, record = ledger.read_runs()
    assert (baseline.reason, baseline.earlier) == (None, ())
    assert (record.outcome, record.attempts) == ("finished", 3)
    assert [attempt.effective["micro_batch_size"] for attempt in record.earlier] == [50, 25]
    assert record.effective.micro_batch_size == 13
    assert record.effective.accumulation == "50 as 3 × 13 + 11"
    assert say(record.reason).startswith(
        "50 as 3 × 13 + 11, since the first attempt ended so: out of memory at 11.2 GiB"
    )


def test_a_study_that_stopped_at_memory_goes_on_when_it_may_accumulate(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    sections = {"factors": {"batch_size": [4, 16]}, "baseline_seeds": [0]}
    _, ledger = run_here(tiny_study(**sections), tmp_path / "out")
    finished, stopped = ledger.read_runs()
    kept = (finished.folder / "result.json").read_bytes()
    assert (stopped.outcome, stopped.attempts) == ("out_of_memory", 1)
    _, ledger = run_here(tiny_study(**sections, on_out_of_memory="accumulate"), tmp_path / "out")
    assert [record.outcome for record in ledger.read_runs()] == ["finished", "finished"]
    assert (finished.folder / "result.json").read_bytes() == kept


def test_a_run_at_the_memory_s_limit_is_trained_when_that_rises(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    """The fake takes 256 MiB an image; 16 of them are more than its machine has."""

    def run_with(memory: str) -> dict[str, tuple[Any, Any, bytes]]:
        sections = {"factors": {"batch_size": [4, 8, 16]}, "baseline_seeds": [0], "limits": {"memory": memory}}
        _, ledger = run_here(tiny_study(**sections), tmp_path / "out")
        return {
            record.setting_id: (record.outcome, record.reason, (record.folder / "result.json").read_bytes())
            for record in ledger.read_runs()
        }

    low = run_with("1GiB")
    assert low["baseline"][0] == "finished"
    assert low["batch_size=8"][:2] == ("out_of_memory", "out of memory at 2.0 GiB (limit 1.0 GiB), batch of 8")
    assert low["batch_size=16"][:2] == ("out_of_memory", "out of memory at 11.2 GiB, batch of 16")
    assert run_with("1GiB") == low
    high = run_with("4GiB")
    assert high["batch_size=8"][:2] == ("finished", None)  # the whole batch, though it ran out of memory before
    assert {name: high[name] for name in ("baseline", "batch_size=16")} == {
        name: low[name] for name in ("baseline", "batch_size=16")
    }
    assert run_with("512MiB") == high  # a lower limit undoes nothing


def test_with_accumulation_a_higher_limit_begins_with_the_whole_batch(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    sections = {"factors": {"batch_size": [4, 8]}, "baseline_seeds": [0], "on_out_of_memory": "accumulate"}
    _, ledger = run_here(tiny_study(**sections, limits={"memory": "128MiB"}), tmp_path / "out")
    assert [record.outcome for record in ledger.read_runs()] == ["out_of_memory", "out_of_memory"]
    assert [len(record.earlier) for record in ledger.read_runs()] == [2, 3]  # not even one image at once
    _, ledger = run_here(tiny_study(**sections, limits={"memory": "1GiB"}), tmp_path / "out")
    baseline, record = ledger.read_runs()
    assert (baseline.outcome, baseline.effective.accumulation) == ("finished", None)
    assert (record.outcome, record.effective.accumulation) == ("finished", "8 as 2 × 4")
    assert say(record.reason) == (
        "8 as 2 × 4, since the first attempt ended so: out of memory at 2.0 GiB (limit 1.0 GiB), batch of 8"
    )


def test_an_evaluation_at_the_memory_s_limit_is_made_when_that_rises(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    class ShortTrainer(FakeTrainer):
        def predict(self, job: Job, split: SplitName) -> Predicted:
            if job.memory_limit is not None and job.memory_limit < 2 * GIB:
                raise MemoryShortageError("out of memory at 2.0 GiB", job.memory_limit)
            return super().predict(job, split)

    sections = {"factors": {}, "baseline_seeds": [0]}
    _, ledger = run_here(tiny_study(**sections, limits={"memory": "1GiB"}), tmp_path / "out", ShortTrainer())
    (record,) = ledger.read_runs()
    assert (record.outcome, say(record.reason)) == ("out_of_memory", "evaluation: out of memory at 2.0 GiB")
    trained = (record.folder / "result.json").read_bytes()
    _, ledger = run_here(tiny_study(**sections, limits={"memory": "2GiB"}), tmp_path / "out", ShortTrainer())
    assert ledger.read_runs()[0].outcome == "finished"
    assert (record.folder / "result.json").read_bytes() == trained  # the weights are those of before


def test_a_run_over_its_hours_is_timed_out_until_the_limit_rises(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    """The fake takes 0.17 seconds an iteration, logs and saves every 5 of 20."""
    sections = {"factors": {}, "baseline_seeds": [0]}
    trainer = FakeTrainer()
    _, ledger = run_here(tiny_study(**sections, limits={"hours": 2 / 3600}), tmp_path / "out", trainer)
    (record,) = ledger.read_runs()
    assert record.outcome == "timed_out"
    assert say(record.reason) == (
        "more than 0.000555556 hours of training (limits.hours) at iteration 15; "
        "it goes on from its checkpoint when the limit is higher"
    )
    assert record.measures["train/seconds"].value == pytest.approx(2.55)
    before = (record.folder / "result.json").read_bytes()
    assert (record.folder / "checkpoint.txt").read_text() == "10"
    run_here(tiny_study(**sections, limits={"hours": 1 / 3600}), tmp_path / "out", trainer)
    assert (record.folder / "result.json").read_bytes() == before
    _, ledger = run_here(tiny_study(**sections, limits={"hours": 1}), tmp_path / "out", trainer)
    (record,) = ledger.read_runs()
    assert (record.outcome, record.attempts) == ("finished", 2)
    assert [point.iteration for point in read_curve(record.folder / "curves.jsonl")] == [5, 10, 15, 20]


def test_a_run_that_ends_as_its_hours_do_has_finished(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={}, baseline_seeds=[0], limits={"hours": 3 / 3600})  # of 3.4 s, 2.55 at iteration 15
    _, ledger = run_here(path, tmp_path / "out")
    assert ledger.read_runs()[0].outcome == "finished"


def test_memory_that_runs_out_outside_the_trainer_is_out_of_memory(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    class ShortTrainer(FakeTrainer):
        def predict(self, job: Job, split: SplitName) -> Predicted:
            raise MemoryShortageError("out of memory at 3.0 GiB, predicting validation")

    class GreedyTrainer(FakeTrainer):
        def train(self, job: Job) -> Trained:
            raise MemoryError

    path = tiny_study(factors={}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "short", ShortTrainer())
    (record,) = ledger.read_runs()
    assert (record.outcome, say(record.reason)) == (
        "out_of_memory",
        "evaluation: out of memory at 3.0 GiB, predicting validation",
    )
    _, ledger = run_here(path, tmp_path / "greedy", GreedyTrainer())
    assert ledger.read_runs()[0].outcome == "out_of_memory"


def test_a_worker_tells_now_and_then_that_it_is_alive(
    tmp_path: Path, tiny_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, ledger = load_study(tiny_study(factors={}, baseline_seeds=[0])), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    (task,) = list_tasks(plan_study(study), ledger.data.fingerprint)
    monkeypatch.setattr("detstudy.execution.work.time.monotonic", itertools.count().__next__)
    events: list[Event] = []
    work_on(task, study, ledger, FakeTrainer(), Place(), events.append)
    assert (
        sum(isinstance(event, Heartbeat) for event in events) >= 20
    )  # one an iteration, each a second after the other


def test_an_interrupted_run_goes_on_from_its_checkpoint(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study_file = tiny_study(factors={}, baseline_seeds=[0])
    study, ledger = load_study(study_file), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    plan = plan_study(study)
    (task,) = list_tasks(plan, ledger.data.fingerprint)

    def stop(event: Event) -> None:
        if isinstance(event, Point) and event.iteration == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_on(task, study, ledger, FakeTrainer(), Place(), stop)
    assert ledger.read_runs()[0].outcome == "interrupted"
    resumed: list[Event] = []
    work_on(task, study, ledger, FakeTrainer(), Place(), resumed.append)
    assert Resumed(10) in resumed
    assert [point.iteration for point in read_curve(ledger.run_folder(task.runs[0]) / "curves.jsonl")] == [
        5,
        10,
        15,
        20,
    ]
    assert not is_task_due(ledger, task)


def test_a_held_run_is_refused(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, ledger = load_study(tiny_study()), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    (task, *_) = list_tasks(plan_study(study), ledger.data.fingerprint)
    with ledger.claim(task.runs[0]), pytest.raises(LeaseHeldError):
        work_on(task, study, ledger, FakeTrainer(), Place())


def test_an_evaluation_notes_where_it_was_made(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    """It may be made later, on another machine than the training."""
    _, ledger = run_here(tiny_study(factors={}, baseline_seeds=[0]), tmp_path / "out")
    (record,) = ledger.read_runs()
    path = record.evaluation_folder / "result.json"
    path.unlink()
    study, plan = ledger.load_study(), ledger.load_plan()
    (task,) = list_tasks(plan, ledger.fingerprint)
    work_on(task, study, ledger, FakeTrainer(), Place(workers=5))
    (record,) = ledger.read_runs()
    assert record.evaluation_provenance is not None
    assert (record.provenance.workers, record.evaluation_provenance.workers) == (1, 5)
    assert record.evaluation_provenance.host == record.provenance.host
