"""What looks wrong in a study (copies, idle seeds, equal times, shared images), and what may mislead its reader."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis.evidence.confounding import name_run, name_setting
from detstudy.analysis.evidence.evidence import Evidence, read_value, share_weights
from detstudy.analysis.evidence.runs import Cells, is_telling, read_cells
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.warning import (
    AllButOneSame,
    IdleSeeds,
    MoreSameTimes,
    NotPlanned,
    Pitfall,
    Preliminary,
    SameResults,
    SameTimes,
    WinnersCurse,
)
from detstudy.analysis.records import Analysis
from detstudy.ledger import Ledger, RunRecord
from detstudy.plan import BASELINE
from detstudy.study.study import MEASURES

MOST_NAMED = 4


def check_sanity(evidence: Evidence) -> tuple[Fact, ...]:
    """Return warnings: idle seeds, copied results, equal times, images in two splits."""
    finished = [run for run in evidence.runs if run.outcome == "finished"]
    return (
        *_warn_of_idle_seeds(finished),
        *_warn_of_copies(evidence, finished),
        *_warn_of_near_copies(finished),
        *_warn_of_equal_times(finished),
        *_warn_of_shared_images(evidence),
    )


def _warn_of_idle_seeds(finished: Sequence[RunRecord]) -> list[IdleSeeds]:
    by_setting: dict[str, list[RunRecord]] = {}
    for run in finished:
        by_setting.setdefault(run.setting_id, []).append(run)
    idle = tuple(
        (name_setting(runs[0].levels, runs), tuple(run.seed for run in alike))
        for runs in by_setting.values()
        for alike in _group_alike(runs)
    )
    return [IdleSeeds(idle)] if idle else []


def _warn_of_copies(evidence: Evidence, finished: Sequence[RunRecord]) -> list[SameResults]:
    found = []
    for runs in _group_alike(finished):
        settings = {run.setting_id: run for run in runs}
        if len(settings) > 1:
            first, *others = settings.values()
            predictions = all(evidence.predict_alike(first, other) for other in others)
            found.append(SameResults(tuple(map(name_run, settings.values())), predictions))
    return found


def _warn_of_near_copies(finished: Sequence[RunRecord]) -> list[AllButOneSame]:
    """Return a warning for runs of two settings that share all AP measures but one, which chance does not do."""
    found = {}
    for index, measure in enumerate(MEASURES):
        groups: dict[Cells, list[RunRecord]] = {}
        for run in finished:
            cells = read_cells(run)
            groups.setdefault((*cells[:index], *cells[index + 1 :]), []).append(run)
        for shared, runs in groups.items():
            if not is_telling(shared):
                continue
            for other in runs[1:]:
                same = other.setting_id == runs[0].setting_id or _share_training(runs[0], other)
                if not same and read_value(runs[0], measure) != read_value(other, measure):
                    names = name_run(runs[0]), name_run(other)
                    found[runs[0].id, other.id] = AllButOneSame(names, len(MEASURES), measure)
    return list(found.values())


def _warn_of_equal_times(finished: Sequence[RunRecord]) -> list[Fact]:
    """Return a warning for each of the first training times that several trainings took to the last digit."""
    groups: dict[float, dict[str, RunRecord]] = {}
    for run in finished:
        seconds = read_value(run, "train/seconds")
        if seconds:
            groups.setdefault(seconds, {}).setdefault(str(run.folder), run)
    found = [
        SameTimes(seconds, tuple(map(name_run, runs.values()))) for seconds, runs in groups.items() if len(runs) > 1
    ]
    left_out = len(found) - MOST_NAMED
    return [*found[:MOST_NAMED], *([MoreSameTimes(left_out)] if left_out > 0 else [])]


def _warn_of_shared_images(evidence: Evidence) -> list[Fact]:
    faults = Ledger(evidence.folder).data.faults
    return [fault.message for fault in faults if fault.kind == "identical_images"]


def _group_alike(runs: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Return the groups of two or more runs with the same AP measures, where that is no chance."""
    groups: dict[Cells, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(read_cells(run), []).append(run)
    return [alike for cells, alike in groups.items() if len(alike) > 1 and is_telling(cells)]


def _share_training(a: RunRecord, b: RunRecord) -> bool:
    """Whether two runs evaluate one training: a threshold may well change a single measure."""
    return a.seed == b.seed and share_weights(a.setting, b.setting)


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
