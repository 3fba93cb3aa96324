"""All that a study's folder says about its measures: values by run, and in draws of the validation images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.records import FalsePositives
from detstudy.analysis.units import read_units
from detstudy.analysis.variance import SeedNoise, pool_seed_noise
from detstudy.evaluation import (
    EvaluationError,
    count_false_positives,
    load_ground_truth,
    load_matches,
    resample_measures,
)
from detstudy.ledger import Ledger, RunRecord
from detstudy.plan import BASELINE, PlannedSetting, plan_study
from detstudy.setting import Setting
from detstudy.study import MEASURES


class Evidence:
    """A study's runs as they stand in its folder; matches are read when first asked for and resampled once.

    Raises StudyError where the folder holds no study, EvaluationError where its ground truth is damaged.
    """

    def __init__(self, folder: Path) -> None:
        ledger = Ledger(folder)
        self.folder = folder
        self.study = ledger.load_study()
        self.plan = plan_study(self.study)
        self.runs = ledger.read_runs(self.plan)
        path = ledger.ground_truth_path("validation")
        self.units = read_units(load_ground_truth(path)) if path.exists() else None
        self._noise: dict[str, SeedNoise] = {}
        self._alike: dict[tuple[str, str], bool] = {}
        self._matched: dict[str, tuple[NDArray[np.float64] | None, dict[str, FalsePositives]]] = {}

    @property
    def units_label(self) -> str:
        """The units in words, "no validation images yet" where no run has started."""
        return self.units.label if self.units else "no validation images yet"

    def runs_of(self, setting_id: str) -> tuple[RunRecord, ...]:
        """Return the runs of a setting, finished or not, by the plan's order."""
        return tuple(run for run in self.runs if run.setting_id == setting_id)

    def test_runs(self) -> list[RunRecord]:
        """Return the runs with what they reached on the test split; [] where the data has none."""
        return Ledger(self.folder).read_runs(self.plan, "test") if self.study.data.test else []

    def seed_noise(self, measure: str) -> SeedNoise:
        """Return a measure's variance over seeds. Settings that share weights count once."""
        if measure not in self._noise:
            values = {
                setting.id: [
                    value for run in self.runs_of(setting.id) if (value := read_value(run, measure)) is not None
                ]
                for setting in self.plan.settings
                if self.trained_as(setting.setting) == setting.id
            }
            self._noise[measure] = pool_seed_noise(values, keep=BASELINE)
        return self._noise[measure]

    def trained_as(self, setting: Setting) -> str:
        """Return the id of the first setting that has the same weights; they may differ in evaluation."""
        return next(planned.id for planned in self.plan.settings if share_weights(planned.setting, setting))

    def draws(self, run: RunRecord, measure: str) -> NDArray[np.float64] | None:
        """Return a finished run's measure in each draw of units; None where its matches can't be read."""
        draws = self._read_matches(run)[0]
        return None if draws is None else draws[:, MEASURES.index(measure)]

    def errors(self, run: RunRecord) -> dict[str, FalsePositives]:
        """Return a finished run's counts at the study's operating score threshold, by box and mask."""
        return self._read_matches(run)[1]

    def predict_alike(self, a: RunRecord, b: RunRecord) -> bool:
        """Whether two runs have the same predictions to the byte, and any at all."""
        key = a.id, b.id
        if key not in self._alike:
            paths = [run.evaluation_folder / "predictions.json" for run in (a, b)]
            try:
                alike = len({path.stat().st_size for path in paths}) == 1  # spares reading most of them
                contents = {path.read_bytes() for path in paths} if alike else set()
            except OSError:
                contents = set()
            self._alike[key] = len(contents) == 1 and bool(contents.pop().strip(b"[] \n"))
        return self._alike[key]

    def _read_matches(self, run: RunRecord) -> tuple[NDArray[np.float64] | None, dict[str, FalsePositives]]:
        if run.id not in self._matched:
            try:
                matches = load_matches(run.evaluation_folder / "matches.npz")
                draws = resample_measures(matches, self.units.weights, MEASURES) if self.units else None
            except (EvaluationError, ValueError):  # damaged, or of another ground truth
                self._matched[run.id] = None, {}
            else:
                counts = count_false_positives(matches, self.study.operating_score_threshold)
                errors: dict[str, FalsePositives] = {
                    kind: FalsePositives(
                        false_positives=found.total.false_positives,
                        false_positives_per_image=found.false_positives_per_image or 0.0,
                        true_positives=found.total.true_positives,
                        missed=found.total.missed,
                    )
                    for kind, found in counts.items()
                }
                self._matched[run.id] = draws, errors
        return self._matched[run.id]


def share_weights(a: Setting, b: Setting) -> bool:
    """Whether two settings differ in evaluation at most."""
    return a.model == b.model and a.training == b.training


def read_value(run: RunRecord, measure: str) -> float | None:
    """Return a finished run's value of a measure; None where it is undefined or the run did not finish."""
    found = run.measures.get(measure)
    return found.value if found and run.outcome == "finished" else None


def find_setting(evidence: Evidence, setting: Setting) -> PlannedSetting | None:
    """Return the planned setting equal to this one; None where none is."""
    return next((planned for planned in evidence.plan.settings if planned.setting == setting), None)
