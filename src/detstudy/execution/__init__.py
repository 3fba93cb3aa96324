"""Scheduler, executors and workers: what is missing of a study gets done, whatever dies on the way."""

from detstudy.execution.asking import ask_for_more
from detstudy.execution.budget import SpentTime, describe_stop
from detstudy.execution.executors.local import LocalExecutor
from detstudy.execution.interruption import InterruptedStudyError
from detstudy.execution.opening import open_test
from detstudy.execution.pace import estimate_seconds_left
from detstudy.execution.prepare import foresee_runs, prepare_ledger
from detstudy.execution.provenance import count_cores, list_gpus
from detstudy.execution.scheduler import check_settings, run_tasks
from detstudy.execution.tasks import Place, Task, is_task_due, list_tasks
from detstudy.execution.work import do_work, work_on

__all__ = [
    "InterruptedStudyError",
    "LocalExecutor",
    "Place",
    "SpentTime",
    "Task",
    "ask_for_more",
    "check_settings",
    "count_cores",
    "describe_stop",
    "do_work",
    "estimate_seconds_left",
    "foresee_runs",
    "is_task_due",
    "list_gpus",
    "list_tasks",
    "open_test",
    "prepare_ledger",
    "run_tasks",
    "work_on",
]
