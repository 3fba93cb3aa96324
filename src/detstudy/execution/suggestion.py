"""What of a study fits into a deadline and a memory, as lines that can be typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from detstudy.execution.forecast import Forecast, RunForecast
from detstudy.execution.pace import schedule_tasks
from detstudy.plan import Plan
from detstudy.setting import read_field
from detstudy.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A sentence, and the overrides of the study file that do it; none where there is nothing to change."""

    sentence: str
    sets: tuple[str, ...] = ()


def suggest_changes(study: Study, plan: Plan, forecast: Forecast, deadline: float | None) -> list[Suggestion]:
    """Return what to leave out so that all fits into memory and, in `deadline` seconds from now, into time.

    The time is kept if everything takes as long as the forecast's high end.
    """
    found = suggest_levels(study, plan, forecast)
    baseline = [run for run in forecast.runs if run.runs[0].setting_id == plan.settings[0].id]
    if deadline is not None and all(run.fits for run in baseline):
        left_out = [run for run in forecast.runs if not run.fits] if found and found[0].sets else []
        kept = [
            replace(run, position=run.position - sum(other.position < run.position for other in left_out))
            for run in forecast.runs
            if run not in left_out
        ]
        found += suggest_runs(study, forecast, kept, deadline)
    return found


def suggest_levels(study: Study, plan: Plan, forecast: Forecast) -> list[Suggestion]:
    """Return which levels to leave out for want of memory: those that fit in no setting."""
    unfit = {run.setting_id for forecast_run in forecast.runs if not forecast_run.fits for run in forecast_run.runs}
    if not unfit:
        return []
    if plan.settings[0].id in unfit:
        return [Suggestion(sentence="The baseline does not fit into memory: a smaller baseline.batch_size is needed.")]
    sets = []
    for factor in study.factors:
        holders = {
            json.dumps(level): [s.id for s in plan.settings if s.levels.get(factor.name) == level]
            for level in factor.levels
        }
        fitting = [level for level, ids in holders.items() if not ids or not unfit.issuperset(ids)]
        if len(fitting) < len(factor.levels):  # a factor needs a level: the baseline's own adds no setting
            fitting = fitting or [json.dumps(read_field(study.baseline, factor.name))]
            sets.append(f"factors.{factor.name}=[{', '.join(fitting)}]")
    names = ", ".join(sorted(unfit))
    return [Suggestion(sentence=f"Without the settings that do not fit ({names}):", sets=tuple(sets))]


def suggest_runs(study: Study, forecast: Forecast, runs: Sequence[RunForecast], deadline: float) -> list[Suggestion]:
    """Return how many of the runs, in the plan's order, end in time, and with how many seeds all settings do."""

    def ends_in_time(some: Sequence[RunForecast]) -> bool:
        return schedule_tasks([run.seconds.high for run in some], forecast.workers) <= deadline

    if ends_in_time(runs):
        return [Suggestion(sentence="Everything ends in time.")]
    most = next(count for count in range(len(runs), -1, -1) if ends_in_time(runs[:count]))
    if not most:
        return [Suggestion(sentence="Not even one run ends in time; fewer iterations are needed.")]
    whole = f"The first {most} of {len(runs)} trainings end in time, {runs[most - 1].runs[0].setting_id} the last:"
    found = [Suggestion(sentence=whole, sets=(f"budget.runs={runs[most - 1].position}",))]
    for count in range(len(study.seeds) - 1, 0, -1):
        seeds = study.seeds[:count]
        some = [run for run in runs if not study.factors or _is_kept(study, run, seeds)]
        if ends_in_time(some):
            sets = (f"seeds={json.dumps(seeds)}", f"baseline_seeds={json.dumps(study.baseline_seeds)}")
            noun = "seed" if count == 1 else "seeds"
            found.append(Suggestion(sentence=f"With {count} {noun} of every setting all end in time:", sets=sets))
            break
    return found


def _is_kept(study: Study, run: RunForecast, seeds: Sequence[int]) -> bool:
    planned = run.runs[0]
    return planned.seed in (study.baseline_seeds if planned.setting == study.baseline else seeds)
