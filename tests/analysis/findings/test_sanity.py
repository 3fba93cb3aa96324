from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.evidence.runs import drop_copies
from detstudy.analysis.findings.sanity import check_sanity
from detstudy.ledger import RunRecord
from detstudy.ledger.codec import read_record, write_record
from detstudy.study.study import MEASURES
from detstudy.wording import say

OTHER = "learning_rate=0.04"


def make_runs(Run: Any, **other: Any) -> dict[tuple[str, int], Any]:  # noqa: N803
    """Three baseline seeds and one other run, each with a time of its own."""
    runs = {("baseline", seed): Run(seconds=100.5 + seed) for seed in range(3)}
    return {**runs, (OTHER, 0): Run(**{"seconds": 99.25, **other})}


def words(evidence: Evidence) -> tuple[str, ...]:
    return tuple(map(say, check_sanity(evidence)))


def rewrite(folder: Path, run: RunRecord, **values: float) -> None:
    """Change measures of a run in the ledger, as one who edits a table."""
    path = run.evaluation_folder / "result.json"
    result = read_record(path, dict)
    for row in result["measures"]:
        row["value"] = values.get(row["name"].replace("/", "_"), row["value"])
    write_record(path, result)


def test_a_sound_study_has_no_warning(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    assert check_sanity(Evidence(write_ledger(make_runs(Run)))) == ()
    assert check_sanity(Evidence(write_ledger({}))) == ()


def test_a_level_that_did_nothing_is_named(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    evidence = Evidence(write_ledger(make_runs(Run, like="baseline")))
    assert words(evidence) == (
        "baseline (seed 0) and learning rate 0.04 (seed 0) have the same predictions, byte for byte: a level that did "
        "nothing, or a copied result.",
    )


def test_pasted_rows_are_named(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    folder = write_ledger(make_runs(Run))
    evidence = Evidence(folder)
    source, target = evidence.runs[0], next(run for run in evidence.runs if run.setting_id == OTHER)
    values = {name.replace("/", "_"): source.measures[name].value for name in MEASURES}
    rewrite(folder, target, **values)
    assert words(Evidence(folder)) == (
        "baseline (seed 0) and learning rate 0.04 (seed 0) have the same AP measures to the last digit: a level that "
        "did nothing, or a copied result.",
    )
    rewrite(folder, target, **{**values, "box_APs": 12.5})
    assert words(Evidence(folder)) == (
        "baseline (seed 0) and learning rate 0.04 (seed 0) share 11 of 12 AP measures to the last digit, all but box "
        "APs: a copied result?",
    )
    rewrite(folder, target, **{**values, "box_APs": 12.5, "mask_APm": 12.5})
    assert check_sanity(Evidence(folder)) == ()


def test_two_detectors_that_find_nothing_are_no_copies(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    folder = write_ledger(make_runs(Run))
    for run in Evidence(folder).runs:
        if run.outcome == "finished":
            rewrite(folder, run, **{name.replace("/", "_"): 0.0 for name in MEASURES})
    evidence = Evidence(folder)
    assert check_sanity(evidence) == ()
    assert len(drop_copies(evidence.runs_of("baseline"))) == 3


def test_a_seed_that_changes_nothing_leaves_no_seeds_to_count(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    folder = write_ledger(make_runs(Run))
    first, second, _ = Evidence(folder).runs_of("baseline")
    rewrite(folder, second, **{name.replace("/", "_"): first.measures[name].value for name in MEASURES})
    evidence = Evidence(folder)
    assert words(evidence) == (
        "The seed changed nothing: baseline (seeds 0, 1) gave the same AP measures to the last digit. A trainer that "
        "ignores the seed, or copied runs? Each such result counts once, so the seeds' noise is not known from them.",
    )
    assert [run.seed for run in drop_copies(evidence.runs_of("baseline"))] == [0, 2]


def test_equal_times_of_two_trainings_are_named(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    evidence = Evidence(write_ledger(make_runs(Run, seconds=101.5)))
    assert words(evidence) == (
        "Training took 1 min 42 s, the same to the last digit, in baseline (seed 1) and learning rate 0.04 (seed 0): "
        "a copied time, or one that was not measured.",
    )


def test_many_equal_times_are_counted(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    rates = [0.04, 0.02, 0.01, 0.002, 0.001]
    runs = {
        (f"learning_rate={rate}", seed): Run(quality=0.3 + 0.1 * n + 0.02 * seed, seconds=100.5 + n)
        for n, rate in enumerate(rates)
        for seed in range(2)
    }
    warnings = words(Evidence(write_ledger(runs, factors={"learning_rate": rates}, seeds=[0, 1])))
    assert [text.startswith("Training took ") for text in warnings] == [True] * 4 + [False]
    assert warnings[-1] == "More training times that several trainings share to the last digit: 1."


def test_evaluations_of_one_training_share_its_time(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    name = "detections_per_image=50"
    runs = {("baseline", seed): Run(seconds=100.5 + seed) for seed in range(3)}
    runs[name, 0] = Run(seconds=100.5, quality=0.7)
    assert check_sanity(Evidence(write_ledger(runs, factors={"detections_per_image": [50]}))) == ()


def test_shared_images_are_carried_from_the_check_of_the_data(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    folder = write_ledger(make_runs(Run))
    data = read_record(folder / "data.json", dict)
    data["faults"] = [
        {"kind": "identical_images", "where": "here", "message": "1 of the 2 images ...", "fatal": False},
        {"kind": "class_without_objects", "where": "here", "message": "1 class ...", "fatal": False},
    ]
    write_record(folder / "data.json", data)
    assert check_sanity(Evidence(folder)) == ("1 of the 2 images ...",)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_trainer_that_ignores_the_seed_is_found(tiny_study: Any, tmp_path: Path, ignored: bool) -> None:
    from detstudy.testing import FakeTrainer, run_here
    from detstudy.trainers.contract import Job, Predicted, Trained

    class Stubborn(FakeTrainer):
        def train(self, job: Job) -> Trained:
            return super().train(dataclasses.replace(job, seed=0) if ignored else job)

        def predict(self, job: Job, split: Any) -> Predicted:
            return super().predict(dataclasses.replace(job, seed=0) if ignored else job, split)

    run_here(tiny_study(factors={}), tmp_path / "out", Stubborn())
    evidence = Evidence(tmp_path / "out")
    idle = [text for text in words(evidence) if text.startswith("The seed changed nothing: baseline (seeds 0, 1, 2)")]
    assert bool(idle) == ignored
    assert len(drop_copies(evidence.runs_of("baseline"))) == (1 if ignored else 3)
