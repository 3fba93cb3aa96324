"""A study's folder to ask in Python: pandas frames of what ran, what was measured, and what differs."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detstudy.analysis import Analysis, analyse_study
from detstudy.execution import describe_stop, list_tasks
from detstudy.ledger import Ledger, RunRecord, read_curve, read_seconds_spent
from detstudy.plan import Plan
from detstudy.reporting import write_report
from detstudy.reporting.output import describe_contrast, describe_run
from detstudy.study.study import Study

if TYPE_CHECKING:
    import pandas as pd


POINT = ("kind", "iteration", "images", "seconds", "loss", "learning_rate")


class StudyFolder:
    """What a study's folder said when it was first asked; open it again to see what has ended since.

    It is read alone: the data set may be gone, and no code that the study names is imported. Frames are the caller's to
    change. What is not known or not defined is missing (NaN or None), never 0.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledger = Ledger(folder)
        self.study: Study = self._ledger.load_study()

    @cached_property
    def plan(self) -> Plan:
        """The settings and runs that were asked for."""
        return self._ledger.load_plan()

    @cached_property
    def records(self) -> list[RunRecord]:
        """What is known of each run, in the plan's order."""
        return self._ledger.read_runs(self.plan)

    @cached_property
    def analysis(self) -> Analysis:
        """What the runs say: contrasts, choices, trade-offs, as the report has them; takes about a second.

        Raises InputError where runs finished without sound ground truth.
        """
        return analyse_study(self.folder)

    @property
    def stopped(self) -> str | None:
        """Which budget stopped the study with work left; None where none did, or where it is running."""
        if any(record.state == "running" for record in self.records):
            return None
        tasks = list_tasks(self.plan, self._ledger.fingerprint)
        return describe_stop(tasks, self._ledger, self.study.budget, read_seconds_spent(self.folder))

    def runs(self) -> pd.DataFrame:
        """Return a row a run: id, setting_id, seed, state, outcome, reason, and a column a hyperparameter."""
        return _frame([_name_run(record) | dict(record.setting) for record in self.records])

    def measures(self) -> pd.DataFrame:
        """Return a row for each measure of a run: id, setting_id, seed, measure, value, unit, reason.

        AP is 0 to 100. `reason` says why a value is missing.
        """
        return _frame(
            [
                {
                    "id": record.id,
                    "setting_id": record.setting_id,
                    "seed": record.seed,
                    "measure": name,
                    "value": measure.value,
                    "unit": measure.unit,
                    "reason": measure.reason,
                }
                for record in self.records
                for name, measure in record.measures.items()
            ]
        )

    def curves(self) -> pd.DataFrame:
        """Return a row a logged point of a training: id, setting_id, seed, kind ("train", "validation"), iteration,
        images, seconds (of training), loss, learning_rate, and a column a measure of the validation.
        """
        rows = []
        for record in self.records:
            who = {"id": record.id, "setting_id": record.setting_id, "seed": record.seed}
            for point in read_curve(record.folder / "curves.jsonl"):
                known = {name: getattr(point, name) for name in POINT}
                rows.append({**who, **known, **point.measures})
        return _frame(rows)

    def contrasts(self) -> pd.DataFrame:
        """Return a row for each setting and measure, against the baseline: setting_id, measure, a (the setting's mean),
        b (the baseline's), difference (a − b) with its 95 % interval from low to high, p, verdict, and the reason where
        there is none. Intervals and verdicts are those of the report.
        """
        return _frame(
            [
                {"setting_id": setting.id, "measure": measure, **describe_contrast(contrast)}
                for setting in self.analysis.settings.values()
                for measure, contrast in setting.contrasts.items()
            ]
        )

    def write_report(self) -> list[Path]:
        """Write report.html and report.md into the folder; return their paths."""
        return write_report(self.folder, self.analysis)


def open_study(folder: str | os.PathLike[str]) -> StudyFolder:
    """Open the folder of a study that `run_study` or `detstudy run` made, to read.

    Raises InputError where it holds no study, or a damaged one.
    """
    return StudyFolder(Path(folder))


def _name_run(record: RunRecord) -> dict[str, Any]:
    described = describe_run(record)
    return {name: described[name] for name in ("id", "setting_id", "seed", "state", "outcome", "reason")}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
