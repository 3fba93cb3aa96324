"""The ledger: a run's state is what its files say, and ended runs stay as they are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.ledger import DataDescription, Effective, Ledger, Provenance
from detstudy.ledger.causes import CurveDamaged, Stopped, Unfinished
from detstudy.ledger.lease import Lease
from detstudy.plan import Plan, plan_study
from detstudy.study.setting import Measure
from detstudy.study.spec import load_study
from detstudy.study.study import StudyError


@pytest.fixture
def ledger(tmp_path: Path, tiny_study: Callable[..., Path]) -> tuple[Ledger, Plan]:
    study = load_study(tiny_study(factors={"box_score_threshold": [0.05, 0.3]}))
    ledger = Ledger(tmp_path / "results")
    ledger.store_study(study, DataDescription(fingerprint="d"))
    return ledger, plan_study(study)


def test_a_run_goes_from_planned_to_ended(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    run = plan.runs[0]
    assert book.read_run(plan, run).state == "planned"
    with book.claim(run):
        book.start_run(run, Provenance(host="here"))
        assert book.read_run(plan, run).state == "running"
        book.open_curve(run).append({"kind": "train", "iteration": 5})
    record = book.read_run(plan, run)
    assert (record.state, record.outcome) == ("ended", "interrupted")
    assert record.reason == Stopped(5)
    book.end_run(
        run, "finished", None, (Measure(name="train/seconds", value=3.0, unit="s"),), Effective(optimizer_steps=20)
    )
    record = book.read_run(plan, run)
    assert (record.state, record.reason) == ("planned", Unfinished.EVALUATION_MISSING)
    assert book.is_evaluation_due(run)
    book.end_evaluation(run, "validation", "finished", None, (Measure(name="box/AP", value=40.0, unit="AP"),))
    record = book.read_run(plan, run)
    assert (record.state, record.outcome) == ("ended", "finished")
    assert record.measures["box/AP"].value == 40.0
    assert record.measures["train/seconds"].value == 3.0
    assert record.provenance == Provenance(host="here")


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


def finish(book: Ledger, plan: Plan) -> tuple[Path, Path]:
    """Let the plan's first run finish, and return the folders of its training and its evaluation."""
    run = plan.runs[0]
    book.start_run(run, Provenance(host="here"))
    book.open_curve(run).append({"kind": "train", "iteration": 5})
    book.end_run(run, "finished", None)
    folder = book.evaluation_folder(run)
    folder.mkdir(parents=True)
    (folder / "predictions.json").write_text("[]")
    book.end_evaluation(run, "validation", "finished", None, (Measure(name="box/AP", value=39.3, unit="AP"),))
    return book.run_folder(run), folder


