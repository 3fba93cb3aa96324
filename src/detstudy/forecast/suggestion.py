"""What of a study fits into a deadline and a memory, with the overrides that leave out the rest."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detstudy.execution.pace import schedule_tasks
from detstudy.forecast.facts import CombinationsTooLarge, FirstInTime, Fit, LevelsTooLarge, SeedsInTime
from detstudy.forecast.forecast import Forecast, RunForecast
from detstudy.plan import Plan, PlannedRun
from detstudy.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What fits, and the overrides of the study file that do it; none where there is nothing to change."""

    fact: Fit | CombinationsTooLarge | LevelsTooLarge | FirstInTime | SeedsInTime
    sets: tuple[str, ...] = ()


def suggest_changes(study: Study, plan: Plan, forecast: Forecast, deadline: float | None) -> list[Suggestion]:
    """Return what to leave out so that all fits into memory and, in `deadline` seconds from now, into time.

    The time is kept if everything takes as long as the forecast's high end.
    """
    unfit = {run.setting_id for forecast_run in forecast.runs if not forecast_run.fits for run in forecast_run.runs}
    kept = find_fitting_levels(study, plan, unfit)
    found = [describe_levels(study, plan, unfit, kept)] if unfit else []
    if deadline is not None and plan.settings[0].id not in unfit:
        removed = {s.id for s in plan.settings for name, level in s.levels.items() if level not in kept[name]}
        trainings = [run for run in forecast.trainings if run.setting_id not in removed]
        runs = [run for run in forecast.runs if run.runs[0] in trainings]
        found += suggest_runs(study, trainings, runs, forecast.workers, deadline)
    return found


def find_fitting_levels(study: Study, plan: Plan, unfit: Collection[str]) -> dict[str, list[Any]]:
    """Return by factor the levels without those that fit in no setting."""

    def fits(name: str, level: Any) -> bool:
        holders = {s.id for s in plan.settings if s.levels.get(name) == level}
        return not holders or not holders.issubset(unfit)

    return {factor.name: [level for level in factor.levels if fits(factor.name, level)] for factor in study.factors}


def describe_levels(study: Study, plan: Plan, unfit: Collection[str], kept: Mapping[str, Sequence[Any]]) -> Suggestion:
    """Return how to leave out the levels that fit into memory in no setting."""
    if plan.settings[0].id in unfit:
        return Suggestion(fact=Fit.BASELINE_TOO_LARGE)
    names = tuple(sorted(unfit))
    sets = []
    for factor in study.factors:
        if len(kept[factor.name]) < len(factor.levels):  # a factor needs a level: the baseline's own adds no setting
            levels = kept[factor.name] or [study.baseline[factor.name]]
            sets.append(f"factors.{factor.name}=[{', '.join(map(json.dumps, levels))}]")
    if not sets:
        return Suggestion(fact=CombinationsTooLarge(names))
    return Suggestion(fact=LevelsTooLarge(names), sets=tuple(sets))


def suggest_runs(
    study: Study, trainings: Sequence[PlannedRun], runs: Sequence[RunForecast], workers: int, deadline: float
) -> list[Suggestion]:
    """Return how many of the runs, in the plan's order, end in time, and with how many seeds all settings do.

    `trainings` are all that are planned, those that have ended too: a budget counts these.
    """

    def ends_in_time(some: Sequence[RunForecast]) -> bool:
        return schedule_tasks([run.seconds.high for run in some], workers) <= deadline

    if ends_in_time(runs):
        return [Suggestion(fact=Fit.ALL_IN_TIME)]
    most = next(count for count in range(len(runs), -1, -1) if ends_in_time(runs[:count]))
    if not most:
        return [Suggestion(fact=Fit.NOTHING_IN_TIME)]
    last = runs[most - 1].runs[0]
    whole = FirstInTime(most, len(runs), last.setting_id)
    found = [Suggestion(fact=whole, sets=(f"budget.runs={trainings.index(last) + 1}",))]
    for count in range(len(study.seeds) - 1, 0, -1):
        seeds = study.seeds[:count]
        some = [run for run in runs if not study.factors or _is_kept(study, run, seeds)]
        if ends_in_time(some):
            sets = (f"seeds={json.dumps(seeds)}", f"baseline_seeds={json.dumps(study.baseline_seeds)}")
            found.append(Suggestion(fact=SeedsInTime(count), sets=sets))
            break
    return found


def _is_kept(study: Study, run: RunForecast, seeds: Sequence[int]) -> bool:
    planned = run.runs[0]
    return planned.seed in (study.baseline_seeds if planned.setting == study.baseline else seeds)
