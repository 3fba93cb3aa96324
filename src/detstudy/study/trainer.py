"""Who trains a study, and what hyperparameters that trainer has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detstudy.errors import InputError
from detstudy.study.extension import Extension, load_extension
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Setting

BUILT_IN = {"torchvision": "detstudy.trainers.torchvision.trainer:TorchvisionTrainer"}
"""Trainers that ship, by the study file's names, the first the default."""

PARTS = ("hyperparameters", "check", "prepare", "train", "predict")


def refuse_nothing(setting: Setting) -> Mapping[str, str]:  # noqa: ARG001
    """Return no faults: a stored study was checked when it was planned."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTrainer:
    """A study's trainer: its hyperparameters, and what in a setting of them it refuses (by key, a sentence each)."""

    choice: str | Extension
    hyperparameters: tuple[Hyperparameter, ...] = field(compare=False, repr=False)
    check: Callable[[Setting], Mapping[str, str]] = field(default=refuse_nothing, compare=False, repr=False)

    @property
    def name(self) -> str:
        """What tells it from other trainers: its name in the study file, with its options."""
        return self.choice.describe() if isinstance(self.choice, Extension) else self.choice

    @property
    def identity(self) -> str:
        """What of it stands in a run's identity: nothing of the default."""
        return "" if self.choice == next(iter(BUILT_IN)) else self.name


def make_trainer(choice: str | Extension) -> Any:
    """Return a trainer, as `detstudy.trainers.contract` has it. Raises InputError where there is none."""
    extension = choice if isinstance(choice, Extension) else Extension(python=BUILT_IN[choice])
    return load_extension(extension, "trainer", PARTS)


def find_trainer(choice: str | Extension) -> StudyTrainer:
    """Return what a trainer says of itself. Raises InputError where there is none, or it declares a name twice."""
    made = make_trainer(choice)
    counts = Counter(each.name for each in made.hyperparameters)
    if len(counts) < len(made.hyperparameters):
        raise InputError(f"trainer: declares {counts.most_common(1)[0][0]} twice; a hyperparameter has one home")
    return StudyTrainer(choice=choice, hyperparameters=tuple(made.hyperparameters), check=made.check)
