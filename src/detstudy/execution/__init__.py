"""Worker processes and the local pool: what is missing of a study gets done, whatever dies on the way."""

from detstudy.execution.budget import SpentTime, cut_tasks, describe_stop
from detstudy.execution.interruption import InterruptedStudyError
from detstudy.execution.pool import list_tasks, prepare_trainer, run_tasks
from detstudy.execution.prepare import describe_data, foresee_runs, prepare_ledger
from detstudy.execution.progress import TerminalProgress
from detstudy.execution.provenance import count_cores, list_gpus
from detstudy.execution.work import Place, Task, is_task_due, work_on

__all__ = [
    "InterruptedStudyError",
    "Place",
    "SpentTime",
    "Task",
    "TerminalProgress",
    "count_cores",
    "cut_tasks",
    "describe_data",
    "describe_stop",
    "foresee_runs",
    "is_task_due",
    "list_gpus",
    "list_tasks",
    "prepare_ledger",
    "prepare_trainer",
    "run_tasks",
    "work_on",
]
