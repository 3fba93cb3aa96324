from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch

from detstudy.trainers.contract import Job, RefusedError
from detstudy.trainers.torchvision.checkpoint import find_checkpoints
from detstudy.trainers.torchvision.trainer import TorchvisionTrainer

MakeJob = Callable[..., Job]

TRAIN_KEYS = {
    "kind",
    "iteration",
    "images",
    "seconds",
    "loss",
    "losses",
    "learning_rate",
    "data_seconds",
    "images_per_second",
    "memory_bytes",
    "proposals_entered",
    "proposals_survived",
}
LOSSES = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}


def read_weights(job: Job) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(job.folder / "weights.pt", weights_only=True)
    return weights


def points_of(job: Job) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = job.curve.points  # type: ignore[attr-defined]
    return points


def test_a_run_leaves_curves_receipts_and_weights_that_predict(make_job: MakeJob) -> None:
    job = make_job(iterations=4, log_every=2, validate_every=3, validation_images=2)

    trained = TorchvisionTrainer().train(job)

    assert (trained.outcome, trained.reason) == ("finished", None)
    assert [(p["kind"], p["iteration"]) for p in points_of(job)] == [
        ("train", 2),
        ("validation", 3),
        ("train", 4),
        ("validation", 4),
    ]
    train, validation = points_of(job)[0], points_of(job)[-1]
    assert set(train) == TRAIN_KEYS
    assert set(train["losses"]) == LOSSES
    assert train["loss"] == pytest.approx(sum(train["losses"].values()))
    assert (train["images"], train["proposals_entered"]) == (4, 20 + 20 + 20)
    assert set(validation) == {"kind", "iteration", "images", "seconds", "loss", "losses", "measures"}
    assert validation["measures"]["images"] == 2
    effective = trained.effective
    assert (effective["optimizer_steps"], effective["images_seen"], effective["images_per_epoch"]) == (4, 8, 6)
    assert effective["proposals_entered"] == 60
    assert 0 < effective["proposals_kept"] <= 16
    assert effective["feature_levels"] == ["P3", "P4", "P5"]
    assert effective["anchors_per_level"] == [96 * 6, 24 * 6, 6 * 6]
    assert effective["proposals_entered_per_level"] == [20, 20, 20]
    assert sum(effective["proposals_survived_per_level"]) == pytest.approx(effective["proposals_survived"])
    assert effective["learning_rate_first"] == effective["learning_rate_last"] == 0.002
    assert effective["normalization"] == "batch norm"
    measures = {measure.name: measure.value for measure in trained.measures}
    assert measures["train/seconds"] == points_of(job)[-1]["seconds"]
    assert measures["train/final_loss"] == points_of(job)[2]["loss"]
    json.dumps(effective)
    assert sorted(path.name for path in job.folder.iterdir()) == ["trained.json", "weights.pt"]

    predicted = TorchvisionTrainer().predict(job, "validation")

    assert {line["image_id"] for line in predicted.predictions} <= {10, 11, 12, 13}
    assert predicted.predictions
    with pytest.raises(ValueError, match="no test split; it has train, validation"):
        TorchvisionTrainer().predict(job, "test")


def test_an_ended_run_is_not_trained_again(make_job: MakeJob) -> None:
    job = make_job(iterations=1)
    trained = TorchvisionTrainer().train(job)
    count = len(points_of(job))

    assert TorchvisionTrainer().train(job) == trained
    assert len(points_of(job)) == count


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(make_job: MakeJob) -> None:
    """Checkpoints (every 2), points (every 3) and validations (every 5) fall on different iterations."""
    fields: dict[str, Any] = {
        "iterations": 7,
        "log_every": 3,
        "checkpoint_every": 2,
        "validate_every": 5,
        "schedule": "warmup_cosine",
        "warmup_iterations": 3,
        "scale_jitter": (0.8, 1.2),
    }
    whole = make_job(folder="whole", **fields)
    expected = TorchvisionTrainer().train(whole)
    weights = read_weights(whole)

    for break_at in (3, 5, 7):
        job = make_job(folder=f"broken{break_at}", **fields)
        job.curve.break_at = break_at  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            TorchvisionTrainer().train(job)
        job.curve.break_at = None  # type: ignore[attr-defined]
        torch.manual_seed(123)
        trained = TorchvisionTrainer().train(job)

        assert job.curve.list_results() == whole.curve.list_results()  # type: ignore[attr-defined]
        assert all(torch.equal(value, weights[name]) for name, value in read_weights(job).items())
        assert trained.effective == {**expected.effective, "resumes": 1}


