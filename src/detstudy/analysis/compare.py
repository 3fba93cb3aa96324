"""The contrast of any two settings or runs of a study, and of any two COCO result files."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.arm import Arm, contrast_arms
from detstudy.analysis.contrast import judge_difference
from detstudy.analysis.evidence import Evidence
from detstudy.analysis.records import Contrast
from detstudy.analysis.summary import make_arm
from detstudy.analysis.units import Units, read_units
from detstudy.analysis.variance import estimate_unit_part
from detstudy.errors import InputError
from detstudy.evaluation import evaluate, load_ground_truth, resample_measures
from detstudy.plan import BASELINE, format_level
from detstudy.setting import SECTION_OF_FIELD, Setting, read_field
from detstudy.study import MEASURES


class AnalysisError(InputError):
    """A question that the study's folder can't answer; the message says what it could."""


def compare_settings(folder: Path, a: str, b: str) -> dict[str, Contrast]:
    """Return a against b in every AP measure, by the study's margin and pooled seed noise.

    A name is a setting's ("baseline", "learning_rate=0.001"; numbers may be written in any way, levels that are the
    baseline's are left out) or that of a run's folder, which stands for its one seed. Raises AnalysisError for unknown
    names and for two that are the same.
    """
    evidence = Evidence(Path(folder))
    arms = find_arm(evidence, a), find_arm(evidence, b)
    if arms[0].id == arms[1].id:
        raise AnalysisError(f"{a} and {b} are the same ({arms[0].id}); give two different ones")
    return {measure: contrast_arms(evidence, *arms, measure) for measure in MEASURES}


def find_arm(evidence: Evidence, name: str) -> Arm:
    """Return the setting or run of that name. Raises AnalysisError naming the nearest, or all."""
    wanted = canonicalise_name(name, evidence.study.baseline)
    for planned in evidence.plan.settings:
        if planned.id == wanted:
            return make_arm(evidence, planned)
    run_name = name.rstrip("/").rpartition("runs/")[2]
    for run in evidence.runs:
        if run.id == run_name:
            return Arm(run.id, run.id, (run,))
    settings = [planned.id for planned in evidence.plan.settings]
    near = difflib.get_close_matches(name, [*settings, *(run.id for run in evidence.runs)], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"settings are {'; '.join(settings)}"
    raise AnalysisError(f"{evidence.folder}: no setting or run is called {name!r}; {hint}")


def canonicalise_name(name: str, baseline: Setting) -> str:
    """Return a setting's name as the plan writes it: sorted, numbers in one form, without the baseline's levels."""
    if "=" not in name:
        return name
    levels = {}
    for part in name.split(","):
        key, _, text = part.partition("=")
        key, text = key.strip(), text.strip()
        for number in (int, float):
            try:
                text = format_level(number(text))
                break
            except ValueError:
                continue
        if key not in SECTION_OF_FIELD or format_level(read_field(baseline, key)) != text:
            levels[key] = text
    return ",".join(f"{key}={levels[key]}" for key in sorted(levels)) or BASELINE


def compare_results(ground_truth: Path, a: Path, b: Path) -> dict[str, Contrast]:
    """Return the contrast of two COCO result files over one ground truth, in every AP measure.

    Interval and p hold for these two files over other images of the same kind; whether another training would differ
    likewise they can't say, so there is no verdict. Raises EvaluationError for files that don't fit.
    """
    truth = load_ground_truth(ground_truth)
    units = read_units(truth)
    draws, values = [], []
    for path in (a, b):
        matches, summary = evaluate(truth, path)
        draws.append(resample_measures(matches, units.weights, MEASURES))
        values.append(summary)
    differences = draws[0] - draws[1]
    return {
        measure: _contrast_files(
            (str(a), str(b)),
            measure,
            (values[0].measures[measure], values[1].measures[measure]),
            values[0].undefined.get(measure) or values[1].undefined.get(measure),
            units,
            differences[:, column],
        )
        for column, measure in enumerate(MEASURES)
    }


def _contrast_files(
    names: tuple[str, str],
    measure: str,
    values: tuple[float | None, float | None],
    undefined: str | None,
    units: Units,
    differences: NDArray[np.float64],
) -> Contrast:
    first, second = values
    estimate = None if first is None or second is None else first - second
    part = None if estimate is None else estimate_unit_part(differences, units.count)
    judged = None if part is None or estimate is None else judge_difference(estimate, [part], 0.0)
    reason = undefined or "seed noise unknown: each file is one training"
    note = f"interval and p are over {units.label} alone, for these two files; another seed may differ by more"
    return Contrast(
        a=names[0],
        b=names[1],
        measure=measure,
        estimate=estimate,
        low=judged.low if judged else None,
        high=judged.high if judged else None,
        p=judged.p if judged else None,
        degrees_of_freedom=judged.degrees_of_freedom if judged else None,
        verdict=None,
        reason=reason,
        a_value=first,
        b_value=second,
        seeds=(1, 1),
        units=units.label,
        notes=(note,) if judged else (),
        unit_variance=part.variance if part else None,
    )
