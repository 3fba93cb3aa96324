"""What a study is: frozen facts, as the study file's reader gives them and everything behind it takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from detstudy.errors import InputError
from detstudy.study.extension import Extension
from detstudy.study.setting import DataSetting, Monitoring, PositiveFloat, PositiveInt, Setting

MEASURES = tuple(f"{kind}/{name}" for kind in ("box", "mask") for name in ("AP", "AP50", "AP75", "APs", "APm", "APl"))
"""What can be a study's objective."""


class StudyError(InputError):
    """A study that can't be used; the message lists every fault with its line and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A hyperparameter under study and the levels to try."""

    name: str
    levels: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizeRule:
    """What stays the same when the batch size is not the baseline's."""

    hold: Literal["iterations", "images"]  # images: iterations and warm-up shrink as the batch grows
    learning_rate: Literal["fixed", "linear"]  # linear: in proportion to the batch size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use."""

    memory: int | None = None  # bytes, of the GPU or else of the process; written as 11GiB
    hours: PositiveFloat | None = None  # of training, added up over resumes
    no_progress_minutes: PositiveFloat | None = 60.0  # without an iteration or a predicted image


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a study may spend in all, over every call of `detstudy run`; changes no run."""

    hours: PositiveFloat | None = None  # of wall clock, of each driver that works on it
    runs: PositiveInt | None = None  # trainings, the first of the plan's order


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One file, one question: a baseline, factors with levels, seeds, and what counts as an answer."""

    name: str
    data: DataSetting
    baseline: Setting
    factors: tuple[Factor, ...]
    design: str | Extension  # "one_factor", "grid", or somebody's own
    seeds: tuple[int, ...]
    baseline_seeds: tuple[int, ...]
    objective: str
    smallest_difference_that_matters: float  # AP
    tolerance: float | None  # AP one would give up to save costs; None is one standard error of the difference
    operating_score_threshold: float
    when_batch_size_changes: BatchSizeRule | None
    monitoring: Monitoring
    limits: Limits
    on_out_of_memory: Literal["stop", "accumulate"]  # accumulate: in micro-batches that fit, where the batch doesn't
    budget: Budget
    gallery_images: int
    source: str  # the study file's text with overrides applied, as the ledger keeps it


def find_contradictions(setting: Setting) -> list[str]:
    """Return what in a full setting contradicts itself, one sentence each."""
    model, training = setting.model, setting.training
    found = []
    if model.name == "mask_rcnn" and model.backbone is None:
        found.append("model.backbone: mask_rcnn needs one of resnet18, resnet34, resnet50, resnet101")
    if model.name == "compact":
        if model.backbone is not None:
            found.append("model.backbone: the compact detector has its own; remove the key")
        if model.weights in ("coco", "imagenet"):
            found.append(f"model.weights: there are no {model.weights} weights for compact; none or a path is needed")
        if model.frozen_stages:
            found.append("model.frozen_stages: the compact detector freezes none; remove the key")
    if model.weights == "coco" and model.backbone not in (None, "resnet50"):
        found.append(f"model.weights: coco weights exist for resnet50 only, not {model.backbone}; imagenet or none")
    if model.weights == "none" and model.frozen_stages:
        found.append("model.frozen_stages: random weights would be frozen; 0 is needed where model.weights is none")
    if training.micro_batch_size is not None and training.micro_batch_size > training.batch_size:
        found.append(f"micro_batch_size {training.micro_batch_size} is larger than batch_size {training.batch_size}")
    if training.warmup_iterations > training.iterations:
        found.append(f"warmup_iterations {training.warmup_iterations} is more than iterations {training.iterations}")
    if list(training.milestones) != sorted(set(training.milestones)):
        found.append(f"milestones {list(training.milestones)}: rising fractions of the run are needed")
    if training.scale_jitter and training.scale_jitter[0] > training.scale_jitter[1]:
        found.append(f"scale_jitter {list(training.scale_jitter)}: the smaller scale comes first")
    return found
