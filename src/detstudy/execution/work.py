"""One run from claim to result: train, predict, evaluate, write. The same code in a worker process and in a test."""

from __future__ import annotations

import errno
import functools
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detstudy.data import Dataset
from detstudy.data.packing import unpack_records
from detstudy.evaluation import (
    GroundTruth,
    Kind,
    Matches,
    evaluate,
    evaluate_checked,
    load_ground_truth,
    load_predictions,
    measure_proposal_recall,
    save_matches,
)
from detstudy.execution.events import AtWork, Evaluating, Event, Heartbeat, Point, Resumed
from detstudy.execution.provenance import describe_machine
from detstudy.execution.tasks import THREADS, Place, Task, Work
from detstudy.ledger import Effective, Ledger, read_effective
from detstudy.ledger.causes import Cause, Reason
from detstudy.ledger.files import write_atomically
from detstudy.plan import PlannedRun
from detstudy.study.setting import Measure, Outcome, SplitName
from detstudy.study.study import Study
from detstudy.trainers.contract import (
    Curve,
    Job,
    MemoryShortageError,
    Predicted,
    Prediction,
    RefusedError,
    Trained,
    Trainer,
    choose_micro_batch,
)

EXIT_HELD = 75
EXIT_REFUSED = 78
"""How a worker process says that another has the run, or that the setting can't be trained here."""

STACKS_SIGNAL = signal.SIGUSR1
"""Makes a worker process write its threads' stacks into its log."""

HEARTBEAT_SECONDS = 1.0
"""How often at most a worker says that it is alive."""

NO_ROOM_REMEDY = "make room there, or let it be written to, and run again; everything that ended is kept"

Notify = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """What predictions came to."""

    matches: dict[Kind, Matches]
    measures: tuple[Measure, ...]
    per_class: dict[str, dict[str, float | None]]


class TimeUpError(Exception):
    """A run has trained as long as it may."""


class WatchedCurve:
    """Hands every point on to the one who watches, after the ledger has it; ends a run that has trained too long."""

    def __init__(self, curve: Curve, notify: Notify, iterations: int, limit_hours: float | None) -> None:
        self._curve = curve
        self._notify = notify
        self._iterations = iterations
        self._limit_hours = limit_hours
        self.last: dict[str, Any] = {}

    def append(self, point: dict[str, Any]) -> None:
        """Add a point. Raises TimeUpError where the training took more seconds than it may and is not done."""
        self._curve.append(point)
        self._notify(Point(point["kind"], point["iteration"], point["seconds"], point.get("loss")))
        self.last = point
        over = self._limit_hours is not None and point["seconds"] > 3600 * self._limit_hours
        if over and point["iteration"] < self._iterations:
            raise TimeUpError

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration."""
        self._curve.rewind(iteration)
        self._notify(Resumed(iteration))


def do_work(
    work: Work, study: Study, ledger: Ledger, trainer: Trainer, place: Place, notify: Notify = lambda _: None
) -> None:
    """Do a piece of work here, whichever it is. Raises what `work_on` does, and RefusedError."""
    if isinstance(work, Task):
        work_on(work, study, ledger, trainer, place, notify)
    else:
        for setting in ledger.load_plan().settings:
            trainer.prepare(setting.setting)


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
                    notify(Evaluating(split))
                    evaluate_run(run, split, study, ledger, trainer, place, notify)


def train_run(run: PlannedRun, study: Study, ledger: Ledger, trainer: Trainer, place: Place, notify: Notify) -> None:
    """Train a run and write its result."""
    ledger.start_run(run, replace(describe_machine(place.device, place.workers), trainer=study.trainer.name))
    curve = WatchedCurve(ledger.open_curve(run), notify, run.setting.get("iterations", 0), study.limits.hours)
    job, shortages = make_job(run, study, ledger, place, curve, notify), ledger.list_shortages(run)
    said: Reason | str | None
    try:
        trained = trainer.train(job)
    except TimeUpError:
        seconds = Measure(name="train/seconds", value=curve.last["seconds"], unit="s")
        reason = Reason(cause=Cause.HOURS, number=study.limits.hours or 0, iteration=curve.last["iteration"])
        ledger.end_run(run, "timed_out", reason, (seconds,), Effective(limit_hours=study.limits.hours))
        return
    except RefusedError:
        raise  # a setting that this trainer or device can't train is wrong input, the next try would end so too
    except Exception as error:
        outcome, said = judge_error(error)
        trained = Trained(outcome=outcome)
    else:
        outcome, said = trained.outcome, trained.reason
    effective = read_effective(trained.effective)
    if outcome == "out_of_memory":
        size = choose_micro_batch(job.setting, job.largest_micro_batch)
        effective = replace(effective, micro_batch_size=size)
    elif job.largest_micro_batch and shortages and effective.accumulation and said is None:
        said = Reason(cause=Cause.SECOND_TRY, text=effective.accumulation, first=shortages[0].reason)
    ledger.end_run(run, outcome, said, trained.measures, effective)


def evaluate_run(
    run: PlannedRun, split: SplitName, study: Study, ledger: Ledger, trainer: Trainer, place: Place, notify: Notify
) -> None:
    """Predict a split with a run's weights and write predictions, matches and measures."""
    folder = ledger.evaluation_folder(run, split)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        predicted = trainer.predict(make_job(run, study, ledger, place, ledger.open_curve(run), notify), split)
        notify(Heartbeat())
        truth = load_ground_truth(ledger.ground_truth_path(split))
        evaluated = evaluate_predicted(predicted, truth)
    except Exception as error:
        outcome, reason = judge_error(error)
        limit = error.limit if isinstance(error, MemoryShortageError) else None
        effective = Effective(limit_memory_bytes=limit)
        ledger.end_evaluation(run, split, outcome, replace(reason, evaluating=True), effective=effective)
        return
    write_atomically(folder / "predictions.json", json.dumps(predicted.predictions).encode())
    save_matches(folder / "matches.npz", evaluated.matches)
    measures = (*evaluated.measures, *predicted.measures)
    provenance = describe_machine(place.device, place.workers)
    ledger.end_evaluation(run, split, "finished", None, measures, evaluated.per_class, provenance=provenance)


