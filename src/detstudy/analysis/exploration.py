"""What was planned at the first run, and what came later: conclusions from the latter are exploratory.

A level tried because of the results, seeds added because a verdict was near: such looks claim more than their 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detstudy.analysis.labels import label_measure
from detstudy.plan import plan_study
from detstudy.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What a study holds that was not planned at its first run, in words; nothing where all was."""

    question: str | None = None  # objective or margin changed: every verdict is exploratory
    settings: Mapping[str, str] = field(default_factory=dict)  # by setting: level or seeds added

    def find_reason(self, *settings: str) -> str | None:
        """Return why a conclusion from these settings is exploratory; None where it was planned."""
        reasons = [self.question, *(self.settings.get(setting) for setting in settings)]
        return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def find_additions(planned: Study | None, study: Study) -> Additions:
    """Return what the study holds beyond what was planned; of an unknown plan, nothing."""
    if planned is None:
        return Additions()
    changes = []
    if planned.objective != study.objective:
        before, after = label_measure(planned.objective), label_measure(study.objective)
        changes.append(f"the objective was {before} and became {after} after the first run")
    margin, planned_margin = study.smallest_difference_that_matters, planned.smallest_difference_that_matters
    if planned_margin != margin:
        changes.append(f"the difference that matters was {planned_margin:g} and became {margin:g} after the first run")
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
        added = sorted(seeds - seeds_planned[setting.setting])
        if added:
            listed = ", ".join(map(str, added))
            settings[setting.id] = f"seed{'s' if len(added) > 1 else ''} {listed} added after the first run"
    return Additions(question="; ".join(changes) or None, settings=settings)
