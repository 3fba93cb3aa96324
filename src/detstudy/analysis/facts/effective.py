"""What really happened where it is not what the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from detstudy.analysis.facts.setting import RunName


@dataclass(frozen=True, slots=True)
class NotAsSet:
    """An effective value, named as in a run's record or as the hyperparameter, and what the setting makes it."""

    name: str
    effective: Any
    asked: Any


@dataclass(frozen=True, slots=True)
class NotTrainedAsSet:
    """A run that is not what its setting says, so that it allows no verdict."""

    run: RunName
    broken: tuple[NotAsSet, ...]


@dataclass(frozen=True, slots=True)
class SameRates:
    """Learning rate or schedule differ, and the rates that were applied don't."""

    factor: str
    peak: float
    last: float


@dataclass(frozen=True, slots=True)
class SameValue:
    """A hyperparameter that differs between two settings, and in effect does not."""

    factor: str
    value: Any


@dataclass(frozen=True, slots=True)
class UnlikeValues:
    """A hyperparameter that is the same in two settings, and in effect is not; values of either arm's runs."""

    factor: str
    values: tuple[tuple[Any, ...], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SameProposals:
    """The larger pre-NMS top-k let no more proposals an image in; the least and the most over runs."""

    smaller: int
    larger: int
    few: tuple[float, float]
    many: tuple[float, float]
    most_anchors: float | None  # of a feature level, where no level has more than the smaller top-k


@dataclass(frozen=True, slots=True)
class NothingCut:
    """Neither post-NMS top-k ever cut a proposal; the least and the most that NMS left an image, over runs."""

    survived: tuple[float, float]