def evaluate_predicted(predicted: Predicted, truth: GroundTruth) -> Evaluated:
    """Check, match and measure what a trainer predicted. Raises EvaluationError where it does not fit the truth."""
    checked = load_predictions(predicted.predictions, truth)
    matches, summary = evaluate_checked(truth, checked)
    measured = (
        Measure(name=name, value=value, unit="AP", reason=summary.undefined.get(name))
        for name, value in summary.measures.items()
    )
    return Evaluated(
        matches=matches,
        measures=(*measured, *measure_proposal_recall(truth, predicted.proposals)),
        per_class=summary.per_class,
    )


def make_job(
    run: PlannedRun, study: Study, ledger: Ledger, place: Place, curve: Curve, notify: Notify = lambda _: None
) -> Job:
    """Return what a trainer gets to know of a run."""

    @functools.cache
    def read_records() -> Dataset:
        return unpack_records(ledger.records_path, Path(study.data.root)).dataset

    @functools.cache
    def load_truth() -> GroundTruth:
        return load_ground_truth(ledger.ground_truth_path("validation"))

    def measure(predictions: Sequence[Prediction], image_ids: Sequence[int]) -> dict[str, float | None]:
        return evaluate(load_truth(), list(predictions), image_ids)[1].measures

    last = -HEARTBEAT_SECONDS

    def heartbeat() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= HEARTBEAT_SECONDS:
            last = now
            notify(Heartbeat())

    return Job(
        setting=run.setting,
        seed=run.seed,
        data=read_records,
        monitoring=study.monitoring,
        objective=study.objective,
        folder=ledger.run_folder(run),
        device=place.device,
        threads=THREADS,
        memory_limit=study.limits.memory,
        curve=curve,
        measure=measure,
        largest_micro_batch=ledger.find_largest_micro_batch(run),
        at_work=lambda what: notify(AtWork(what)),
        heartbeat=heartbeat,
    )


def is_unwritable(error: Exception) -> bool:
    """Whether an error says that nothing can be written here: a full disk or quota, a read-only file system."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def judge_error(error: Exception) -> tuple[Outcome, Reason]:
    """Return the outcome and the reason of a trainer's error, in one line; the run's log.txt gets the traceback.

    Raises the error itself where nothing can be written here: no fault of the run, which goes on when there is room.
    """
    if is_unwritable(error):
        raise error
    traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, MemoryShortageError):
        return "out_of_memory", Reason(cause=Cause.TRAINER, text=str(error))
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    if isinstance(error, MemoryError):
        return "out_of_memory", Reason(cause=Cause.MEMORY_ERROR, text=text)
    return "crashed", Reason(cause=Cause.ERROR, text=text)
