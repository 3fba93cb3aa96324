"""A driver without a report, as a process of its own: `python drive.py STUDY FOLDER TRAINER`."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from detstudy.execution import (
    InterruptedStudyError,
    LocalExecutor,
    list_tasks,
    prepare_ledger,
    run_tasks,
)
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.reporting.progress import TerminalProgress
from detstudy.study.spec import load_study

study, ledger = load_study(sys.argv[1], (f"trainer.python={sys.argv[3]}",)), Ledger(Path(sys.argv[2]))
plan = plan_study(study)
prepare_ledger(study, ledger)
tasks = list_tasks(plan, ledger.data.fingerprint)
try:
    with TerminalProgress(Console(stderr=True), ledger, plan) as progress:
        executor = LocalExecutor(ledger, ["cpu", "cpu"])
        run_tasks(tasks, ledger, executor=executor, watcher=progress)
except InterruptedStudyError as stop:
    sys.exit(128 + stop.signal)
