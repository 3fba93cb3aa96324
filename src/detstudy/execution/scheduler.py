"""Decides what is due of a study, in which order, and what is tried again; who does it is an `Executor`'s business."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from detstudy.execution.events import Died, Ended, Ending, Event, Held, Refused, Started, TriedAgain
from detstudy.execution.executors.contract import Executor
from detstudy.execution.interruption import raise_signals
from detstudy.execution.tasks import SettingsCheck, Task, is_task_due
from detstudy.ledger import MAX_ATTEMPTS, Effective, LeaseHeldError, Ledger, drop_stale_lease, is_lease_live
from detstudy.study.setting import Measure
from detstudy.trainers.contract import RefusedError, choose_micro_batch


class Watcher(Protocol):
    """Sees what happens in a study; the terminal's progress is one."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """These tasks are left to do."""

    def note(self, task: Task, event: Event) -> None:
        """Something was said of a task: it `Started`, a curve's `Point`, it `Ended`, is `TriedAgain`, is `Held`, ..."""


def run_tasks(
    tasks: Sequence[Task],
    ledger: Ledger,
    *,
    executor: Executor,
    watcher: Watcher,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Let an executor work on all due tasks, in their order, as many at a time as it has room for.

    A worker that dies leaves a crashed run, which is tried again from its checkpoint (MAX_ATTEMPTS in all), or one that
    is out of memory, or timed out, as the executor says. A run that another driver holds is left to it and waited for.
    Once `is_over` says so the workers are stopped, their checkpoints kept. Raises InterruptedStudyError on SIGINT,
    SIGTERM and SIGHUP, after the workers stopped; RefusedError where a setting can't be trained here.
    """
    due = []
    for task in tasks:
        if is_task_due(ledger, task):
            due.append(task)
        else:
            drop_stale_lease(ledger.run_folder(task.runs[0]))
    watcher.begin(due)
    at_work: list[Task] = []
    with raise_signals():
        try:
            while (due or at_work) and not is_over():
                for task in [task for task in due if not is_lease_live(ledger.run_folder(task.runs[0]))]:
                    if not executor.has_room():
                        break
                    due.remove(task)
                    if is_task_due(ledger, task):
                        executor.start(task)
                        at_work.append(task)
                        watcher.note(task, Started())
                    else:
                        watcher.note(task, Ended())
                for work, event in executor.wait():
                    task = next(task for task in at_work if task is work)
                    if not isinstance(event, Ending):
                        watcher.note(task, event)
                        continue
                    at_work.remove(task)
                    if _settle(task, event, ledger, watcher):
                        due = [each for each in tasks if each in (*due, task)]  # in the order of their use
        finally:
            executor.stop()


def check_settings(executor: Executor) -> None:
    """Let the trainer look at every setting before any run starts, again where a signal ended it.

    Raises RefusedError where it refuses one.
    """
    said: list[Event] = []
    try:
        for _ in range(MAX_ATTEMPTS):
            executor.start(SettingsCheck())
            said = []
            while not (said and isinstance(said[-1], Ending)):
                said += [event for _, event in executor.wait()]
            if not (isinstance(said[-1], Died) and said[-1].signal):
                break
    finally:
        executor.stop()
    (ending,) = said[-1:]
    if isinstance(ending, Refused):
        raise RefusedError(ending.message)
    if not isinstance(ending, Ended):
        raise RefusedError("the trainer can't prepare the study's settings; its error is above")


def _settle(task: Task, ending: Ending, ledger: Ledger, watcher: Watcher) -> bool:
    """Note how a task's worker ended; return whether the task is to be tried again."""
    if isinstance(ending, Refused):
        raise RefusedError(ending.message)
    if isinstance(ending, Died):
        with contextlib.suppress(LeaseHeldError), ledger.claim(task.runs[0]):  # else another has it already
            _note_death(task, ending, ledger)
    again = is_task_due(ledger, task)
    if not again:
        watcher.note(task, Ended())
    else:
        watcher.note(task, ending if isinstance(ending, Held) else TriedAgain())
    return again


def _note_death(task: Task, died: Died, ledger: Ledger) -> None:
    """Write how a worker ended that could not write its own result."""
    run, reason = task.runs[0], died.reason
    if ledger.is_training_due(run):
        measures: tuple[Measure, ...] = ()
        effective = None
        if died.outcome == "out_of_memory":
            size = choose_micro_batch(run.setting, ledger.find_largest_micro_batch(run))
            effective = Effective(micro_batch_size=size)
            if died.memory_bytes is not None:
                measures = (Measure(name="train/peak_memory_bytes", value=float(died.memory_bytes), unit="bytes"),)
        ledger.end_run(run, died.outcome, reason, measures, effective)
        return
    for run in task.runs:
        for split in task.splits:
            if ledger.is_evaluation_due(run, split):
                ledger.end_evaluation(run, split, died.outcome, replace(reason, evaluating=True, densest_batch=None))
                return