def test_a_run_without_a_checkpoint_starts_again(make_job: MakeJob) -> None:
    job = make_job(iterations=2)
    job.curve.break_at = 2  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        TorchvisionTrainer().train(job)
    job.curve.break_at = None  # type: ignore[attr-defined]

    trained = TorchvisionTrainer().train(job)

    assert [(p["kind"], p["iteration"]) for p in points_of(job)] == [("train", 1), ("train", 2), ("validation", 2)]
    assert trained.effective["resumes"] == 0


def test_validating_changes_nothing_in_training(make_job: MakeJob) -> None:
    often = make_job(folder="often", iterations=4, validate_every=1)
    rarely = make_job(folder="rarely", iterations=4)

    for job in (often, rarely):
        TorchvisionTrainer().train(job)

    weights = read_weights(rarely)
    assert all(torch.equal(value, weights[name]) for name, value in read_weights(often).items())


def test_a_damaged_checkpoint_falls_back_to_the_one_before(make_job: MakeJob) -> None:
    fields = {"iterations": 5, "checkpoint_every": 1}
    whole = make_job(folder="whole", **fields)
    TorchvisionTrainer().train(whole)
    job = make_job(**fields)
    job.curve.break_at = 4  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        TorchvisionTrainer().train(job)
    newest = find_checkpoints(job.folder)[0]
    assert newest.name == "checkpoint-00000003.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    job.curve.break_at = None  # type: ignore[attr-defined]

    TorchvisionTrainer().train(job)

    assert job.curve.list_results() == whole.curve.list_results()  # type: ignore[attr-defined]


