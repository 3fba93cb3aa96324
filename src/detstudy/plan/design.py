"""A study → the settings and runs that answer it, in the order in which they are worth doing."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any

from detstudy.plan.order import order_runs
from detstudy.study.setting import Setting, read_field, replace_fields
from detstudy.study.study import Factor, Study, StudyError, find_contradictions

BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSetting:
    """A setting with its name. `levels` are the factor levels in which it differs from the baseline, which has {}."""

    id: str  # "baseline", "learning_rate=0.001", "batch_size=8,learning_rate=0.001"
    setting: Setting
    levels: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A setting with a seed."""

    setting_id: str
    setting: Setting
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a study will do. The baseline comes first; runs stand in the order in which they are worth doing."""

    settings: tuple[PlannedSetting, ...]
    runs: tuple[PlannedRun, ...]

    def setting(self, setting_id: str) -> PlannedSetting:
        """Return the setting of that name. Raises KeyError."""
        for setting in self.settings:
            if setting.id == setting_id:
                return setting
        raise KeyError(setting_id)


def plan_study(study: Study) -> Plan:
    """Plan a study's settings and runs. Raises StudyError where a planned setting contradicts itself."""
    combinations = combine_grid(study.factors) if study.design == "grid" else combine_one_factor(study.factors)
    settings: dict[Setting, PlannedSetting] = {
        study.baseline: PlannedSetting(id=BASELINE, setting=study.baseline, levels={})
    }
    for levels in combinations:
        differing = {name: level for name, level in levels.items() if read_field(study.baseline, name) != level}
        setting = derive_setting(study, differing)
        faults = find_contradictions(setting)
        if faults:
            raise StudyError(f"setting {name_setting(differing)}: {'; '.join(faults)}")
        settings.setdefault(setting, PlannedSetting(id=name_setting(differing), setting=setting, levels=differing))
    planned = tuple(settings.values())
    runs = [
        PlannedRun(setting_id=planned[index].id, setting=planned[index].setting, seed=seed)
        for index, seed in order_runs(study, [setting.levels for setting in planned])
    ]
    return Plan(settings=planned, runs=tuple(runs))


def combine_one_factor(factors: tuple[Factor, ...]) -> list[dict[str, Any]]:
    """Return one assignment a level: each factor varies alone."""
    return [{factor.name: level} for factor in factors for level in factor.levels]


def combine_grid(factors: tuple[Factor, ...]) -> list[dict[str, Any]]:
    """Return every combination of levels."""
    names = [factor.name for factor in factors]
    return [dict(zip(names, levels, strict=True)) for levels in itertools.product(*(f.levels for f in factors))]


def derive_setting(study: Study, levels: dict[str, Any]) -> Setting:
    """Return the baseline with these levels, and with what follows the batch size by the study's rule."""
    setting = replace_fields(study.baseline, **levels) if levels else study.baseline
    rule = study.when_batch_size_changes
    ratio = setting.training.batch_size / study.baseline.training.batch_size
    if rule is None or ratio == 1:
        return setting
    follows: dict[str, Any] = {}
    if rule.hold == "images":
        for name in ("iterations", "warmup_iterations"):
            value = getattr(setting.training, name)
            follows[name] = max(1, round(value / ratio)) if value else value
    if rule.learning_rate == "linear" and "learning_rate" not in levels:
        follows["learning_rate"] = setting.training.learning_rate * ratio
        if math.isinf(follows["learning_rate"]):
            raise StudyError(
                f"setting {name_setting(levels)}: a learning rate of {setting.training.learning_rate:g} × {ratio:g} is "
                "no finite number; a smaller one is needed"
            )
    return dataclasses.replace(setting, training=dataclasses.replace(setting.training, **follows))


def name_setting(levels: dict[str, Any]) -> str:
    """Return "baseline", or the levels as name=value, sorted by name."""
    return ",".join(f"{name}={format_level(levels[name])}" for name in sorted(levels)) or BASELINE


def format_level(level: Any) -> str:
    """Return a level as a person writes it: 0.001, warmup_cosine, [0.7 0.9], null, true."""
    if level is None or isinstance(level, bool):
        return {None: "null", True: "true", False: "false"}[level]
    if isinstance(level, float):
        return f"{level:g}" if float(f"{level:g}") == level else repr(level)
    if isinstance(level, (tuple, list)):
        return "[" + " ".join(format_level(item) for item in level) + "]"
    return str(level)
