"""A whole study run: everything that is missing, what its design asks for next, the test split once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from detstudy.analysis import analyse_study
from detstudy.execution import (
    LocalExecutor,
    SpentTime,
    ask_for_more,
    check_settings,
    count_cores,
    describe_stop,
    is_task_due,
    list_gpus,
    list_tasks,
    open_test,
    prepare_ledger,
    run_tasks,
)
from detstudy.execution.executors.contract import Executor
from detstudy.ledger import Ledger
from detstudy.library.folder import StudyFolder
from detstudy.plan import Plan, plan_study
from detstudy.reporting.progress import TerminalProgress
from detstudy.study.study import Study

if TYPE_CHECKING:
    from rich.console import Console

SILENT_DRIVER = "nvidia-smi gives no answer, so no GPU is used; where CUDA_VISIBLE_DEVICES names GPUs it is not asked"


def run_study(
    study: Study,
    out: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    executor: Callable[[Ledger], Executor] | None = None,
    console: Console | None = None,
    open_test_again: bool = False,
) -> StudyFolder:
    """Run what is missing of a study and return its folder, by default `results/<study>`.

    What has ended is kept, and what was stopped goes on from its checkpoints. `workers` runs are made side by side,
    each in a process of its own: by default one a GPU, without GPUs one a core; another `executor` is made for the
    ledger. Progress is shown on rich's `console`; without one nothing is, and warnings are Python's. The folder's
    `stopped` says whether a budget stopped the study. The test split is evaluated once, for the choice and the baseline
    then; for another choice only where `open_test_again` says so, and the report tells.

    Raises InputError where the study, its data or a setting is refused, before any run starts, and
    InterruptedStudyError on SIGINT, SIGTERM and SIGHUP, everything kept.
    """
    plan_study(study)  # whose faults are told before anything is written
    ledger = Ledger(choose_folder(study, out))
    warn = make_warner(console)
    for warning in prepare_ledger(study, ledger):
        warn(warning)
    plan = ledger.load_plan()
    for path in ledger.list_damaged_weights(plan):
        warn(
            f"{path}: missing, or not as it was written; what was measured with it stands, and nothing more can be; "
            "delete the run's folder to train it again"
        )
    chosen = executor(ledger) if executor else LocalExecutor(ledger, choose_devices(workers, warn))
    shown = console or make_silent_console()
    more: Plan | None = plan
    while more is not None:
        plan, tasks = more, list_tasks(more, ledger.fingerprint)
        if any(is_task_due(ledger, task) for task in tasks):
            check_settings(chosen)
        with TerminalProgress(shown, ledger, plan) as progress, SpentTime(ledger.folder, study.budget.hours) as spent:
            run_tasks(tasks[: study.budget.runs], ledger, executor=chosen, watcher=progress, is_over=spent.is_up)
        stopped = describe_stop(tasks, ledger, study.budget, spent.total)
        more = None if stopped else ask_for_more(ledger)
    if study.data.test and stopped is None:  # when the choice stands
        evaluate_test(ledger, plan, chosen, open_test_again, shown)
    return StudyFolder(ledger.folder)


def evaluate_test(ledger: Ledger, plan: Plan, executor: Executor, again: bool, console: Console) -> None:
    """Evaluate the chosen setting and the baseline on the test split, once; once more where `again` says so."""
    choice = analyse_study(ledger.folder).choice
    if choice is None:
        return
    opening, tasks = open_test(ledger, plan, choice.setting_id, again=again)
    if choice.setting_id not in opening.settings:
        console.print(
            f"the test split was opened for {' and '.join(opening.settings)}, and stays closed for the choice now, "
            f"{choice.setting_id}; --open-test-again opens it once more, and the report then says so",
            markup=False,
        )
    with TerminalProgress(console, ledger, plan) as progress:
        run_tasks(tasks, ledger, executor=executor, watcher=progress)


def choose_folder(study: Study, out: str | os.PathLike[str] | None) -> Path:
    """Return where a study is run: `out`, else `results/<study>`."""
    return Path(out) if out is not None else Path("results") / study.name


def choose_devices(workers: int | None, warn: Callable[[str], None]) -> list[str]:
    """Return one device a worker: GPUs in turn, else the CPU."""
    gpus = list_gpus()
    if gpus is None:
        warn(SILENT_DRIVER)
    if not gpus:
        return ["cpu"] * (workers or count_cores())
    return [gpus[number % len(gpus)] for number in range(workers or len(gpus))]


def make_warner(console: Console | None) -> Callable[[str], None]:
    """Return what shows a warning on a console, or without one raises it as Python does."""
    if console is None:
        return lambda text: warnings.warn(text, stacklevel=3)
    return lambda text: console.print(f"warning: {text}", markup=False)


def make_silent_console() -> Console:
    """Return a console that shows nothing."""
    from rich.console import Console

    return Console(quiet=True)
