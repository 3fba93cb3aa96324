"""One run from claim to result: train, predict, evaluate, write. The same code in a worker process and in a test."""

from __future__ import annotations

import functools
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from detstudy.evaluation import (
    GroundTruth,
    evaluate,
    load_ground_truth,
    load_predictions,
    measure_proposal_recall,
    relate_errors,
    save_matches,
)
from detstudy.execution.provenance import describe_machine
from detstudy.ledger import Ledger
from detstudy.ledger.files import write_atomically
from detstudy.plan import PlannedRun
from detstudy.setting import Measure, SplitName
from detstudy.study import Study
from detstudy.trainer import Curve, Job, Prediction, Trainer

EXIT_HELD = 75
EXIT_REFUSED = 78
"""How a worker process says that another has the run, or that the setting can't be trained here."""

Notify = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One training and its evaluations: the runs have the same weights and differ in evaluation only."""

    runs: tuple[PlannedRun, ...]
    splits: tuple[SplitName, ...] = ("validation",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task is worked on."""

    device: str = "cpu"
    threads: int = 1
    workers: int = 1


class NotifyingCurve:
    """Hands every point on to the one who watches, after the ledger has it."""

    def __init__(self, curve: Curve, notify: Notify) -> None:
        self._curve = curve
        self._notify = notify

    def append(self, point: dict[str, Any]) -> None:
        """Add a point."""
        self._curve.append(point)
        self._notify(point)

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration."""
        self._curve.rewind(iteration)
        self._notify({"kind": "resumed", "iteration": iteration})


def is_task_due(ledger: Ledger, task: Task) -> bool:
    """Whether anything of the task is left to do."""
    if ledger.is_training_due(task.runs[0]):
        return True
    return any(ledger.is_evaluation_due(run, split) for run in task.runs for split in task.splits)


def work_on(
    task: Task, study: Study, ledger: Ledger, trainer: Trainer, place: Place, notify: Notify = lambda _: None
) -> None:
    """Do what is left of a task. Raises LeaseHeldError where another worker has it; a crash becomes a result."""
    with ledger.claim(task.runs[0]):
        if ledger.is_training_due(task.runs[0]):
            train_run(task.runs[0], study, ledger, trainer, place, notify)
        for run in task.runs:
            for split in task.splits:
                if ledger.is_evaluation_due(run, split):
                    notify({"kind": "evaluating", "split": split})
                    evaluate_run(run, split, study, ledger, trainer, place)


def train_run(run: PlannedRun, study: Study, ledger: Ledger, trainer: Trainer, place: Place, notify: Notify) -> None:
    """Train a run and write its result."""
    ledger.start_run(run, describe_machine(place.device, place.workers))
    job = make_job(run, study, ledger, place, NotifyingCurve(ledger.open_curve(run), notify))
    try:
        trained = trainer.train(job)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        ledger.end_run(run, "crashed", describe_error(error))
        return
    ledger.end_run(run, trained.outcome, trained.reason, trained.measures, trained.effective)


def evaluate_run(
    run: PlannedRun, split: SplitName, study: Study, ledger: Ledger, trainer: Trainer, place: Place
) -> None:
    """Predict a split with a run's weights and write predictions, matches and measures."""
    folder = ledger.evaluation_folder(run, split)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        predicted = trainer.predict(make_job(run, study, ledger, place, ledger.open_curve(run)), split)
        truth = load_ground_truth(ledger.ground_truth_path(split))
        checked = load_predictions(predicted.predictions, truth)
        matches, summary = evaluate(truth, checked)
        errors = relate_errors(truth, checked, matches)
        recall = measure_proposal_recall(truth, predicted.proposals)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        ledger.end_evaluation(run, split, "crashed", f"evaluation: {describe_error(error)}")
        return
    write_atomically(folder / "predictions.json", json.dumps(predicted.predictions).encode())
    save_matches(folder / "matches.npz", matches, errors)
    measured = tuple(
        Measure(name=name, value=value, unit="AP", reason=summary.undefined.get(name))
        for name, value in summary.measures.items()
    )
    ledger.end_evaluation(run, split, "finished", None, (*measured, *recall, *predicted.measures), summary.per_class)


def make_job(run: PlannedRun, study: Study, ledger: Ledger, place: Place, curve: Curve) -> Job:
    """Return what the trainer is told of a run."""

    @functools.cache
    def load_truth() -> GroundTruth:
        return load_ground_truth(ledger.ground_truth_path("validation"))

    def measure(predictions: Sequence[Prediction], image_ids: Sequence[int]) -> dict[str, float | None]:
        return evaluate(load_truth(), list(predictions), image_ids)[1].measures

    return Job(
        setting=run.setting,
        seed=run.seed,
        data=study.data,
        monitoring=study.monitoring,
        objective=study.objective,
        folder=ledger.run_folder(run),
        device=place.device,
        threads=place.threads,
        memory_limit=study.limits.memory,
        curve=curve,
        measure=measure,
    )


def describe_error(error: Exception) -> str:
    """Return an exception as one line; the traceback stands in the run's log.txt."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'} (see log.txt)"
