"""Who trains a study, and what hyperparameters that trainer has."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Setting


def refuse_nothing(setting: Setting) -> Mapping[str, str]:  # noqa: ARG001
    """Return no faults: a stored study was checked when it was planned."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTrainer:
    """A study's trainer: its hyperparameters, and what in a setting of them it refuses (by key, a sentence each)."""

    hyperparameters: tuple[Hyperparameter, ...] = field(compare=False, repr=False)
    check: Callable[[Setting], Mapping[str, str]] = field(default=refuse_nothing, compare=False, repr=False)


def find_trainer() -> StudyTrainer:
    """Return detstudy's own trainer."""
    module = importlib.import_module("detstudy.trainers.torchvision.hyperparameters")
    return StudyTrainer(hyperparameters=module.HYPERPARAMETERS, check=module.find_contradictions)
