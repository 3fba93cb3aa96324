"""Progress on a terminal: a bar for the study, one for each run at work, time left; plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from detstudy.execution.events import Ended, Evaluating, Event, Held, Point, Resumed, Started, TriedAgain
from detstudy.execution.pace import Pace
from detstudy.execution.tasks import Task
from detstudy.ledger import Ledger, RunRecord
from detstudy.numbers import format_ap, format_time
from detstudy.plan import Plan
from detstudy.wording.say import say


class TerminalProgress:
    """A `Watcher` that draws bars on a terminal and prints one line an ended run.

    The time left is corrected with every point of every run; `clock` gives seconds.
    """

    def __init__(
        self, console: Console, ledger: Ledger, plan: Plan, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console
        self.ledger = ledger
        self.plan = plan
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.clock = clock
        self.pace = Pace()
        self.tasks: dict[int, Task] = {}  # what is left
        self.done: dict[int, int] = {}  # iterations, by task
        self.points: dict[int, tuple[int, float]] = {}  # the last point of this session: iteration, seconds of training
        self.started: dict[int, float] = {}  # those at work, and since when
        self.trained: dict[int, float] = {}  # seconds of setting in this session
        self.workers = 1
        self.total = 0.0
        self.rows: dict[int, TaskID] = {}
        self.study_row: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin(self, tasks: Sequence[Task]) -> None:
        """Show what is left to do."""
        ended = sum(record.state == "ended" and not record.again for record in self.records(None))
        self.console.print(f"{len(self.plan.runs)} runs planned, {ended} ended, {len(tasks)} trainings to work on")
        self.tasks = {id(task): task for task in tasks}
        for task in tasks:  # what is trained has its evaluations before it alone
            if not self.ledger.is_training_due(task.runs[0]):
                self.done[id(task)] = task.runs[0].setting.get("iterations", 0)
        self.total = sum(_count_images(task) for task in tasks)
        if tasks:
            self.study_row = self.bars.add_task("study", total=max(1.0, self.total), note="")

    def note(self, task: Task, event: Event) -> None:
        """Show an event of a run."""
        key = id(task)
        if isinstance(event, Started):
            name = f"{task.runs[0].setting_id} s{task.runs[0].seed}"
            self.rows[key] = self.bars.add_task(name, total=_count_images(task), note="starting")
            self.started[key], self.trained[key] = self.clock(), 0.0
            self.workers = max(self.workers, len(self.started))
        elif isinstance(event, Resumed) or (isinstance(event, Point) and event.kind == "train"):
            self.note_iteration(key, task, event)
        elif isinstance(event, Evaluating):
            self.bars.update(self.rows[key], note=f"evaluating {event.split}")
        elif isinstance(event, Held | TriedAgain):  # where another driver has it nothing ended
            if isinstance(event, TriedAgain):
                self.console.print(f"{describe_end(self.records(task)[0])}; tried again", markup=False)
            self.started.pop(key)
            self.bars.remove_task(self.rows.pop(key))
        elif isinstance(event, Ended):
            self.note_end(key, task)

    def note_iteration(self, key: int, task: Task, event: Point | Resumed) -> None:
        """Move the bars on, and learn how fast the run goes."""
        setting, iteration = task.runs[0].setting, event.iteration
        self.done[key] = iteration
        note = f"iteration {iteration}/{setting['iterations']}"
        if isinstance(event, Point):
            if key in self.points:
                before, seconds = self.points[key]
                self.pace.note_iterations(setting, iteration - before, event.seconds - seconds)
                self.trained[key] = self.trained.get(key, 0.0) + event.seconds - seconds
            self.points[key] = (iteration, event.seconds)
            note += "" if event.loss is None else f", loss {event.loss:.3f}"
        elif iteration == 0:
            self.points[key] = (0, 0.0)
        else:
            self.points.pop(key, None)  # the checkpoint's seconds come with the next point
        self.bars.update(self.rows[key], completed=iteration * setting.get("batch_size", 1), note=note)
        self.show_study()

    def note_end(self, key: int, task: Task) -> None:
        """Print how a run ended."""
        self.tasks.pop(key, None)
        row = self.rows.pop(key, None)
        if row is not None:
            self.bars.remove_task(row)
        began = self.started.pop(key, None)
        for record in self.records(task):
            if record.state == "ended":
                self.console.print(describe_end(record), markup=False)
        if began is not None and self.done.get(key, 0) >= task.runs[0].setting.get("iterations", 0):
            self.pace.note_other(self.clock() - began - self.trained[key])
        self.show_study()

    def show_study(self) -> None:
        """Show the study's bar with the time left."""
        if self.study_row is None:
            return
        seconds = self.estimate_left()
        note = "" if seconds is None else f"about {format_time(seconds)} left"
        left = sum(
            max(0.0, _count_images(task) - self.done.get(key, 0) * task.runs[0].setting.get("batch_size", 1))
            for key, task in self.tasks.items()
        )
        self.bars.update(self.study_row, completed=self.total - left, note=note)

    def estimate_left(self) -> float | None:
        """Return the seconds until all is done, those at work first; None while nothing is measured."""
        order = sorted(self.tasks, key=lambda key: key not in self.started)
        left = [(self.tasks[key].runs[0].setting, self.done.get(key, 0)) for key in order]
        return self.pace.estimate_study(left, self.workers)

    def records(self, task: Task | None) -> list[RunRecord]:
        """Return the records of a task's runs, or of all."""
        runs = self.plan.runs if task is None else task.runs
        return [self.ledger.read_run(self.plan, run) for run in runs]


def describe_end(record: RunRecord) -> str:
    """Return how a run ended as one line: outcome, measures or reason."""
    line = f"{record.setting_id} seed {record.seed}: {(record.outcome or 'planned').replace('_', ' ')}"
    parts = []
    for name in ("box/AP", "mask/AP"):
        measure = record.measures.get(name)
        if measure and measure.value is not None:
            parts.append(f"{name} {format_ap(measure.value)}")
    seconds = record.measures.get("train/seconds")
    if seconds and seconds.value is not None:
        parts.append(f"{format_time(seconds.value)} of training")
    if record.reason:
        parts.append(say(record.reason))
    return f"{line}: {', '.join(parts)}" if parts else line


def _count_images(task: Task) -> float:
    setting = task.runs[0].setting
    return float(setting.get("iterations", 0) * setting.get("batch_size", 1))
