"""What a study is: frozen facts, as the study file's reader gives them and everything behind it takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from detstudy.errors import InputError
from detstudy.study.extension import Extension
from detstudy.study.hyperparameter import PositiveFloat, PositiveInt
from detstudy.study.setting import DataSetting, Monitoring, Setting
from detstudy.study.trainer import StudyTrainer

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
    trainer: StudyTrainer
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
