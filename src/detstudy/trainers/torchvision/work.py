"""What detstudy's own trainer does, with torch."""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path

import torch

from detstudy.data import Dataset
from detstudy.numbers import format_size
from detstudy.study.setting import Measure, Outcome, Setting, SplitName
from detstudy.trainers.contract import Job, MemoryShortageError, Predicted, Probe, RefusedError, Trained
from detstudy.trainers.torchvision.checkpoint import (
    FINAL_WEIGHTS,
    is_intact,
    remove_checkpoints,
    write_tensors,
    write_text,
)
from detstudy.trainers.torchvision.detector import build_detector, find_nonfinite, load_initial_weights
from detstudy.trainers.torchvision.device import choose_dtype, open_device
from detstudy.trainers.torchvision.loop import DivergedError, describe_batch, run_loop
from detstudy.trainers.torchvision.memory import (
    describe_room,
    is_out_of_memory,
    limited_memory,
    measure_need,
    measure_peak,
    reset_peak,
)
from detstudy.trainers.torchvision.prediction import predict_images
from detstudy.trainers.torchvision.probe import measure_cost
from detstudy.trainers.torchvision.receipts import describe_effective, list_measures
from detstudy.trainers.torchvision.session import Session, open_session
from detstudy.trainers.torchvision.weights import WeightsError, read_weights

ENDED = "trained.json"


class TorchvisionWork:
    """Trains Mask R-CNN from torchvision's parts; one run, one process, on one device.

    In the job's folder it keeps the last two checkpoints while it trains. At the end they give way to `weights.pt` (a
    state dict) and `trained.json` (what `train` returned), so that training a folder that has ended returns at once.
    """

    def __init__(self) -> None:
        self._checked: set[Setting] = set()
        self._predicted: tuple[Path, Setting, Predicted] | None = None

    def prepare(self, setting: Setting) -> None:
        """Check that the setting's detector can be built and its weights be had; downloads published ones.

        Raises RefusedError (WeightsError) with the remedy. Precision is checked when the device is known, in `train`.
        """
        if setting.part("model") in self._checked:
            return
        with torch.device("meta"):
            build_detector(setting, class_count=1)
        if setting["weights"] != "none":
            load_initial_weights(build_detector(setting, class_count=1), setting)
        self._checked.add(setting.part("model"))

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
                dataset = job.data()
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
            remove_checkpoints(job.folder)
            need = measure_need(device, error)
            reason = describe_shortage(job, session, dataset, _describe_need(job, device, need))
            ended = _end(session, job, "out_of_memory", reason, dataset)
            known: dict[str, object] = {"out_of_memory_in": session.doing if session is not None else "loading"}
            if _is_at_limit(job, device, need):
                known["limit_memory_bytes"] = job.memory_limit
            return dataclasses.replace(ended, effective={**ended.effective, **known})
        if predicted is not None and session.best_weights is None and job.monitoring.validation_images is None:
            self._predicted = (job.folder, job.setting.part("evaluation"), predicted)
        write_tensors(job.folder / FINAL_WEIGHTS, session.best_weights or session.detector.state_dict())
        trained = _end(session, job, "finished", None, dataset)
        _write_ended(job.folder, trained)
        remove_checkpoints(job.folder)
        return trained

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Predict the split with `weights.pt` of the job's folder, by the job's evaluation setting.

        The last validation of `train` has predicted the validation split with these weights already: its predictions
        are handed out, once, in place of the same ones computed again. Raises WeightsError where there are no weights,
        RefusedError where the data has no such split, MemoryShortageError where memory runs out.
        """
        known, self._predicted = self._predicted, None
        if known is not None and known[:2] == (job.folder, job.setting.part("evaluation")) and split == "validation":
            return known[2]
        device = open_device(job)
        reset_peak(device)
        try:
            dataset = job.data()
            if split not in dataset.splits:
                raise RefusedError(f"the data has no {split} split; it has {', '.join(dataset.splits)}")
            detector = build_detector(job.setting, len(dataset.classes))
            weights = job.folder / FINAL_WEIGHTS
            if not is_intact(weights):
                raise WeightsError(f"{weights} is missing or damaged; delete the run's folder to train it again")
            detector.load_state_dict(read_weights(weights))
            detector.to(device)
            with limited_memory(device, job.memory_limit):
                return predict_images(
                    detector, dataset.splits[split], dataset.category_ids, device, heartbeat=job.heartbeat
                )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            need = measure_need(device, error)
            text = f"{_describe_need(job, device, need)}, predicting {split}"
            raise MemoryShortageError(text, job.memory_limit if _is_at_limit(job, device, need) else None) from error

    def probe(self, job: Job) -> Probe:
        """Measure what a run of the setting would cost; memory that runs out is a shortage. Raises as `train`."""
        device = open_device(job)
        choose_dtype(job.setting, device)
        reset_peak(device)
        try:
            with limited_memory(device, job.memory_limit):
                dataset = job.data()
                return measure_cost(open_session(job, len(dataset.classes), device), job, dataset)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            need = measure_need(device, error)
            reason = f"{_describe_need(job, device, need)}, batch of {job.setting['batch_size']}"
            return Probe(shortage=reason, peak_memory_bytes=need)


def describe_shortage(job: Job, session: Session | None, dataset: Dataset | None, need: str) -> str:
    """Return the reason of a run that ran out of memory: how much it needed at least, and what drives that.

    While training it names the batch at work and its densest image.
    """
    if session is None or dataset is None:
        return f"{need}, loading data and weights"
    if session.doing == "validation":
        return f"{need}, validating"
    return f"{need}, {describe_batch(job, dataset.splits['train'], session.progress.iteration)}"


def _describe_need(job: Job, device: torch.device, need: int) -> str:
    return f"out of memory at {format_size(need)} ({describe_room(device, job.memory_limit)})"


def _is_at_limit(job: Job, device: torch.device, need: int) -> bool:
    """Whether memory ran out at the job's limit, and not at what other processes left of a GPU.

    On a CPU an error under a limit is taken for the limit's: where the machine has no more the system kills instead.
    """
    return job.memory_limit is not None and (device.type == "cpu" or need > job.memory_limit)


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
    state = json.dumps(dataclasses.asdict(trained), sort_keys=True)
    write_text(folder / ENDED, json.dumps({"trained": json.loads(state), "crc": zlib.crc32(state.encode())}, indent=1))


def _read_ended(folder: Path) -> Trained | None:
    """Return how a finished training ended, None where its weights or its record are missing or damaged."""
    if not is_intact(folder / FINAL_WEIGHTS):
        return None
    try:
        document = json.loads((folder / ENDED).read_text(encoding="utf-8"))
        state, crc = document["trained"], document["crc"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if zlib.crc32(json.dumps(state, sort_keys=True).encode()) != crc:
        return None
    return Trained(**{**state, "measures": tuple(Measure(**measure) for measure in state["measures"])})
