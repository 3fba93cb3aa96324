"""The ledger: a run's state is what its files say, and ended runs stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.ledger import Ledger
from detstudy.ledger.lease import Lease
from detstudy.plan import Plan, plan_study
from detstudy.setting import Measure
from detstudy.spec import load_study
from detstudy.study import StudyError


@pytest.fixture
def ledger(tmp_path: Path, tiny_study: Callable[..., Path]) -> tuple[Ledger, Plan]:
    study = load_study(tiny_study(factors={"box_score_threshold": [0.05, 0.3]}))
    ledger = Ledger(tmp_path / "results")
    ledger.store_study(study, {"fingerprint": "d"})
    return ledger, plan_study(study)


def test_a_run_goes_from_planned_to_ended(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    run = plan.runs[0]
    assert book.read_run(plan, run).state == "planned"
    with book.claim(run):
        book.start_run(run, {"host": "here"})
        assert book.read_run(plan, run).state == "running"
        book.open_curve(run).append({"kind": "train", "iteration": 5})
    record = book.read_run(plan, run)
    assert (record.state, record.outcome) == ("ended", "interrupted")
    assert record.reason is not None
    assert "iteration 5" in record.reason
    book.end_run(run, "finished", None, (Measure(name="train/seconds", value=3.0, unit="s"),), {"optimizer_steps": 20})
    assert book.read_run(plan, run).state == "planned"  # trained, not evaluated
    assert book.is_evaluation_due(run)
    book.end_evaluation(run, "validation", "finished", None, (Measure(name="box/AP", value=40.0, unit="AP"),))
    record = book.read_run(plan, run)
    assert (record.state, record.outcome) == ("ended", "finished")
    assert record.measures["box/AP"].value == 40.0
    assert record.measures["train/seconds"].value == 3.0
    assert record.provenance == {"host": "here"}


def test_settings_that_differ_in_evaluation_share_the_training(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    baseline, other = [run for run in plan.runs if run.seed == 0]
    assert book.run_folder(baseline) == book.run_folder(other)
    assert book.evaluation_folder(baseline) != book.evaluation_folder(other)
    book.end_run(baseline, "finished", None)
    book.end_evaluation(baseline, "validation", "finished", None)
    assert not book.is_training_due(other)
    assert book.is_evaluation_due(other)
    assert book.read_run(plan, other).id.startswith(book.read_run(plan, baseline).id + "/evaluations/")


def test_a_crash_is_tried_three_times(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    run = plan.runs[0]
    for _ in range(3):
        assert book.is_training_due(run)
        book.end_run(run, "crashed", "KeyError: 'x'")
    assert not book.is_training_due(run)
    assert book.read_run(plan, run).attempts == 3


@pytest.mark.parametrize("outcome", ["finished", "out_of_memory", "diverged"])
def test_an_ended_run_is_not_tried_again(ledger: tuple[Ledger, Plan], outcome: str) -> None:
    book, plan = ledger
    book.end_run(plan.runs[0], outcome, "reason")  # type: ignore[arg-type]
    assert not book.is_training_due(plan.runs[0])


def test_a_result_that_a_crash_cut_off_is_no_result(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    run = plan.runs[0]
    book.end_run(run, "finished", None)
    path = book.run_folder(run) / "result.json"
    path.write_text(path.read_text()[:20])
    assert book.is_training_due(run)


def test_the_study_comes_back(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    assert plan_study(book.load_study()) == plan
    with pytest.raises(StudyError, match="no study here"):
        Ledger(book.folder / "runs").load_study()


def test_a_damaged_description_of_the_data_is_named(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    (book.folder / "data.json").write_text("{}")
    with pytest.raises(StudyError, match=r"data\.json: missing or damaged; `detstudy run` writes it again"):
        book.read_runs(plan)


def test_the_gallery_comes_back(ledger: tuple[Ledger, Plan]) -> None:
    book, _ = ledger
    assert book.read_gallery() == []
    book.store_gallery([(7, "0001/000000.png", 0.5, b"jpeg")])
    (image,) = book.read_gallery()
    assert (image.image_id, image.name, image.scale, image.path.read_bytes()) == (7, "0001/000000.png", 0.5, b"jpeg")


def test_a_lease_makes_a_run_running(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    folder = book.run_folder(plan.runs[0])
    folder.mkdir(parents=True)
    with Lease(folder):
        assert book.read_run(plan, plan.runs[0]).state == "running"


def test_undefined_numbers_never_enter(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    with pytest.raises(ValueError, match="JSON"):
        book.end_run(plan.runs[0], "finished", None, (Measure(name="box/AP", value=float("nan"), unit="AP"),))
    assert book.is_training_due(plan.runs[0])
    json.loads((book.folder / "data.json").read_text())
