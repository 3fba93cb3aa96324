"""What was planned at the first run, and what came later: conclusions from the latter are exploratory.

A level tried because of the results, seeds added or left out because a verdict was near: such looks claim more than
their 5 %.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.warning import Departure, MarginChanged, ObjectiveChanged, SeedsChanged
from detstudy.plan import Plan
from detstudy.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What of a study was not planned at its first run; nothing where all was."""

    question: tuple[Fact, ...] = ()  # objective, margin or data changed: every verdict is exploratory
    settings: Mapping[str, Fact] = field(default_factory=dict)  # by setting: level added, seeds added or left out

    def find_reasons(self, *settings: str) -> tuple[Fact, ...]:
        """Return why a conclusion from these settings is exploratory; () where it was planned."""
        own = (self.settings[setting] for setting in settings if setting in self.settings)
        return tuple(dict.fromkeys((*self.question, *own)))


def find_additions(planned: Study | None, known: Plan | None, study: Study, plan: Plan) -> Additions:
    """Return where the study departs from what was planned; of an unknown plan, nothing.

    `known` and `plan` are their plans. Levels left out, another test split and data that was moved are no departures,
    nor is what the design asked for itself as results came in.
    """
    if planned is None or known is None:
        return Additions()
    changes: list[Fact] = []
    if planned.objective != study.objective:
        changes.append(ObjectiveChanged(planned.objective, study.objective))
    margin, planned_margin = study.smallest_difference_that_matters, planned.smallest_difference_that_matters
    if planned_margin != margin:
        changes.append(MarginChanged(planned_margin, margin))
    if _describe_data(planned) != _describe_data(study):
        changes.append(Departure.DATA_CHANGED)
    seeds_planned = {
        setting.setting: {run.seed for run in known.runs if run.setting_id == setting.id} for setting in known.settings
    }
    settings: dict[str, Fact] = {}
    for setting in plan.settings:
        seeds = {run.seed for run in plan.runs if run.setting_id == setting.id and not run.step}
        if not seeds:
            continue
        if setting.setting not in seeds_planned:
            settings[setting.id] = Departure.SETTING_ADDED
            continue
        seeds_before = seeds_planned[setting.setting]
        if seeds != seeds_before:
            added, left_out = seeds - seeds_before, seeds_before - seeds
            settings[setting.id] = SeedsChanged(tuple(sorted(added)), tuple(sorted(left_out)))
    return Additions(question=tuple(changes), settings=settings)


def _describe_data(study: Study) -> dict[str, Any]:
    """Return what the data of training and validation are, wherever they lie."""
    return {name: value for name, value in dataclasses.asdict(study.data).items() if name not in ("root", "test")}
