"""What was planned at the first run, and what came later: conclusions from the latter are exploratory.

A level tried because of the results, seeds added or left out because a verdict was near: such looks claim more than
their 5 %.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detstudy.plan import plan_study
from detstudy.study.study import Study
from detstudy.wording.labels import label_measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What of a study was not planned at its first run, in words; nothing where all was."""

    question: str | None = None  # objective, margin or data changed: every verdict is exploratory
    settings: Mapping[str, str] = field(default_factory=dict)  # by setting: level added, seeds added or left out

    def find_reason(self, *settings: str) -> str | None:
        """Return why a conclusion from these settings is exploratory; None where it was planned."""
        reasons = [self.question, *(self.settings.get(setting) for setting in settings)]
        return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def find_additions(planned: Study | None, study: Study) -> Additions:
    """Return where the study departs from what was planned; of an unknown plan, nothing.

    Levels left out, another test split and data that was moved are no departures.
    """
    if planned is None:
        return Additions()
    changes = []
    if planned.objective != study.objective:
        before, after = label_measure(planned.objective), label_measure(study.objective)
        changes.append(f"the objective was {before} and became {after} after the first run")
    margin, planned_margin = study.smallest_difference_that_matters, planned.smallest_difference_that_matters
    if planned_margin != margin:
        changes.append(f"the difference that matters was {planned_margin:g} and became {margin:g} after the first run")
    if _describe_data(planned) != _describe_data(study):
        changes.append("the data changed after the first run")
    known = plan_study(planned)
    seeds_planned = {
        setting.setting: {run.seed for run in known.runs if run.setting_id == setting.id} for setting in known.settings
    }
    plan = plan_study(study)
    settings = {}
    for setting in plan.settings:
        if setting.setting not in seeds_planned:
            settings[setting.id] = "added after the first run"
            continue
        seeds = {run.seed for run in plan.runs if run.setting_id == setting.id}
        seeds_before = seeds_planned[setting.setting]
        moves = [
            f"seed{'s' if len(moved) > 1 else ''} {', '.join(map(str, sorted(moved)))} {how}"
            for moved, how in ((seeds - seeds_before, "added"), (seeds_before - seeds, "left out"))
            if moved
        ]
        if moves:
            settings[setting.id] = f"{' and '.join(moves)} after the first run"
    return Additions(question="; ".join(changes) or None, settings=settings)


def _describe_data(study: Study) -> dict[str, Any]:
    """Return what the data of training and validation are, wherever they lie."""
    return {name: value for name, value in dataclasses.asdict(study.data).items() if name not in ("root", "test")}
