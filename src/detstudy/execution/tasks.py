"""What there is to do of a study: tasks, each a training with its evaluations, and the check of all settings."""

from __future__ import annotations

from dataclasses import dataclass

from detstudy.ledger import Ledger
from detstudy.plan import Plan, PlannedRun, identify_training
from detstudy.study.setting import SplitName

THREADS = 1
"""Of the processor, for a piece of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A training and all evaluations of its weights. The runs share the training; it is named by the first one."""

    runs: tuple[PlannedRun, ...]
    splits: tuple[SplitName, ...] = ("validation",)


@dataclass(frozen=True, slots=True)
class SettingsCheck:
    """The trainer looks at every setting of the study, before any run starts."""


Work = Task | SettingsCheck
"""What an executor can be given to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where work is done. `workers` is how many share the machine."""

    device: str = "cpu"
    workers: int = 1


def list_tasks(plan: Plan, fingerprint: str, splits: tuple[SplitName, ...] = ("validation",)) -> list[Task]:
    """Group a plan's runs by training, in the plan's order."""
    groups: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        groups.setdefault(identify_training(run, fingerprint), []).append(run)
    return [Task(runs=tuple(runs), splits=splits) for runs in groups.values()]


def is_task_due(ledger: Ledger, task: Task) -> bool:
    """Whether anything of the task is left to do."""
    if ledger.is_training_due(task.runs[0]):
        return True
    return any(ledger.is_evaluation_due(run, split) for run in task.runs for split in task.splits)
