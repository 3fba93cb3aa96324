"""The loop: batches in, steps, points of the curve, validations and checkpoints on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import torch

from detstudy.data import Dataset, ImageRecord
from detstudy.study.setting import Setting
from detstudy.trainers.contract import Job, Predicted, RefusedError, choose_micro_batch
from detstudy.trainers.torchvision.accumulation import share_losses
from detstudy.trainers.torchvision.batches import Batch, ImageCache, count_learned_objects, pick_images, stream_batches
from detstudy.trainers.torchvision.memory import lifted_limit, measure_peak
from detstudy.trainers.torchvision.optimizer import set_learning_rate
from detstudy.trainers.torchvision.prediction import predict_images
from detstudy.trainers.torchvision.progress import ProposalCounts, Window
from detstudy.trainers.torchvision.schedule import compute_multiplier
from detstudy.trainers.torchvision.session import Session
from detstudy.trainers.torchvision.validation import choose_validation_images, compute_validation_losses, drop_nonfinite


class DivergedError(ArithmeticError):
    """A loss that is not a number, or infinite: the run has ended."""


def run_loop(session: Session, job: Job, dataset: Dataset) -> Predicted | None:
    """Train from the session's iteration to the setting's last one; return what the last validation predicted.

    Validations happen where the monitoring says and at the end, checkpoints where it says; neither counts as training
    time. Raises DivergedError at the first non-finite loss, before a step is made with it.
    """
    setting, monitoring, progress = job.setting, job.monitoring, session.progress
    records = dataset.splits["train"]
    validation = choose_validation_images(dataset.splits["validation"], monitoring.validation_images)
    validation_cache = ImageCache()
    predicted, densest = None, -1
    session.detector.train()
    with closing(stream_batches(records, setting, job.seed, progress.iteration, session.device)) as batches:
        while progress.iteration < setting["iterations"]:
            start = time.perf_counter()
            batch = next(batches)
            data_seconds = time.perf_counter() - start
            objects = max(len(target["labels"]) for target in batch.targets)
            if objects > densest:
                densest = objects
                job.at_work(describe_batch(job, records, progress.iteration))
            take_step(session, batch, setting)
            job.heartbeat()
            done = progress.iteration
            last = done == setting["iterations"]
            log = last or done % monitoring.log_every == 0
            validate = last or (monitoring.validate_every is not None and done % monitoring.validate_every == 0)
            save = not last and done % monitoring.checkpoint_every == 0
            if log or validate or save:
                session.synchronize()
            seconds = time.perf_counter() - start
            progress.seconds += seconds
            progress.window.seconds += seconds
            progress.window.data_seconds += data_seconds
            if log:
                log_window(session, job)
            if validate:
                session.doing = "validation"
                predicted = validate_now(session, job, dataset, validation, validation_cache)
                session.doing = "training"
            if save:
                session.save(job)
    return predicted


def describe_batch(job: Job, records: Sequence[ImageRecord], iteration: int) -> str:
    """Return in words the size of the batch of an iteration (from 0), its parts, and which image has most objects."""
    size, micro = job.setting["batch_size"], choose_micro_batch(job.setting, job.largest_micro_batch)
    parts = f" in micro-batches of {micro}" if micro < size else ""
    batch = [records[index] for index in pick_images(len(records), job.seed, iteration * size, size)]
    densest = max(batch, key=count_learned_objects)
    objects = count_learned_objects(densest)
    return f"batch of {size}{parts}, densest image of the batch has {objects} objects ({densest.name})"


def take_step(session: Session, batch: Batch, setting: Setting) -> None:
    """Make one optimizer step from a batch and count it.

    The batch goes through in micro-batches of the session's size, each loss weighted by its share of what that loss
    averages over. Where norms are frozen that is the whole batch's gradient for the same samples; the samples are drawn
    in another order, and padding follows the micro-batch. Live batch norm sees the micro-batch alone.
    """
    detector, progress = session.detector, session.progress
    rate = setting["learning_rate"] * compute_multiplier(setting, progress.iteration)
    set_learning_rate(session.optimizer, rate)
    session.optimizer.zero_grad(set_to_none=True)
    count = len(batch.images)
    sums: dict[str, float] = {}
    proposals = ProposalCounts()
    parts = list(batch.split(progress.micro_batch_size or count))
    for micro, share in zip(parts, share_losses(session, parts), strict=True):
        with session.autocast():
            losses: dict[str, torch.Tensor] = detector(micro.images, micro.targets)
            total = torch.stack([value.float() * share[name] for name, value in losses.items()]).sum()
        # One transfer for all losses, and a wait for the device: NMS in the detector waits anyway.
        values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
        for name, value in zip(losses, values, strict=True):
            sums[name] = sums.get(name, 0.0) + value * share[name]
        if not math.isfinite(sum(sums.values())):
            raise DivergedError(describe_divergence(sums, progress.iteration, rate))
        session.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        proposals.add(detector.rpn.counts)
    _update_weights(session, setting)
    progress.use_rate(rate)
    progress.iteration += 1
    progress.images += count
    progress.proposals.add(proposals)
    progress.densest_image = max(progress.densest_image, *(len(target["labels"]) for target in batch.targets))
    progress.window.add(sums, proposals)


def describe_divergence(losses: dict[str, float], iteration: int, rate: float) -> str:
    """Return the reason of a diverged run: which losses were not finite, in which iteration (from 0), at which rate."""
    total = sum(losses.values())
    parts = [name for name, value in losses.items() if not math.isfinite(value)]
    where = f" ({', '.join(parts)})" if parts else ""
    return f"loss was {total} at iteration {iteration} (learning rate {rate:g}){where}"


def log_window(session: Session, job: Job) -> None:
    """Append a train point with the means since the last one, and begin a new window."""
    progress, window = session.progress, session.progress.window
    losses = window.average_losses()
    progress.final_loss = sum(losses.values())
    progress.peak_memory = max(progress.peak_memory, measure_peak(session.device))
    job.curve.append(
        {
            "kind": "train",
            "iteration": progress.iteration,
            "images": progress.images,
            "seconds": progress.seconds,
            "loss": progress.final_loss,
            "losses": losses,
            "learning_rate": progress.learning_rate_last,
            "data_seconds": window.data_seconds,
            "images_per_second": window.images / window.seconds if window.seconds > 0 else None,
            "memory_bytes": progress.peak_memory,
            "proposals_entered": window.proposals.average(sum(window.proposals.entered)),
            "proposals_survived": window.proposals.average(sum(window.proposals.survived)),
        }
    )
    progress.window = Window()


def validate_now(
    session: Session, job: Job, dataset: Dataset, records: Sequence[ImageRecord], cache: ImageCache
) -> Predicted:
    """Append a validation point and, where the rule is "best", keep the weights if they are the best so far."""
    progress = session.progress
    losses: dict[str, float] = compute_validation_losses(session, job, records, cache) if records else {}
    predicted = predict_images(session.detector, records, dataset.category_ids, session.device, cache, job.heartbeat)
    with lifted_limit(session.device, job.memory_limit):
        measures = job.measure(predicted.predictions, [record.id for record in records])
    point: dict[str, Any] = {
        "kind": "validation",
        "iteration": progress.iteration,
        "images": progress.images,
        "seconds": progress.seconds,
        "loss": drop_nonfinite(sum(losses.values())) if losses else None,
        "losses": {name: drop_nonfinite(value) for name, value in losses.items()},
        "measures": measures,
    }
    job.curve.append(point)
    if job.setting["checkpoint_rule"] == "best":
        _keep_best(session, measures, job.objective)
    return predicted


def _keep_best(session: Session, measures: dict[str, float | None], objective: str) -> None:
    """Copy the weights where the objective rose; one that is undefined never does."""
    if objective not in measures:
        raise RefusedError(f"objective {objective} is not measured on validation; measured are {', '.join(measures)}")
    value, progress = measures[objective], session.progress
    if value is None or (progress.best_value is not None and value <= progress.best_value):
        return
    progress.best_value, progress.best_iteration = value, progress.iteration
    session.best_weights = {name: tensor.cpu().clone() for name, tensor in session.detector.state_dict().items()}


def _update_weights(session: Session, setting: Setting) -> None:
    """Clip the gradients and step; counts a step that fp16's scaler leaves out."""
    optimizer, scaler = session.optimizer, session.scaler
    if setting["gradient_clip_norm"] is not None:
        scaler.unscale_(optimizer)
        learning = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, setting["gradient_clip_norm"])
    before = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    if scaler.is_enabled() and scaler.get_scale() < before:
        session.progress.skipped_steps += 1
