"""What may be asked without a study of one's own: of result files, run folders, published tables, data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detstudy.analysis import Contrast, compare_results, compare_runs, compare_settings
from detstudy.auditing import Audit, audit_table
from detstudy.data import CheckResult, check_dataset, check_path
from detstudy.data.faults import Progress, ignore_progress
from detstudy.evaluation import Summary, load_ground_truth
from detstudy.evaluation import evaluate as evaluate_predictions
from detstudy.study.spec import load_study
from detstudy.study.study import Study

FilePath = str | os.PathLike[str]


def evaluate(ground_truth: FilePath | Mapping[str, Any], predictions: FilePath | Sequence[dict[str, Any]]) -> Summary:
    """Return the COCO measures of predictions, box and, where they have masks, mask: AP is 0 to 100.

    Both may be files (COCO JSON, also gzipped; a result file) or what stands in them. Every number equals pycocotools'.
    What is undefined is None, with its reason in `undefined`. Raises InputError for predictions that do not fit the
    ground truth.
    """
    truth = load_ground_truth(ground_truth)
    _, summary = evaluate_predictions(truth, predictions)
    return summary


def compare(
    a: FilePath, b: FilePath, *, study: FilePath | None = None, ground_truth: FilePath | None = None
) -> dict[str, Contrast]:
    """Return the contrast of a against b in every AP measure: estimate a − b, 95 % interval, p and verdict.

    With `study`, a study's folder, they are two settings ("baseline", "learning_rate=0.001") or runs of it; with
    `ground_truth` two COCO result files, whoever made them; else two run folders, of one study or of two. One training
    each has no verdict: `reason` says why. docs/statistics.md has the method. Raises InputError for names, files or
    folders that can't be compared.
    """
    if ground_truth is not None:
        return compare_results(Path(ground_truth), Path(a), Path(b))
    if study is not None:
        return compare_settings(Path(study), os.fspath(a), os.fspath(b))
    return compare_runs(Path(a), Path(b))


def audit(table: FilePath, seed_sd: float | None = None) -> Audit:
    """Return what looks wrong in a published table of results (CSV), what can and can't be concluded, what to run.

    `seed_sd` is the standard deviation of AP over seeds, where it is known. docs/audit.md has the rules. Raises
    InputError for a table that can't be read.
    """
    return audit_table(Path(table), seed_sd)


def check_data(target: Study | FilePath, *, images: bool = True, progress: Progress = ignore_progress) -> CheckResult:
    """Return every fault of a data set, found in one pass: of a study, a study file, or a data set's folder or file.

    Without `images` none is opened. `progress` is told what is looked at, how many are done, and how many there are.
    Faults are never raised; `fatal` says whether a study on this data would refuse to start.
    """
    if not isinstance(target, Study) and Path(target).suffix in (".yaml", ".yml"):
        target = load_study(Path(target))
    if isinstance(target, Study):
        return check_dataset(target.data, images=images, progress=progress)
    return check_path(Path(target), images=images, progress=progress)