def test_a_changed_digit_is_no_result(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    _, evaluation = finish(book, plan)
    path = evaluation / "result.json"
    assert not book.is_evaluation_due(plan.runs[0])
    path.write_text(path.read_text().replace("39.3", "89.3"))
    assert book.is_evaluation_due(plan.runs[0])
    assert "box/AP" not in book.read_run(plan, plan.runs[0]).measures


@pytest.mark.parametrize("content", ["{}", "null", "[]", "[" * 100_000, '{"outcome": "finished"}'])
def test_what_is_no_result_is_written_again(ledger: tuple[Ledger, Plan], content: str) -> None:
    book, plan = ledger
    training, evaluation = finish(book, plan)
    for folder in (evaluation, training):
        (folder / "result.json").write_text(content)
        (folder / "run.json").write_text(content)
        book.read_runs(plan)
    assert book.is_training_due(plan.runs[0])
    book.start_run(plan.runs[0], Provenance(host="there"))
    assert book.read_run(plan, plan.runs[0]).provenance == Provenance(host="there")


@pytest.mark.parametrize("content", [None, "", '[{"image_id": 1}]'])
def test_damaged_predictions_are_due_again(ledger: tuple[Ledger, Plan], content: str | None) -> None:
    book, plan = ledger
    _, folder = finish(book, plan)
    path = folder / "predictions.json"
    path.unlink() if content is None else path.write_text(content)
    assert book.is_evaluation_due(plan.runs[0])


def test_a_damaged_curve_is_named_with_its_remedy(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    training, _ = finish(book, plan)
    assert book.read_run(plan, plan.runs[0]).reason is None
    for content, lines in ((b"", 0), (b'{"iteration": 5, "kind": "train", "checksum": "0"}', 1)):
        (training / "curves.jsonl").write_bytes(content)
        record = book.read_run(plan, plan.runs[0])
        assert record.outcome == "finished"
        assert record.reason == CurveDamaged(lines)


def test_damaged_weights_are_named(ledger: tuple[Ledger, Plan]) -> None:
    store, plan = ledger
    run = plan.runs[0]
    store.start_run(run, Provenance())
    weights = store.run_folder(run) / "weights.pt"
    weights.write_bytes(b"0123456789")
    store.end_run(run, "finished", None)
    assert store.list_damaged_weights(plan) == []
    weights.write_bytes(b"0123456780")
    assert store.list_damaged_weights(plan) == [weights]
    weights.unlink()
    assert store.list_damaged_weights(plan) == [weights]


def test_a_study_that_was_cut_off_is_named_and_written_again(ledger: tuple[Ledger, Plan], tmp_path: Path) -> None:
    book, _ = ledger
    study = load_study(tmp_path / "study.yaml")
    for content in ("study: tiny", study.source.replace("0.3", "0.4"), ": [", ""):
        (book.folder / "study.yaml").write_text(content)
        with pytest.raises(StudyError, match=r"study\.yaml.*\n?.*`detstudy run` with the study file writes it again"):
            book.load_study()
        book.refuse_other_study(study)
        book.store_study(study, DataDescription(fingerprint="d"))
        assert book.load_study().source == study.source


def test_a_damaged_plan_is_unknown_or_written_again(ledger: tuple[Ledger, Plan], tmp_path: Path) -> None:
    book, plan = ledger
    finish(book, plan)
    study = load_study(tmp_path / "study.yaml")
    (book.folder / "planned.yaml").write_text(study.source.replace("0.3", "0.4"))
    assert book.load_planned_study() is None
    book.store_study(study, DataDescription(fingerprint="d"))
    assert plan_study(book.load_planned_study() or study) == plan
    assert book.load_planned_study() is not None


def test_what_dead_writers_left_is_swept_up(ledger: tuple[Ledger, Plan]) -> None:
    book, plan = ledger
    training, evaluation = finish(book, plan)
    for folder in (training, evaluation):
        (folder / ".result.json.0123456789ab.part").write_text("{")
    with book.claim(plan.runs[0]):
        assert not list(training.rglob("*.part"))


def test_damaged_ground_truth_and_gallery_are_noticed(ledger: tuple[Ledger, Plan]) -> None:
    book, _ = ledger
    book.store_ground_truth("validation", {"images": [], "annotations": []})
    book.store_gallery([(7, "0001/000000.png", 0.5, b"jpeg")])
    assert book.holds_data("d", ["validation"])
    book.ground_truth_path("validation").write_text('{"images": []}'[:-1])
    assert not book.holds_data("d", ["validation"])
    book.store_ground_truth("validation", {"images": [], "annotations": []})
    (book.folder / "gallery" / "00.jpg").write_bytes(b"jpig")
    assert book.read_gallery() == []
    assert not book.holds_data("d", ["validation"])


def test_the_fingerprint_follows_what_is_written(ledger: tuple[Ledger, Plan]) -> None:
    book, _ = ledger
    before = book.fingerprint
    assert before == book.data.fingerprint
    book.store_study(book.load_study(), dataclasses.replace(book.data, fingerprint="another"))
    assert book.fingerprint == "another" != before
    (book.folder / "data.json").unlink()
    with pytest.raises(StudyError, match=r"data\.json: missing or damaged"):
        _ = book.fingerprint
