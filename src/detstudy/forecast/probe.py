"""The process that measures one setting's cost: `python -m detstudy.forecast.probe`.

Its assignment on standard input is one line of JSON, as is the answer on standard output; what libraries print goes to
standard error.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from detstudy.errors import InputError
from detstudy.evaluation import load_ground_truth
from detstudy.execution.executors.assignment import Assignment, read_assignment
from detstudy.execution.work import evaluate_predicted, make_job
from detstudy.execution.worker import hold_lifeline
from detstudy.ledger import Ledger
from detstudy.study.trainer import make_trainer
from detstudy.trainers.contract import Predicted, RefusedError


def main() -> int:
    """Read the assignment, measure, answer with the probe's fields and what evaluation takes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    assignment = read_assignment()
    threading.Thread(target=hold_lifeline, daemon=True).start()
    try:
        answer = measure_run(assignment)
    except InputError as error:
        answer = {"refused": str(error)}
    answers.write(json.dumps(answer) + "\n")
    answers.close()
    return 0


def measure_run(assignment: Assignment) -> dict[str, Any]:
    """Return a setting's probe as plain values, with `evaluation_seconds` once and `evaluation_image_seconds`."""
    details = assignment.details
    ledger = Ledger(Path(assignment.folder))
    study = ledger.load_study()
    trainer = make_trainer(study.trainer.choice)
    if not callable(getattr(trainer, "probe", None)):
        raise RefusedError(f"trainer: {study.trainer.name}: has no probe, so nothing can be forecast")
    run = next(run for run in ledger.load_plan().runs if run.setting_id == details["setting_id"])
    probes = ledger.folder / "probes"
    probes.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=probes))
    job = dataclasses.replace(
        make_job(run, study, ledger, assignment.place, _NoCurve()),
        folder=folder,
        memory_limit=details["memory_limit"],
        largest_micro_batch=details.get("largest_micro_batch"),
    )
    probe = trainer.probe(job)
    names = [field.name for field in dataclasses.fields(probe) if field.name != "predicted"]
    answer: dict[str, Any] = {name: getattr(probe, name) for name in names}
    if probe.predicted is not None:
        start = time.perf_counter()
        once, each = time_evaluation(probe.predicted, ledger.ground_truth_path("validation"))
        answer["timed_seconds"] += time.perf_counter() - start
        measures = {measure.name: measure.value for measure in probe.predicted.measures}
        prediction = measures.get("test/seconds_per_image") or 0.0
        answer |= {"prediction_seconds": prediction, "evaluation_seconds": once, "evaluation_image_seconds": each}
    return answer


def time_evaluation(predicted: Predicted, path: Path) -> tuple[float, float]:
    """Return the seconds that evaluating a run takes once, and those of each image with predictions."""
    start = time.perf_counter()
    truth = load_ground_truth(path)
    evaluate_predicted(predicted, truth)
    first = time.perf_counter()
    evaluate_predicted(predicted, truth)
    second = time.perf_counter()
    evaluate_predicted(Predicted(predictions=[]), truth)
    third = time.perf_counter()
    images = {line["image_id"] for line in predicted.predictions}
    each = max(0.0, (second - first) - (third - second)) / max(1, len(images))
    return first - start - each * len(images), each


class _NoCurve:
    """Keeps no points: a probe is no run."""

    def append(self, point: dict[str, Any]) -> None:
        pass

    def rewind(self, iteration: int) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main())
