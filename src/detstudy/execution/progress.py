"""Progress on a terminal: a bar for the study, one for each run at work, time left; plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from detstudy.execution.work import Task
from detstudy.ledger import Ledger, RunRecord, read_curve
from detstudy.plan import Plan


class TerminalProgress:
    """A `Watcher` that draws bars on a terminal and prints one line an ended run."""

    def __init__(self, console: Console, ledger: Ledger, plan: Plan) -> None:
        self.console = console
        self.ledger = ledger
        self.plan = plan
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.left: dict[int, float] = {}  # images to train, by task
        self.total = 0.0
        self.done_here = 0.0
        self.ended = 0
        self.began = time.monotonic()
        self.rows: dict[int, TaskID] = {}
        self.study_row: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin(self, tasks: Sequence[Task]) -> None:
        """Show what is left to do."""
        ended = sum(record.state == "ended" and record.outcome != "interrupted" for record in self.records(None))
        self.console.print(f"{len(self.plan.runs)} runs planned, {ended} ended, {len(tasks)} trainings to work on")
        self.left = {id(task): _count_images(task) for task in tasks}
        self.total = sum(self.left.values())
        if tasks:
            self.study_row = self.bars.add_task("study", total=max(1.0, self.total), note="")

    def note(self, task: Task, event: dict[str, Any]) -> None:
        """Show an event of a run."""
        key = id(task)
        if event["kind"] == "started":
            name = f"{task.runs[0].setting_id} s{task.runs[0].seed}"
            self.rows[key] = self.bars.add_task(name, total=_count_images(task), note="starting")
        elif event["kind"] in ("train", "resumed"):
            self.note_point(key, task, event)
        elif event["kind"] == "evaluating":
            self.bars.update(self.rows[key], note=f"evaluating {event['split']}")
        elif event["kind"] == "held":
            self.bars.remove_task(self.rows.pop(key))  # another driver has it; nothing ended
        elif event["kind"] == "again":
            self.console.print(f"{describe_end(self.records(task)[0])}; tried again", markup=False)
            self.bars.remove_task(self.rows.pop(key))
        elif event["kind"] == "ended":
            self.note_end(key, task)

    def note_point(self, key: int, task: Task, event: dict[str, Any]) -> None:
        """Move the bars on."""
        seen = event["iteration"] * task.runs[0].setting.training.batch_size
        left = max(0.0, _count_images(task) - seen)
        if event["kind"] == "train":
            self.done_here += max(0.0, self.left.get(key, left) - left)
        self.left[key] = left
        total = task.runs[0].setting.training.iterations
        note = f"iteration {event['iteration']}/{total}"
        if "loss" in event:
            note += f", loss {event['loss']:.3f}"
        self.bars.update(self.rows[key], completed=seen, note=note)
        self.show_study()

    def note_end(self, key: int, task: Task) -> None:
        """Print how a run ended."""
        self.left[key] = 0.0
        row = self.rows.pop(key, None)
        if row is not None:
            self.bars.remove_task(row)
        for record in self.records(task):
            if record.state == "ended":
                self.console.print(describe_end(record), markup=False)
        self.show_study()

    def show_study(self) -> None:
        """Show the study's bar with the time left, from the speed of this session."""
        if self.study_row is None:
            return
        remaining = sum(self.left.values())
        elapsed = time.monotonic() - self.began
        note = ""
        if self.done_here > 0:
            note = f"about {describe_duration(remaining * elapsed / self.done_here)} left"
        self.bars.update(self.study_row, completed=self.total - remaining, note=note)

    def records(self, task: Task | None) -> list[RunRecord]:
        """Return the records of a task's runs, or of all."""
        runs = self.plan.runs if task is None else task.runs
        return [self.ledger.read_run(self.plan, run) for run in runs]


def estimate_seconds_left(records: Sequence[RunRecord]) -> float | None:
    """Return the seconds until a study's planned and running runs are done, from the ended runs' seconds an image.

    Runs at work are taken to go on side by side. 0 where nothing is left, None where no run has finished yet.
    """
    left = 0.0
    running = 0
    speeds = []
    for record in records:
        training = record.setting.training
        images = training.iterations * training.batch_size
        seconds = record.measures.get("train/seconds")
        if record.state == "ended" and record.outcome != "interrupted":
            if seconds and seconds.value is not None and record.outcome == "finished":
                speeds.append(seconds.value / images)
            continue
        running += record.state == "running"
        points = read_curve(record.folder / "curves.jsonl")
        left += images - (points[-1]["images"] if points else 0)
    if not left:
        return 0.0
    return left * sum(speeds) / len(speeds) / max(1, running) if speeds else None


def describe_end(record: RunRecord) -> str:
    """Return how a run ended as one line: outcome, measures or reason."""
    line = f"{record.setting_id} seed {record.seed}: {(record.outcome or 'planned').replace('_', ' ')}"
    parts = []
    for name in ("box/AP", "mask/AP"):
        measure = record.measures.get(name)
        if measure and measure.value is not None:
            parts.append(f"{name} {measure.value:.1f}")
    seconds = record.measures.get("train/seconds")
    if seconds and seconds.value is not None:
        parts.append(f"{describe_duration(seconds.value)} of training")
    if record.reason:
        parts.append(record.reason)
    return f"{line}: {', '.join(parts)}" if parts else line


def describe_duration(seconds: float) -> str:
    """Return a duration as a person says it: 48 s, 7 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _count_images(task: Task) -> float:
    training = task.runs[0].setting.training
    return float(training.iterations * training.batch_size)
