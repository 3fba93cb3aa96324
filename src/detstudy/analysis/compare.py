"""The contrast of any two settings or runs, of one study or of two."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path

from detstudy.analysis.contrasts.arm import Arm, contrast_arms, make_arm, pair_arms
from detstudy.analysis.contrasts.comparison import Contrasts, contrast_members
from detstudy.analysis.contrasts.result_files import compare_results
from detstudy.analysis.evidence.confounding import find_caveats
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.evidence.runs import name_state
from detstudy.analysis.facts.contrast import Contrast, Verdict
from detstudy.analysis.facts.reason import Note, OfTwoStudies
from detstudy.analysis.findings.completion import complete_contrast
from detstudy.analysis.findings.convergence import judge_setting
from detstudy.errors import InputError
from detstudy.ledger import Ledger, list_unlike
from detstudy.ledger.codec import read_record
from detstudy.plan import BASELINE, format_level
from detstudy.study.setting import Setting
from detstudy.study.study import MEASURES


class AnalysisError(InputError):
    """A question that the study's folder can't answer; the message says what it could."""


def compare_settings(folder: Path, a: str, b: str) -> dict[str, Contrast]:
    """Return a against b in every AP measure, by the study's margin and pooled seed noise.

    A name is a setting's ("baseline", "learning_rate=0.001"; numbers may be written in any way, levels that are the
    baseline's are left out) or that of a run's folder, which means its one seed. Raises AnalysisError for unknown
    names and for two that are the same.

    A setting against the baseline is judged as in the report, together with the other levels of its factor; any other
    pair on its own.
    """
    evidence = Evidence(Path(folder))
    arms = find_arm(evidence, a), find_arm(evidence, b)
    if arms[0].id == arms[1].id:
        raise AnalysisError(f"{a} and {b} are the same ({arms[0].id}); give two different ones")
    for whole, part, names in ((*arms, (a, b)), (*arms[::-1], (b, a))):
        if {run.id for run in part.runs} <= {run.id for run in whole.runs}:
            raise AnalysisError(f"{names[1]} is one of the runs of {names[0]}; compare it with another run or setting")
    contrasts = _contrast_with_family(evidence, *arms) or {
        measure: _note_alone(contrast) for measure, contrast in contrast_arms(evidence, *arms, MEASURES).items()
    }
    objective, margin = evidence.study.objective, evidence.study.smallest_difference_that_matters
    convergences = {arm.id: judge_setting(arm.runs, objective, margin) for arm in arms}
    completed = complete_contrast(evidence, pair_arms(evidence, *arms), contrasts[objective], convergences)
    return {**contrasts, objective: completed}


def _contrast_with_family(evidence: Evidence, a: Arm, b: Arm) -> Contrasts | None:
    """Return a setting against the baseline, or the baseline against it, as the report has it; None for other pairs."""
    for family in evidence.plan.list_families():
        ids = {setting.id for setting in family}
        if b.id == BASELINE and a.id in ids:
            return contrast_members(evidence, family)[a.id]
        if a.id == BASELINE and b.id in ids:
            found = contrast_members(evidence, family)[b.id]
            return {measure: turn_contrast(evidence, contrast) for measure, contrast in found.items()}
    return None


def turn_contrast(evidence: Evidence, contrast: Contrast) -> Contrast:
    """Return the contrast of two settings seen from the other one."""
    turned: dict[Verdict | None, Verdict] = {"better": "worse", "worse": "better"}
    a, b = (evidence.plan.setting(name).setting for name in (contrast.b, contrast.a))
    ids = (contrast.a, contrast.b)
    runs = [run for run in evidence.runs if run.setting_id in ids and run.outcome == "finished"]
    return dataclasses.replace(
        contrast,
        a=contrast.b,
        b=contrast.a,
        estimate=None if contrast.estimate is None else -contrast.estimate,
        low=None if contrast.high is None else -contrast.high,
        high=None if contrast.low is None else -contrast.low,
        verdict=turned.get(contrast.verdict, contrast.verdict),
        seeds=(contrast.seeds[1], contrast.seeds[0]),
        a_value=contrast.b_value,
        b_value=contrast.a_value,
        accumulations=contrast.accumulations[::-1],
        caveats=find_caveats(evidence.study, a, b, runs),
    )


def compare_runs(a: Path, b: Path) -> dict[str, Contrast]:
    """Return the contrast of two run folders, each one seed, in every AP measure.

    Runs of one study are judged as its settings are. Those of different studies are compared as two result files over
    their ground truth, without a verdict. Raises AnalysisError where a folder is no run, or did not finish, or the
    studies keep different ground truth.
    """
    folders = [find_study(Path(run)) for run in (a, b)]
    if folders[0].resolve() == folders[1].resolve():
        return compare_settings(folders[0], os.fspath(a), os.fspath(b))
    truths, files = [], []
    for folder, path in zip(folders, (a, b), strict=True):
        evidence = Evidence(folder)
        (run,) = find_arm(evidence, os.fspath(path)).runs
        if run.outcome != "finished":
            raise AnalysisError(f"{path}: no predictions to compare: {run.reason or name_state(run)}")
        if "predictions.json" in list_unlike(run.evaluation_folder / "result.json"):
            raise AnalysisError(
                f"{run.evaluation_folder / 'predictions.json'}: is not as it was written (missing, cut off or edited); "
                "`detstudy run` predicts again"
            )
        truths.append(Ledger(folder).ground_truth_path("validation"))
        files.append(run.evaluation_folder / "predictions.json")
    if read_record(truths[0], dict) != read_record(truths[1], dict):
        raise AnalysisError(
            f"{truths[0]} and {truths[1]} differ: the runs were judged on other images or annotations; compare their "
            "predictions over one of them, where both have its images: detstudy compare --gt GT.json A.json B.json"
        )
    note = OfTwoStudies(*folders)
    contrasts = compare_results(truths[0], *files)
    return {
        measure: dataclasses.replace(contrast, a=os.fspath(a), b=os.fspath(b), notes=(*contrast.notes, note))
        for measure, contrast in contrasts.items()
    }


def find_study(run: Path) -> Path:
    """Return the study's folder of a run's folder. Raises AnalysisError where it is none."""
    absolute = run.absolute()
    for parent in absolute.parents:
        if parent.name == "runs" and absolute.is_dir():
            return parent.parent
    raise AnalysisError(f"{run}: no run's folder; STUDY/runs/NAME is needed, or a study's folder and two settings")


def find_arm(evidence: Evidence, name: str) -> Arm:
    """Return the setting or run of that name. Raises AnalysisError naming the nearest, or all."""
    wanted = name, canonicalise_name(name, evidence.study.baseline)
    for planned in evidence.plan.settings:
        if planned.id in wanted:
            return make_arm(evidence, planned)
    run_name = name.rstrip("/").rpartition("runs/")[2]
    for run in evidence.runs:
        if run_name in (run.id, f"{run.folder.name}/evaluations/{run.evaluation_folder.name}"):
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
        if key not in baseline or format_level(baseline[key]) != text:
            levels[key] = text
    return ",".join(f"{key}={levels[key]}" for key in sorted(levels)) or BASELINE


def _note_alone(contrast: Contrast) -> Contrast:
    if contrast.verdict is None:
        return contrast
    return dataclasses.replace(contrast, notes=(*contrast.notes, Note.ALONE))
