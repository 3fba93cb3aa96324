"""All that a study's folder says about its measures: values by run, and in draws of the validation images."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.evidence.exploration import find_additions
from detstudy.analysis.evidence.runs import drop_copies
from detstudy.analysis.facts.setting import UnitCount
from detstudy.analysis.statistics.variance import SeedNoise, pool_seed_noise
from detstudy.evaluation import (
    ERROR_MEASURES,
    EvaluationError,
    GroundTruth,
    Kind,
    Matches,
    count_units,
    draw_weights,
    evaluate_checked,
    load_ground_truth,
    load_matches,
    load_predictions,
    resample_errors,
    resample_measures,
    resampling_units,
)
from detstudy.ledger import Ledger, RunRecord, list_unlike
from detstudy.ledger.codec import read_record
from detstudy.ledger.openings import Opening, list_openings
from detstudy.ledger.plans import load_planned_plan
from detstudy.plan import BASELINE, PlannedSetting
from detstudy.study.setting import Setting
from detstudy.study.study import MEASURES, StudyError

DRAWS = 200
"""Bootstrap draws; a standard error from them is known to 5 %."""

Tables = dict[Kind, Matches]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How many units there are, what each is, and how often each draw has each image."""

    count: int
    noun: str  # "sequence", "image"
    weights: NDArray[np.int32]  # [draws, images]

    @property
    def counted(self) -> UnitCount:
        """How many of what."""
        return UnitCount(self.count, self.noun)


def read_units(ground_truth: GroundTruth) -> Units:
    """Return the units of a ground truth (its sequences where every image has one, else its images) and their draws.

    The draws are the same for every run that is analysed, so that differences are paired, and at every analysis.
    """
    units = resampling_units(ground_truth)
    noun = "image" if None in ground_truth.sequences else "sequence"
    return Units(count_units(units), noun, draw_weights(units, DRAWS, seed=0))


class Evidence:
    """A study's runs as its folder has them; matches are read when first asked for and resampled once.

    Raises StudyError where the folder holds no study, or runs that finished without sound ground truth.
    """

    def __init__(self, folder: Path) -> None:
        ledger = Ledger(folder)
        self.folder = folder
        self.study = ledger.load_study()
        self.plan = ledger.load_plan()
        planned = ledger.load_planned_study()
        known = load_planned_plan(folder, planned)
        self.additions = find_additions(planned, known, self.study, self.plan)
        self.runs = ledger.read_runs(self.plan)
        self.ground_truth = read_ground_truth(ledger, needed=any(run.outcome == "finished" for run in self.runs))
        self.units = read_units(self.ground_truth) if self.ground_truth else None
        self._noise: dict[str, SeedNoise] = {}
        self._alike: dict[tuple[str, str], bool] = {}
        self._tables: dict[str, Tables | None] = {}
        self._draws: dict[tuple[str, str, bool], NDArray[np.float64]] = {}
        self._means: dict[tuple[str, tuple[str, ...]], NDArray[np.float64]] = {}
        self._trained: dict[Setting, str] = {}

    @property
    def counted_units(self) -> UnitCount:
        """How many units there are; nobody knows of what before the first run."""
        return self.units.counted if self.units else UnitCount(0, "")

    def runs_of(self, setting_id: str) -> tuple[RunRecord, ...]:
        """Return the runs of a setting, finished or not, by the plan's order."""
        return tuple(run for run in self.runs if run.setting_id == setting_id)

    def test_runs(self) -> list[RunRecord]:
        """Return the runs with what they reached on the test split; [] where the data has none."""
        return Ledger(self.folder).read_runs(self.plan, "test") if self.study.data.test else []

    def openings(self) -> list[Opening]:
        """Return when the test split was looked at, the first time first."""
        return list_openings(self.folder, self.test_runs())

    def seed_noise(self, measure: str) -> SeedNoise:
        """Return a measure's variance over seeds. Settings that share weights count once, as do idle seeds."""
        if measure not in self._noise:
            values = {
                setting.id: [
                    value
                    for run in drop_copies(self.runs_of(setting.id))
                    if (value := self.value(run, measure)) is not None
                ]
                for setting in self.plan.settings
                if self.trained_as(setting.setting) == setting.id
            }
            self._noise[measure] = pool_seed_noise(values, keep=BASELINE)
        return self._noise[measure]

    def trained_as(self, setting: Setting) -> str:
        """Return the id of the first setting that has the same weights; they may differ in evaluation."""
        if setting not in self._trained:
            same = (planned.id for planned in self.plan.settings if share_weights(planned.setting, setting))
            self._trained[setting] = next(same)
        return self._trained[setting]

    def value(self, run: RunRecord, measure: str) -> float | None:
        """Return a run's value of a measure: as it was measured, or from its matches for those of ERROR_MEASURES.

        None where it is undefined, the run did not finish or its matches can't be had.
        """
        if measure not in ERROR_MEASURES:
            return read_value(run, measure)
        found = self._resample(run, measure, drawn=False) if run.outcome == "finished" else None
        return None if found is None or math.isnan(found[0]) else float(found[0])

    def draws(self, run: RunRecord, measure: str) -> NDArray[np.float64] | None:
        """Return a finished run's measure, of MEASURES or ERROR_MEASURES, in each draw of units.

        None where its matches can't be had.
        """
        return self._resample(run, measure, drawn=True)

    def average_draws(self, runs: Sequence[RunRecord], measure: str) -> NDArray[np.float64] | None:
        """Return the mean over finished runs in each draw of units; None where one of them has none."""
        key = measure, tuple(run.id for run in runs)
        if key not in self._means:
            total: NDArray[np.float64] | float = 0.0
            for run in runs:
                draws = self.draws(run, measure)
                if draws is None:
                    return None
                total = total + draws
            self._means[key] = np.asarray(total) / len(runs)
        return self._means[key]

    def tables(self, run: RunRecord) -> Tables | None:
        """Return a finished run's matches, box and mask.

        Where they are damaged, or of another version or ground truth, its predictions are matched again. None where
        these can't be had either.
        """
        if run.id not in self._tables:
            self._tables[run.id] = read_tables(run, self.ground_truth) if self.ground_truth else None
        return self._tables[run.id]

    def _resample(self, run: RunRecord, measure: str, drawn: bool) -> NDArray[np.float64] | None:
        """Return the measure in each draw of units, or of the images as they are; what is like it comes with it."""
        if (run.id, measure, drawn) not in self._draws:
            tables = self.tables(run)
            if tables is None or self.units is None:
                return None
            weights = self.units.weights if drawn else np.ones_like(self.units.weights[:1])
            definition = ERROR_MEASURES.get(measure)
            names: tuple[str, ...] = MEASURES
            if definition is None:
                values = resample_measures(tables, weights, names)
            else:
                alike = (definition.kind, definition.costs, definition.band)
                names = tuple(n for n, d in ERROR_MEASURES.items() if (d.kind, d.costs, d.band) == alike)
                values = resample_errors(tables, weights, names, self.study.operating_score_threshold)
            self._draws.update({(run.id, name, drawn): values[:, n] for n, name in enumerate(names)})
        return self._draws[run.id, measure, drawn]

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