def test_seeds_differ_and_repeat(make_job: MakeJob) -> None:
    jobs = [make_job(folder=f"run{i}", iterations=1, seed=seed) for i, seed in enumerate((1, 1, 2))]
    for job in jobs:
        TorchvisionTrainer().train(job)

    one, same, other = (job.curve.list_results() for job in jobs)  # type: ignore[attr-defined]
    assert one == same
    assert one[0]["loss"] != other[0]["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_learning_rate_that_explodes_is_an_outcome(make_job: MakeJob, optimizer: str) -> None:
    job = make_job(iterations=30, learning_rate=1e9, optimizer=optimizer, checkpoint_every=1)

    trained = TorchvisionTrainer().train(job)

    assert trained.outcome == "diverged"
    assert trained.reason is not None
    assert "loss was " in trained.reason or "weights are not finite" in trained.reason
    assert not (job.folder / "weights.pt").exists()
    assert find_checkpoints(job.folder) == []


def test_the_reason_of_a_divergence_says_where_and_at_which_rate(make_job: MakeJob) -> None:
    job = make_job(iterations=40, learning_rate=1e30, optimizer="sgd")

    trained = TorchvisionTrainer().train(job)

    assert trained.reason is not None
    assert trained.reason.startswith(("loss was nan at iteration ", "loss was inf at iteration "))
    assert "(learning rate 1e+30)" in trained.reason
    assert trained.effective["learning_rate_max"] == 1e30


def test_micro_batches_make_one_step_a_batch(make_job: MakeJob) -> None:
    job = make_job(iterations=2, batch_size=5, micro_batch_size=2)

    trained = TorchvisionTrainer().train(job)

    assert (trained.effective["optimizer_steps"], trained.effective["images_seen"]) == (2, 10)
    assert trained.effective["micro_batch_size"] == 2
    assert points_of(job)[0]["proposals_entered"] == 60


def test_a_batch_denser_than_all_before_is_told_before_it_is_begun(make_job: MakeJob) -> None:
    told: list[str] = []
    job = make_job(iterations=6, batch_size=2, micro_batch_size=1)
    TorchvisionTrainer().train(dataclasses.replace(job, at_work=told.append))
    pattern = r"batch of 2 in micro-batches of 1, densest image of the batch has (\d) objects \(train\d\.png\)"
    counts = [int(match[1]) for what in told if (match := re.fullmatch(pattern, what))]
    assert len(counts) == len(told)
    assert counts == sorted(set(counts))
    assert counts[-1] == 2  # no image has more


def test_the_best_weights_are_kept_where_the_rule_says_so(make_job: MakeJob) -> None:
    values = iter([1.0, None, 3.0, 3.0, 2.0])
    job = make_job(iterations=5, validate_every=1, checkpoint_rule="best", measure=lambda *_: {"mask/AP": next(values)})
    trained = TorchvisionTrainer().train(job)
    third = make_job(folder="third", iterations=3, measure=lambda *_: {})
    TorchvisionTrainer().train(third)

    assert trained.effective["best_iteration"] == 3
    weights = read_weights(third)
    assert all(torch.equal(value, weights[name]) for name, value in read_weights(job).items())


def test_the_best_weights_survive_an_interruption(make_job: MakeJob) -> None:
    def measure_first_best(count: dict[str, int]) -> Callable[..., dict[str, float | None]]:
        def measure(lines: object, ids: object) -> dict[str, float | None]:
            count["calls"] = count.get("calls", 0) + 1
            return {"mask/AP": 10.0 if count["calls"] == 1 else 1.0}

        return measure

    count: dict[str, int] = {}
    fields: dict[str, Any] = {"iterations": 4, "validate_every": 1, "checkpoint_every": 1, "checkpoint_rule": "best"}
    job = make_job(measure=measure_first_best(count), **fields)
    job.curve.break_at = 3  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        TorchvisionTrainer().train(job)
    job.curve.break_at = None  # type: ignore[attr-defined]

    assert TorchvisionTrainer().train(job).effective["best_iteration"] == 1


def test_an_objective_that_is_not_measured_is_refused(make_job: MakeJob) -> None:
    job = make_job(iterations=1, checkpoint_rule="best", validate_every=1, objective="mask/AQ")

    with pytest.raises(ValueError, match=r"mask/AQ is not measured on validation; measured are mask/AP"):
        TorchvisionTrainer().train(job)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"precision": "bf16"}, "bf16 needs a CUDA device"),
        ({"device": "cuda:7"}, "cuda:7 is not there"),
        ({"device": "meta"}, "meta is not supported"),
    ],
)
def test_what_cannot_be_trained_here_is_refused_at_once(
    make_job: MakeJob, fields: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TorchvisionTrainer().train(make_job(**fields))


def test_a_resnet_trains_and_predicts(make_job: MakeJob) -> None:
    job = make_job(
        name="mask_rcnn",
        backbone="resnet18",
        optimizer="sgd",
        learning_rate=0.01,
        iterations=2,
        image_min_size=64,
        image_max_size=96,
        frozen_stages=1,
        validation_images=1,
    )

    trained = TorchvisionTrainer().train(job)

    assert trained.outcome == "finished"
    assert trained.effective["anchors_per_level"] == [16 * 24 * 3, 8 * 12 * 3, 4 * 6 * 3, 2 * 3 * 3, 1 * 2 * 3]
    assert trained.effective["trainable_parameters"] == trained.effective["parameters"] - 64 * 3 * 49 - 128
    assert trained.effective["image_max_size"] == 96
    assert points_of(job)[0]["proposals_entered"] == 20 + 20 + 20 + 18 + 6
    assert trained.effective["feature_levels"] == ["P2", "P3", "P4", "P5", "P6"]
    assert trained.effective["proposals_entered_per_level"] == [20, 20, 20, 18, 6]


def test_training_starts_from_the_weights_of_a_file_and_resumes_without_it(make_job: MakeJob) -> None:
    donor = make_job(folder="donor", iterations=1)
    TorchvisionTrainer().train(donor)
    path = donor.folder / "weights.pt"
    job = make_job(iterations=2, checkpoint_every=1, learning_rate=1e-12, weights=str(path))
    job.curve.break_at = 2  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        TorchvisionTrainer().train(job)
    given = read_weights(donor)
    shutil.rmtree(donor.folder)
    job.curve.break_at = None  # type: ignore[attr-defined]

    TorchvisionTrainer().train(job)

    found = read_weights(job)
    assert torch.allclose(found["backbone.stem.0.weight"], given["backbone.stem.0.weight"], atol=1e-9)


def test_predictions_of_the_last_validation_are_those_of_the_final_weights(make_job: MakeJob) -> None:
    job = make_job(iterations=1)
    trainer = TorchvisionTrainer()
    trainer.train(job)

    known = trainer.predict(job, "validation")
    again = trainer.predict(job, "validation")

    assert known is not again
    assert known.predictions == again.predictions == TorchvisionTrainer().predict(job, "validation").predictions
    assert known.proposals.keys() == again.proposals.keys() == {10, 11, 12, 13}
    assert all((boxes == again.proposals[id_]).all() for id_, boxes in known.proposals.items())
    assert len(known.predictions) == 4 * 5


def test_other_evaluation_settings_predict_otherwise_with_the_same_weights(make_job: MakeJob) -> None:
    trainer = TorchvisionTrainer()
    trainer.train(make_job(iterations=1))

    predicted = trainer.predict(make_job(iterations=1, detections_per_image=2), "validation")

    assert len(predicted.predictions) == 4 * 2


def test_top_k_at_test_time_needs_no_other_weights(make_job: MakeJob) -> None:
    trainer = TorchvisionTrainer()
    trainer.train(make_job(iterations=1))

    predicted = trainer.predict(make_job(iterations=1, rpn_pre_nms_top_n_test=3), "validation")

    measures = {measure.name: measure.value for measure in predicted.measures}
    assert measures["test/proposals_entered"] == 3 + 3 + 3
    assert all(0 < len(boxes) <= 9 for boxes in predicted.proposals.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": "nowhere.pt"}, "no file nowhere.pt"),
        ({"weights": "coco"}, "no coco weights for compact"),
    ],
)
def test_settings_that_cannot_be_built_are_refused_before_anything_starts(
    make_job: MakeJob, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        TorchvisionTrainer().prepare(make_job(**fields).setting)


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        ({"weights": "coco"}, "weights", "no coco weights for compact"),
        ({"anchor_sizes": ((8,),)}, "anchor_sizes", "1 levels, but compact has 3"),
        ({"name": "mask_rcnn"}, "backbone", "needs one of resnet18"),
        ({"name": "mask_rcnn", "backbone": "resnet18", "frozen_stages": 1}, "frozen_stages", "where model.weights is"),
    ],
)
def test_settings_that_contradict_themselves_are_refused_by_key(
    make_job: MakeJob, fields: dict[str, Any], key: str, message: str
) -> None:
    refused = TorchvisionTrainer().check(make_job(**fields).setting)
    assert list(refused) == [key]
    assert message in refused[key]


def test_settings_that_can_be_built_are_accepted(make_job: MakeJob) -> None:
    trainer = TorchvisionTrainer()

    trainer.prepare(make_job().setting)
    trainer.prepare(make_job(name="mask_rcnn", backbone="resnet50").setting)
