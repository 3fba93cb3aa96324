"""A study and what its design asked for → the settings and runs that answer it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detstudy.plan.designs import Asked, Design, EndedRun, load_design
from detstudy.plan.naming import BASELINE, name_setting
from detstudy.plan.order import order_runs
from detstudy.study.setting import Setting
from detstudy.study.study import Study, StudyError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSetting:
    """A setting with its name. `levels` are the factor levels in which it differs from the baseline, which has {}."""

    id: str  # "baseline", "learning_rate=0.001", "batch_size=8,learning_rate=0.001"
    setting: Setting
    levels: dict[str, Any]
    family: str  # settings of one family are judged together; "" of the baseline, which is in none


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A setting with a seed."""

    setting_id: str
    setting: Setting
    seed: int
    step: int = 0  # how often the design had seen results when it asked for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a study will do. The baseline comes first; runs are in the order in which they are worth doing."""

    settings: tuple[PlannedSetting, ...]
    runs: tuple[PlannedRun, ...]
    crossed: bool  # whether settings combine the levels of several factors, so that these can depend on each other

    def setting(self, setting_id: str) -> PlannedSetting:
        """Return the setting of that name. Raises KeyError."""
        return {setting.id: setting for setting in self.settings}[setting_id]

    def list_families(self) -> list[list[PlannedSetting]]:
        """Return the settings that are judged together, the baseline left out."""
        families: dict[str, list[PlannedSetting]] = {}
        for setting in self.settings:
            if setting.id != BASELINE:
                families.setdefault(setting.family, []).append(setting)
        return list(families.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSetting:
    """A setting as a design asked for it, with the names that it gave."""

    id: str
    family: str
    levels: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a design asked for at once, as plain data: it takes no design to make a plan of it."""

    crossed: bool
    settings: tuple[AskedSetting, ...]  # those of its runs, but the baseline
    runs: tuple[tuple[str, int], ...]  # setting's id and seed


def plan_study(study: Study) -> Plan:
    """Plan a study's first settings and runs. Raises StudyError where a planned setting contradicts itself."""
    return make_plan(study, [begin_plan(study, load_design(study.design))])


def begin_plan(study: Study, design: Design) -> Step:
    """Ask a design what to begin with. Raises StudyError as `plan_study` does."""
    asked = name_asked(study, design, design.begin(study), {study.baseline: BASELINE})
    _, more = asked.pop(BASELINE, (None, ()))
    baseline: tuple[dict[str, Any], tuple[int, ...]] = {}, tuple(dict.fromkeys((*study.baseline_seeds, *more)))
    ids = [BASELINE, *asked]
    settings = tuple(setting for setting, _ in asked.values())
    wanted = [baseline, *((setting.levels, seeds) for setting, seeds in asked.values())]
    runs = tuple((ids[index], seed) for index, seed in order_runs(study, wanted))
    return Step(crossed=design.crossed, settings=settings, runs=runs)


def continue_plan(study: Study, design: Design, plan: Plan, ended: Sequence[EndedRun]) -> Step | None:
    """Ask a design what else to run; None where it asks for nothing that is not planned.

    Raises StudyError as `plan_study` does.
    """
    known = {planned.setting: planned.id for planned in plan.settings}
    asked = name_asked(study, design, design.go_on(study, ended), known)
    planned = {(run.setting_id, run.seed) for run in plan.runs}
    runs = tuple((id_, seed) for id_, (_, seeds) in asked.items() for seed in seeds if (id_, seed) not in planned)
    wanted = {id_ for id_, _ in runs} - {BASELINE}
    settings = tuple(setting for setting, _ in asked.values() if setting.id in wanted)
    return Step(crossed=plan.crossed, settings=settings, runs=runs) if runs else None


def name_asked(
    study: Study, design: Design, asked: Iterable[Asked], known: Mapping[Setting, str]
) -> dict[str, tuple[AskedSetting, tuple[int, ...]]]:
    """Return what a design asked for by the names that it gave, with its seeds; a known setting keeps its id."""
    ids = dict(known)
    found: dict[str, tuple[AskedSetting, tuple[int, ...]]] = {}
    for each in asked:
        levels = check_levels(study, each.levels)
        setting = derive_setting(study, levels)
        faults = [f"{name}: {fault}" for name, fault in study.trainer.check(setting).items()]
        if faults:
            raise StudyError(f"setting {name_setting(levels)}: {'; '.join(faults)}")
        id_ = ids.setdefault(setting, design.name_setting(levels) if levels else BASELINE)
        first = AskedSetting(id=id_, family=design.name_family(levels) if levels else "", levels=levels)
        before = found.get(id_, (first, ()))
        found[id_] = before[0], tuple(dict.fromkeys((*before[1], *map(int, each.seeds))))
    if len(set(ids.values())) < len(ids):
        raise StudyError(f"design: gives two settings one name, among {', '.join(sorted(ids.values()))}")
    return found


def check_levels(study: Study, levels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the levels that differ from the baseline's. Raises StudyError for what is no hyperparameter."""
    unknown = [name for name in levels if name not in study.baseline]
    if unknown:
        raise StudyError(f"design: asks for {', '.join(unknown)}, which is no hyperparameter")
    plain = freeze_levels(levels)
    return {name: level for name, level in plain.items() if study.baseline[name] != level}


def freeze_levels(levels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the levels as settings have them: lists as tuples, numpy's numbers as Python's."""
    plain = {name: level.tolist() if hasattr(level, "tolist") else level for name, level in levels.items()}
    return {name: tuple(level) if isinstance(level, list) else level for name, level in plain.items()}


def make_plan(study: Study, steps: Sequence[Step]) -> Plan:
    """Return the plan of what was asked for step by step; what was asked for twice is in it once."""
    settings = {study.baseline: PlannedSetting(id=BASELINE, setting=study.baseline, levels={}, family="")}
    runs: dict[tuple[str, int], PlannedRun] = {}
    for number, step in enumerate(steps):
        planned = {BASELINE: settings[study.baseline]}
        for asked in step.settings:
            levels = freeze_levels(asked.levels)
            setting = derive_setting(study, levels)
            new = PlannedSetting(id=asked.id, setting=setting, levels=levels, family=asked.family)
            planned[asked.id] = settings.setdefault(setting, new)
        for id_, seed in step.runs:
            found = planned[id_]
            run = PlannedRun(setting_id=found.id, setting=found.setting, seed=seed, step=number)
            runs.setdefault((found.id, seed), run)
    return Plan(settings=tuple(settings.values()), runs=tuple(runs.values()), crossed=steps[0].crossed)


def derive_setting(study: Study, levels: Mapping[str, Any]) -> Setting:
    """Return the baseline with these levels, and with what follows the batch size by the study's rule."""
    setting = study.baseline.replace(**levels) if levels else study.baseline
    rule = study.when_batch_size_changes
    if rule is None or setting.get("batch_size") == study.baseline.get("batch_size"):
        return setting
    ratio = setting["batch_size"] / study.baseline["batch_size"]
    follows: dict[str, Any] = {}
    if rule.hold == "images":
        for name in ("iterations", "warmup_iterations"):
            value = setting.get(name)
            if value:
                follows[name] = max(1, round(value / ratio))
    if rule.learning_rate == "linear" and "learning_rate" not in levels:
        follows["learning_rate"] = setting["learning_rate"] * ratio
        if math.isinf(follows["learning_rate"]):
            raise StudyError(
                f"setting {name_setting(levels)}: a learning rate of {setting['learning_rate']:g} × {ratio:g} is "
                "no finite number; a smaller one is needed"
            )
    return setting.replace(**follows)
