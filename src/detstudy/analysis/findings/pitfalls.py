"""What may mislead a reader of a study's answer, though nothing is wrong with the study."""

from __future__ import annotations

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.warning import NotPlanned, Pitfall, Preliminary, WinnersCurse
from detstudy.analysis.records import Analysis
from detstudy.plan import BASELINE


def list_pitfalls(analysis: Analysis) -> list[Fact]:
    """Return them, the gravest first."""
    study, choice = analysis.study, analysis.choice
    runs = [run for setting in analysis.settings.values() for run in setting.runs]
    unfinished = [run for run in runs if run.state != "ended"]
    compared = [setting for setting in analysis.settings.values() if study.objective in setting.measures]
    tested = study.data.test is not None
    found: list[Fact] = [*list_departures(analysis)]
    if unfinished:
        found.append(Preliminary(len(unfinished), len(runs)))
    if len(compared) > 1 and analysis.seed_sd is None:
        found.append(Pitfall.NO_SEED_NOISE)
    if len(compared) > 2 and choice and choice.setting_id != BASELINE:
        found.append(WinnersCurse(len(compared), tested))
    elif len(compared) > 1 and choice and not tested:
        found.append(Pitfall.PICKED_BY_VALIDATION)
    return found


def list_departures(analysis: Analysis) -> list[NotPlanned]:
    """Return what was not planned at the first run, with the settings that it concerns where it is not all of them."""
    compared = [setting for setting in analysis.settings.values() if setting.contrasts]
    concerned: dict[Fact, list[Fact]] = {}
    for setting in compared:
        reasons = [reason for contrast in setting.contrasts.values() for reason in contrast.exploratory]
        for reason in dict.fromkeys(reasons):
            concerned.setdefault(reason, []).append(setting.label)
    departures = tuple(
        (() if len(named) == len(compared) > 1 else tuple(named), reason) for reason, named in concerned.items()
    )
    return [NotPlanned(departures)] if departures else []
