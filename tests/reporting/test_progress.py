"""The time left, on replayed runs: right once each cost was seen, and corrected as soon as a run goes slower."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from detstudy.execution import estimate_seconds_left, list_tasks, prepare_ledger
from detstudy.execution.events import Ended, Point, Resumed, Started
from detstudy.execution.pace import Pace
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.reporting.progress import TerminalProgress
from detstudy.study.spec import load_study
from detstudy.testing import run_here

OTHER = 6.0  # seconds of a run beside its iterations


class Replay:
    """Runs of known speed, one after another, told to the progress as a worker would."""

    def __init__(self, study: Path, folder: Path, *overrides: str) -> None:
        loaded, ledger = load_study(study, overrides), Ledger(folder)
        prepare_ledger(loaded, ledger)
        plan = plan_study(loaded)
        self.now = 100.0
        self.tasks = list_tasks(plan, ledger.data.fingerprint)
        self.progress = TerminalProgress(Console(file=io.StringIO()), ledger, plan, clock=lambda: self.now)
        self.progress.begin(self.tasks)

    def run(self, number: int, each: float, until: int = 20, start: int = 0, end: bool = True) -> None:
        """Let a task go from one iteration to another, `each` seconds apart."""
        task = self.tasks[number]
        if start == 0:
            self.progress.note(task, Started())
            self.progress.note(task, Resumed(0))
        for iteration in range(start + 1, until + 1):
            self.now += each
            self.progress.note(task, Point("train", iteration, iteration * each))
        if end:
            self.now += OTHER
            self.progress.note(task, Ended())


def test_the_time_left_is_corrected_with_every_run(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study = tiny_study(factors={"rpn_pre_nms_top_n_train": [1000], "learning_rate": [0.04]}, baseline_seeds=[0, 1])
    replay = Replay(study, tmp_path / "out")  # four runs, two costs
    assert replay.progress.estimate_left() is None
    replay.run(0, each=2.0, until=10, end=False)
    assert replay.progress.estimate_left() == pytest.approx(70 * 2.0)  # nothing else is known yet
    replay.run(0, each=2.0, start=10)
    assert replay.progress.estimate_left() == pytest.approx(3 * (20 * 2.0 + OTHER))
    replay.run(1, each=2.0)
    assert replay.tasks[2].runs[0].setting_id == "rpn_pre_nms_top_n_train=1000"
    replay.run(2, each=5.0, until=4, end=False)  # it turns out to be slower
    assert replay.progress.estimate_left() == pytest.approx(16 * 5.0 + 20 * 2.0 + 2 * OTHER)
    replay.run(2, each=5.0, start=4)
    replay.run(3, each=2.0)
    assert replay.progress.estimate_left() == 0


def test_workers_share_what_is_left(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    replay = Replay(tiny_study(factors={}, baseline_seeds=[0, 1, 2, 3]), tmp_path / "out")
    replay.run(0, each=1.0, until=10, end=False)
    replay.run(1, each=1.0, until=5, end=False)
    # 10 and 15 s are left of those at work; the others begin then: 10 + 20 and 15 + 20.
    assert replay.progress.estimate_left() == pytest.approx(35.0)


def test_a_resumed_run_is_not_timed_from_its_beginning(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    replay = Replay(tiny_study(factors={}, baseline_seeds=[0]), tmp_path / "out")
    task = replay.tasks[0]
    replay.progress.note(task, Started())
    replay.progress.note(task, Resumed(10))
    replay.progress.note(task, Point("train", 12, 500.0))
    assert replay.progress.estimate_left() is None
    replay.progress.note(task, Point("train", 14, 506.0))
    assert replay.progress.estimate_left() == pytest.approx(6 * 3.0)


def test_unknown_costs_go_by_images(tiny_study: Callable[..., Path]) -> None:
    plan = plan_study(load_study(tiny_study(factors={"batch_size": [8]})))
    small, large = (setting.setting for setting in plan.settings)
    pace = Pace()
    assert pace.estimate_run(large) is None
    pace.note_iterations(small, 10, 4.0)
    assert pace.estimate_iteration(large) == pytest.approx(0.8)
    pace.note_iterations(large, 10, 6.0)
    assert pace.estimate_iteration(large) == pytest.approx(0.6)
    pace.note_other(3.0)
    assert pace.estimate_run(large, done=4) == pytest.approx(6 * 0.6 + 3.0)


def test_status_goes_by_the_curves(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={}, baseline_seeds=[0])
    _, ledger = run_here(path, tmp_path / "out")
    assert estimate_seconds_left(ledger.read_runs()) == 0
    longer = plan_study(load_study(path, ("baseline_seeds=[0, 1, 2]",)))
    left = estimate_seconds_left(ledger.read_runs(longer))
    assert left is not None
    assert left == pytest.approx(2 * 20 * 0.17, rel=0.5)  # the fake's curve says 0.17 s an iteration
