"""What every executor must do, as tests: `class TestMine(ExecutorContract)` with `make_executor`, run by pytest."""

from __future__ import annotations

import time
from pathlib import Path

from detstudy.execution import list_tasks, prepare_ledger
from detstudy.execution.events import Ended, Ending, Evaluating, Event, Held, Point, Refused, Resumed
from detstudy.execution.executors.contract import Executor
from detstudy.execution.tasks import SettingsCheck, Task, Work
from detstudy.ledger import Ledger, is_lease_live
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.testing.study import draw_tiny_data, write_tiny_study

PATIENCE = 120.0
FAST = "detstudy.testing:FakeTrainer"
SLOW = "detstudy.testing:SlowFakeTrainer"
REFUSING = "detstudy.testing:RefusingFakeTrainer"


class ExecutorContract:
    """Tests of an executor with two places, on tiny studies with the shipped fakes of trainers."""

    def make_executor(self, ledger: Ledger) -> Executor:
        """Return the executor to be tested, with room for two pieces of work side by side."""
        raise NotImplementedError

    def test_a_task_is_done_and_its_room_is_free_again(self, tmp_path: Path) -> None:
        """What happens in it is said in order, its end last."""
        ledger, (task, *_) = _prepare(tmp_path)
        executor = self.make_executor(ledger)
        executor.start(task)
        (said,) = _finish(executor, task)
        assert said[0] == Resumed(0)
        assert [event.iteration for event in said if isinstance(event, Point)] == [5, 10, 15, 20]
        assert said[-2:] == [Evaluating("validation"), Ended()]
        assert ledger.read_runs()[0].outcome == "finished"
        assert executor.has_room()
        executor.stop()

    def test_tasks_go_side_by_side_as_long_as_there_is_room(self, tmp_path: Path) -> None:
        """What is said of one is not taken for another's."""
        ledger, tasks = _prepare(tmp_path, SLOW)
        executor = self.make_executor(ledger)
        for task in tasks:
            assert executor.has_room()
            executor.start(task)
        assert not executor.has_room()
        for said in _finish(executor, *tasks):
            assert [event.iteration for event in said if isinstance(event, Point)] == [5, 10, 15, 20]
            assert said[-1] == Ended()
        executor.stop()
        assert {record.outcome for record in ledger.read_runs()} == {"finished"}

    def test_the_settings_are_checked(self, tmp_path: Path) -> None:
        """What the trainer refuses is said in its words."""
        check = SettingsCheck()
        for trainer, ending in ((FAST, Ended()), (REFUSING, Refused("learning rate 0.004 can't be trained here"))):
            ledger, _ = _prepare(tmp_path, trainer)
            executor = self.make_executor(ledger)
            executor.start(check)
            assert _finish(executor, check) == [[ending]]
            executor.stop()

    def test_a_run_that_another_worker_holds_is_left_to_it(self, tmp_path: Path) -> None:
        """Nothing is written into it."""
        ledger, (task, *_) = _prepare(tmp_path)
        executor = self.make_executor(ledger)
        with ledger.claim(task.runs[0]) as folder:
            executor.start(task)
            assert _finish(executor, task) == [[Held()]]
            assert not (folder / "run.json").exists()
        executor.stop()

    def test_what_is_stopped_goes_on_from_its_checkpoint(self, tmp_path: Path) -> None:
        """Nothing lives on, nothing more is said of it, and there is room for more."""
        ledger, (task, *_) = _prepare(
            tmp_path, SLOW, monitoring={"log_every": 5, "checkpoint_every": 5}, iterations=400
        )
        executor = self.make_executor(ledger)
        executor.start(task)
        deadline = time.monotonic() + PATIENCE
        while not any(isinstance(event, Point) and event.iteration >= 10 for _, event in executor.wait()):
            assert time.monotonic() < deadline
        executor.stop()
        assert not is_lease_live(ledger.run_folder(task.runs[0]))
        assert ledger.read_runs()[0].outcome == "interrupted"
        assert executor.wait() == []
        executor.stop()
        assert executor.has_room()
        executor.start(task)
        (said,) = _finish(executor, task)
        assert isinstance(said[0], Resumed)
        assert said[0].iteration >= 5
        assert ledger.read_runs()[0].outcome == "finished"
        executor.stop()


def _prepare(folder: Path, trainer: str = FAST, iterations: int = 20, **sections: object) -> tuple[Ledger, list[Task]]:
    """Return the ledger and the tasks of a tiny study of two runs."""
    data = folder / "scenes" if (folder / "scenes").exists() else draw_tiny_data(folder / "scenes")
    path = write_tiny_study(folder, data, factors={}, baseline_seeds=[0, 1], gallery_images=0, **sections)
    study = load_study(path, (f"baseline.iterations={iterations}", f"trainer.python={trainer}"))
    ledger = Ledger(folder / "out")
    prepare_ledger(study, ledger)
    return ledger, list_tasks(plan_study(study), ledger.fingerprint)


def _finish(executor: Executor, *works: Work) -> list[list[Event]]:
    """Return what is said of each piece of work until all have ended."""
    said: dict[int, list[Event]] = {id(work): [] for work in works}
    deadline = time.monotonic() + PATIENCE
    while not all(events and isinstance(events[-1], Ending) for events in said.values()):
        assert time.monotonic() < deadline, f"nothing ended in {PATIENCE:g} s"
        for work, event in executor.wait():
            said[id(work)].append(event)
    return list(said.values())
