"""What a finding is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Accumulation:
    """The batches of some of a setting's finished runs, trained in parts whose gradients add up."""

    batch_size: int
    micro_batch_sizes: tuple[int, ...]  # each that occurred
    runs: int  # trained so
    finished: int


@dataclass(frozen=True, slots=True)
class SettingName:
    """A setting by its levels, () for the baseline, and how its batches were trained."""

    levels: tuple[tuple[str, Any], ...]
    accumulation: Accumulation | None = None


@dataclass(frozen=True, slots=True)
class LevelName:
    """A factor's level by itself; `baseline` where it is the baseline's own."""

    factor: str
    level: Any
    baseline: bool = False
    accumulation: Accumulation | None = None


@dataclass(frozen=True, slots=True)
class RunName:
    """A run of a setting."""

    setting: SettingName
    seed: int


@dataclass(frozen=True, slots=True)
class UnitCount:
    """How many units a difference is judged on."""

    count: int
    noun: str  # "sequence", "image"; "" before the first run, when nobody knows


@dataclass(frozen=True, slots=True)
class About:
    """A fact with the setting, or the level, that it is about."""

    subject: object
    fact: object
