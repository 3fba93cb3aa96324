"""A few iterations of a setting, timed, with the memory that they take: what a forecast is made of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress

from detstudy.data import Dataset, ImageRecord
from detstudy.study.setting import Setting
from detstudy.trainers.contract import Job, Probe
from detstudy.trainers.torchvision.batches import CACHE_BYTES, Batch, ImageCache, count_learned_objects, stream_batches
from detstudy.trainers.torchvision.loop import DivergedError, take_step, validate_now
from detstudy.trainers.torchvision.memory import measure_peak
from detstudy.trainers.torchvision.session import Session
from detstudy.trainers.torchvision.validation import choose_validation_images

WARMUP_ITERATIONS = 2  # the first ones fill caches and pick kernels
MOST_ITERATIONS = 16  # of typical batches, and as many of crowded ones
LEAST_ITERATIONS = 2
LONGEST_SECONDS = 20.0  # after the least iterations nothing more is timed
VALIDATION_IMAGES = 8
CROWDED_SHARE = 0.1


def measure_cost(session: Session, job: Job, dataset: Dataset) -> Probe:
    """Return what iterations, validation and checkpoints of a fresh session cost.

    Typical batches, as the run draws them, and crowded ones, from the densest tenth of the images, take turns, so that
    a machine whose speed drifts slows both. A detector that has learned finds objects for its heads to learn from in
    every image; a fresh one does so in crowded images only, so these tell what most of a run's iterations take. Memory
    is measured over the densest images of all, before and after a validation, whose libraries stay in memory.
    """
    records, device = dataset.splits["train"], session.device
    setting = job.setting.replace(iterations=max(job.setting["iterations"], 10**6))
    ordered = sorted(records, key=count_learned_objects, reverse=True)
    crowded = ordered[: max(setting["batch_size"], round(CROWDED_SHARE * len(records)))]
    session.detector.train()
    typical_seconds: list[float] = []
    crowded_seconds: list[float] = []
    warmup_seconds = 0.0
    began = time.perf_counter()
    with ExitStack() as stack:
        typical_batches, crowded_batches, densest_batches = (
            stack.enter_context(closing(stream_batches(each, setting, job.seed, 0, device)))
            for each in (records, crowded, ordered[: setting["batch_size"]])
        )
        with suppress(DivergedError):  # what was timed until then stands
            warmup_seconds = sum(_time_step(session, typical_batches, setting) for _ in range(WARMUP_ITERATIONS))
            for done in range(MOST_ITERATIONS):
                if done >= LEAST_ITERATIONS and time.perf_counter() - began > LONGEST_SECONDS:
                    break
                typical_seconds.append(_time_step(session, typical_batches, setting))
                crowded_seconds.append(_time_step(session, crowded_batches, setting))
            _time_step(session, densest_batches, setting)
        validation = choose_validation_images(dataset.splits["validation"], VALIDATION_IMAGES)
        cache = ImageCache()
        start = time.perf_counter()
        validate_now(session, job, dataset, validation, cache)
        middle = time.perf_counter()
        predicted = validate_now(session, job, dataset, validation, cache)
        steady_seconds = time.perf_counter() - middle
        with suppress(DivergedError):
            _time_step(session, densest_batches, setting)
    start_of_save = time.perf_counter()
    session.save(job)
    checkpoint_seconds = time.perf_counter() - start_of_save
    return Probe(
        iteration_seconds=tuple(typical_seconds),
        crowded_seconds=tuple(crowded_seconds),
        warmup_seconds=warmup_seconds,
        first_validation_seconds=max(0.0, middle - start - steady_seconds),
        validation_seconds=steady_seconds / len(validation) if validation else 0.0,
        checkpoint_seconds=checkpoint_seconds,
        timed_seconds=time.perf_counter() - began,
        peak_memory_bytes=measure_peak(device),
        growth_bytes=_count_cache(records) + _count_cache(dataset.splits["validation"]) if device.type == "cpu" else 0,
        predicted=predicted,
    )


def _time_step(session: Session, batches: Iterator[Batch], setting: Setting) -> float:
    start = time.perf_counter()
    take_step(session, next(batches), setting)
    session.synchronize()
    return time.perf_counter() - start


def _count_cache(records: Sequence[ImageRecord]) -> int:
    """Return the bytes of decoded images that a long run keeps of a split."""
    return min(CACHE_BYTES, sum(record.height * record.width * 3 for record in records))
