"""What looks wrong in a study before anybody reads its conclusions: copies, idle seeds, equal times, shared images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detstudy.analysis.evidence.confounding import name_run, name_setting
from detstudy.analysis.evidence.copies import Cells, is_telling, read_cells
from detstudy.analysis.evidence.evidence import Evidence, read_value, share_weights
from detstudy.ledger import Ledger, RunRecord
from detstudy.study.study import MEASURES
from detstudy.wording.labels import count, label_measure
from detstudy.wording.say import say

MOST_NAMED = 4


def check_sanity(evidence: Evidence) -> tuple[str, ...]:
    """Return warnings, a sentence or two each: idle seeds, copied results, equal times, images in two splits."""
    finished = [run for run in evidence.runs if run.outcome == "finished"]
    return (
        *_warn_of_idle_seeds(finished),
        *_warn_of_copies(evidence, finished),
        *_warn_of_near_copies(finished),
        *_warn_of_equal_times(finished),
        *_warn_of_shared_images(evidence),
    )


def _warn_of_idle_seeds(finished: Sequence[RunRecord]) -> list[str]:
    by_setting: dict[str, list[RunRecord]] = {}
    for run in finished:
        by_setting.setdefault(run.setting_id, []).append(run)
    idle = [
        f"{say(name_setting(runs[0].levels, runs))} (seeds {', '.join(str(run.seed) for run in alike)})"
        for runs in by_setting.values()
        for alike in _group_alike(runs)
    ]
    if not idle:
        return []
    return [
        f"The seed changed nothing: {_list_names(idle)} gave the same AP measures to the last digit. A trainer that "
        "ignores the seed, or copied runs? Each such result counts once, so the seeds' noise is not known from them."
    ]


def _warn_of_copies(evidence: Evidence, finished: Sequence[RunRecord]) -> list[str]:
    found = []
    for runs in _group_alike(finished):
        settings = {run.setting_id: run for run in runs}
        if len(settings) < 2:
            continue
        first, *others = settings.values()
        what = "the same AP measures to the last digit"
        if all(evidence.predict_alike(first, other) for other in others):
            what = "the same predictions, byte for byte"
        found.append(f"{_list_runs(settings.values())} have {what}: a level that did nothing, or a copied result.")
    return found


def _warn_of_near_copies(finished: Sequence[RunRecord]) -> list[str]:
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
                    found[runs[0].id, other.id] = (
                        f"{_list_runs((runs[0], other))} share {len(MEASURES) - 1} of {len(MEASURES)} AP measures to "
                        f"the last digit, all but {label_measure(measure)}: a copied result?"
                    )
    return list(found.values())


def _warn_of_equal_times(finished: Sequence[RunRecord]) -> list[str]:
    """Return a warning for each of the first training times that several trainings took to the last digit."""
    groups: dict[float, dict[str, RunRecord]] = {}
    for run in finished:
        seconds = read_value(run, "train/seconds")
        if seconds:
            groups.setdefault(seconds, {}).setdefault(str(run.folder), run)
    found = [
        f"Training took {seconds:,.10g} s, to the last digit, in {_list_runs(runs.values())}: a copied time, or one "
        "that was not measured."
        for seconds, runs in groups.items()
        if len(runs) > 1
    ]
    left_out = len(found) - MOST_NAMED
    more = f"{count(left_out, 'more training time')} {'is' if left_out == 1 else 'are'} shared so."
    return [*found[:MOST_NAMED], *([more] if left_out > 0 else [])]


def _warn_of_shared_images(evidence: Evidence) -> list[str]:
    faults = Ledger(evidence.folder).data.get("faults", [])
    return [fault["message"] for fault in faults if fault["kind"] == "identical_images"]


def _group_alike(runs: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Return the groups of two or more runs with the same AP measures that tell something."""
    groups: dict[Cells, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(read_cells(run), []).append(run)
    return [alike for cells, alike in groups.items() if len(alike) > 1 and is_telling(cells)]


def _share_training(a: RunRecord, b: RunRecord) -> bool:
    """Whether two runs evaluate one training: a threshold may well change a single measure."""
    return a.seed == b.seed and share_weights(a.setting, b.setting)


def _list_runs(runs: Iterable[RunRecord]) -> str:
    return _list_names([say(name_run(run)) for run in runs])


def _list_names(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return " and ".join(names)
    shown = [*names[:MOST_NAMED], *([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [])]
    return f"{'; '.join(shown[:-1])} and {shown[-1]}"