def read_ground_truth(ledger: Ledger, *, needed: bool) -> GroundTruth | None:
    """Return the validation split's ground truth; None where it is missing and not needed yet.

    Raises StudyError where it is damaged, or missing though needed.
    """
    path = ledger.ground_truth_path("validation")
    remedy = "`detstudy run` with the study file writes it again, where the data set is at hand"
    if not path.exists():
        if needed:
            raise StudyError(f"{path}: missing, and what was measured can't be judged without it; {remedy}")
        return None
    document = read_record(path, dict)
    if document is None:
        raise StudyError(f"{path}: is not as it was written (cut off or edited); {remedy}")
    try:
        return load_ground_truth(document)
    except EvaluationError as error:
        raise StudyError(f"{path}: {error}\n{path}: {remedy}") from None


def read_tables(run: RunRecord, ground_truth: GroundTruth) -> Tables | None:
    """Return the matches of a run's evaluation; its predictions matched again where they are of no use; else None."""
    unlike = list_unlike(run.evaluation_folder / "result.json")
    if "matches.npz" not in unlike:
        with contextlib.suppress(EvaluationError):
            matches = load_matches(run.evaluation_folder / "matches.npz")
            if matches and all(table.fits(ground_truth) for table in matches.values()):
                return matches
    if "predictions.json" in unlike:
        return None
    try:
        predictions = load_predictions(run.evaluation_folder / "predictions.json", ground_truth)
    except EvaluationError:
        return None
    return evaluate_checked(ground_truth, predictions)[0]


def share_weights(a: Setting, b: Setting) -> bool:
    """Whether two settings differ in evaluation at most."""
    return a.trained == b.trained


def read_value(run: RunRecord, measure: str) -> float | None:
    """Return a finished run's value of a measure; None where it is undefined or the run did not finish."""
    found = run.measures.get(measure)
    return found.value if found and run.outcome == "finished" else None


def find_setting(evidence: Evidence, setting: Setting) -> PlannedSetting | None:
    """Return the planned setting equal to this one; None where none is."""
    return next((planned for planned in evidence.plan.settings if planned.setting == setting), None)
