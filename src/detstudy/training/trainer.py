"""detstudy's own trainer: what the executor calls."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import torch

from detstudy.data import Dataset, read_dataset
from detstudy.setting import DataSetting, EvaluationSetting, Measure, ModelSetting, Outcome, Setting, SplitName
from detstudy.trainer import Job, Predicted, RefusedError, Trained
from detstudy.training.checkpoint import FINAL_WEIGHTS, remove_checkpoints, write_tensors
from detstudy.training.detector import build_detector, find_nonfinite, load_initial_weights
from detstudy.training.device import choose_dtype, open_device
from detstudy.training.loop import DivergedError, run_loop
from detstudy.training.memory import (
    GIB,
    is_out_of_memory,
    limited_memory,
    measure_need,
    measure_peak,
    reset_peak,
)
from detstudy.training.prediction import predict_images
from detstudy.training.receipts import describe_effective, list_measures
from detstudy.training.session import Session, open_session
from detstudy.training.weights import read_weights

ENDED = "trained.json"


class TorchvisionTrainer:
    """Trains Mask R-CNN from torchvision's parts; one run, one process, on one device.

    In the job's folder it keeps the last two checkpoints while it trains. At the end they give way to `weights.pt` (a
    state dict) and `trained.json` (what `train` returned), so that training a folder that has ended returns at once.
    """

    def __init__(self) -> None:
        self._checked: set[ModelSetting] = set()
        self._dataset: tuple[DataSetting, Dataset] | None = None
        self._predicted: tuple[Path, EvaluationSetting, Predicted] | None = None

    def prepare(self, setting: Setting) -> None:
        """Check that the setting's detector can be built and its weights be had; downloads published ones.

        Raises RefusedError (WeightsError) with the remedy. Precision is checked when the device is known, in `train`.
        """
        if setting.model in self._checked:
            return
        with torch.device("meta"):
            build_detector(setting, class_count=1)
        if setting.model.weights != "none":
            load_initial_weights(build_detector(setting, class_count=1), setting.model)
        self._checked.add(setting.model)

    def train(self, job: Job) -> Trained:
        """Train to the end, going on from the newest good checkpoint in the job's folder.

        On a CPU a run that goes on equals one that was never interrupted, clock times apart. Non-finite losses or
        weights and memory that runs out are outcomes. Raises RefusedError for a setting that can't be trained here
        (WeightsError where weights can't be had), DataError for faults of the data.
        """
        ended = _read_ended(job.folder)
        if ended is not None:
            return ended
        device = open_device(job)
        choose_dtype(job.setting, device)
        reset_peak(device)
        session: Session | None = None
        dataset: Dataset | None = None
        try:
            with limited_memory(device, job.memory_limit):
                dataset = self._read_dataset(job.data)
                session = open_session(job, len(dataset.classes), device)
                predicted = run_loop(session, job, dataset)
            broken = find_nonfinite(session.detector)
            if broken:
                raise DivergedError(f"weights are not finite at the end ({broken[0]} and {len(broken) - 1} more)")
        except DivergedError as error:
            remove_checkpoints(job.folder)
            return _end(session, job, "diverged", str(error), dataset)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = describe_shortage(job, dataset, measure_need(device, error))
            return _end(session, job, "out_of_memory", reason, dataset)
        if predicted is not None and session.best_weights is None and job.monitoring.validation_images is None:
            self._predicted = (job.folder, job.setting.evaluation, predicted)
        write_tensors(job.folder / FINAL_WEIGHTS, session.best_weights or session.detector.state_dict())
        trained = _end(session, job, "finished", None, dataset)
        _write_ended(job.folder, trained)
        remove_checkpoints(job.folder)
        return trained

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Predict the split with `weights.pt` of the job's folder, by the job's evaluation setting.

        The last validation of `train` has predicted the validation split with these weights already: its predictions
        are handed out, once, in place of the same ones computed again. Raises WeightsError where there are no weights,
        RefusedError where the data has no such split.
        """
        known, self._predicted = self._predicted, None
        if known is not None and known[:2] == (job.folder, job.setting.evaluation) and split == "validation":
            return known[2]
        device = open_device(job)
        dataset = self._read_dataset(job.data)
        if split not in dataset.splits:
            raise RefusedError(f"the data has no {split} split; it has {', '.join(dataset.splits)}")
        detector = build_detector(job.setting, len(dataset.classes))
        detector.load_state_dict(read_weights(job.folder / FINAL_WEIGHTS))
        detector.to(device)
        with limited_memory(device, job.memory_limit):
            return predict_images(detector, dataset.splits[split], dataset.category_ids, device)

    def _read_dataset(self, data: DataSetting) -> Dataset:
        """Read a data set once for the training and the evaluations of a run."""
        if self._dataset is None or self._dataset[0] != data:
            self._dataset = (data, read_dataset(data))
        return self._dataset[1]


def describe_shortage(job: Job, dataset: Dataset | None, need: int) -> str:
    """Return the reason of a run that ran out of memory: how much it needed at least, and what drives that."""
    limit = f" (limit {job.memory_limit / GIB:.1f} GiB)" if job.memory_limit is not None else ""
    training = job.setting.training
    parts = [f"out of memory at {need / GIB:.1f} GiB{limit}", f"batch of {training.batch_size}"]
    if training.micro_batch_size is not None and training.micro_batch_size < training.batch_size:
        parts[-1] += f" in micro-batches of {training.micro_batch_size}"
    if dataset is not None:
        records = dataset.splits["train"]
        densest = max((sum(not a.crowd for a in record.annotations) for record in records), default=0)
        parts.append(f"densest image has {densest} objects")
    return ", ".join(parts)


def _end(session: Session | None, job: Job, outcome: Outcome, reason: str | None, dataset: Dataset | None) -> Trained:
    """Return how the training ended, with all that is known of it."""
    if session is None or dataset is None:
        return Trained(outcome=outcome, reason=reason)
    session.progress.peak_memory = max(session.progress.peak_memory, measure_peak(session.device))
    return Trained(
        outcome=outcome,
        reason=reason,
        measures=list_measures(session.progress),
        effective=describe_effective(session, job, len(dataset.splits["train"])),
    )


def _write_ended(folder: Path, trained: Trained) -> None:
    temporary = folder / f".{ENDED}.{os.getpid()}"
    temporary.write_text(json.dumps(dataclasses.asdict(trained), indent=1), encoding="utf-8")
    os.replace(temporary, folder / ENDED)


def _read_ended(folder: Path) -> Trained | None:
    """Return how a finished training ended, None where its weights or its record are missing."""
    path = folder / ENDED
    if not path.is_file() or not (folder / FINAL_WEIGHTS).is_file():
        return None
    state = json.loads(path.read_text(encoding="utf-8"))
    return Trained(**{**state, "measures": tuple(Measure(**measure) for measure in state["measures"])})
