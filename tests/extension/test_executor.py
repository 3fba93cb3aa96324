"""An executor of one's own: threads of this process in place of processes. Nothing of detstudy is changed for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from detstudy import run_study
from detstudy.analysis import analyse_study
from detstudy.errors import InputError
from detstudy.execution import Place, Task, check_settings, do_work, list_tasks, prepare_ledger, run_tasks
from detstudy.execution.events import AtWork, Died, Ended, Ending, Event, Heartbeat, Held, Refused, TriedAgain
from detstudy.execution.executors.contract import Executor
from detstudy.execution.tasks import Work
from detstudy.ledger import LeaseHeldError, Ledger
from detstudy.ledger.causes import Cause, Reason
from detstudy.plan import plan_study
from detstudy.reporting import write_report
from detstudy.study.spec import load_study
from detstudy.study.trainer import make_trainer
from detstudy.testing import ExecutorContract, FakeTrainer
from detstudy.trainers.contract import Job, Trained, Trainer


class StoppedError(BaseException):
    """Ends a thread's work wherever it says something next; no `except Exception` takes it for a crash."""


class ThreadsExecutor:
    """Works in threads of this process."""

    def __init__(self, ledger: Ledger, trainer: Trainer, room: int) -> None:
        self.ledger, self.trainer, self.room = ledger, trainer, room
        self.threads: dict[int, threading.Thread] = {}
        self.said: queue.SimpleQueue[tuple[Work, Event]] = queue.SimpleQueue()
        self.stopping = threading.Event()

    def has_room(self) -> bool:
        return len(self.threads) < self.room

    def start(self, work: Work) -> None:
        thread = threading.Thread(target=self.run, args=(work,))
        self.threads[id(work)] = thread
        thread.start()

    def wait(self) -> list[tuple[Work, Event]]:
        said: list[tuple[Work, Event]] = []
        try:
            said.append(self.said.get(timeout=0.2))
            while True:
                said.append(self.said.get_nowait())
        except queue.Empty:
            pass
        for work, event in said:
            if isinstance(event, Ending):
                self.threads.pop(id(work)).join()
        return said

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads.values():
            thread.join()
        self.threads.clear()
        self.said = queue.SimpleQueue()
        self.stopping.clear()

    def run(self, work: Work) -> None:
        def notify(event: Event) -> None:
            if self.stopping.is_set():
                raise StoppedError
            if not isinstance(event, Heartbeat | AtWork):
                self.said.put((work, event))

        try:
            do_work(work, self.ledger.load_study(), self.ledger, self.trainer, Place(workers=self.room), notify)
            ending: Ending = Ended()
        except StoppedError:
            return
        except LeaseHeldError:
            ending = Held()
        except InputError as error:
            ending = Refused(str(error))
        except Exception as error:
            ending = Died(outcome="crashed", reason=Reason(cause=Cause.ERROR, text=repr(error)))
        self.said.put((work, ending))


class TestThreadsExecutor(ExecutorContract):
    def make_executor(self, ledger: Ledger) -> Executor:
        return ThreadsExecutor(ledger, make_trainer(ledger.load_study().trainer.choice), room=2)


class Notes:
    """A watcher that keeps what it sees."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Event]] = []

    def begin(self, tasks: Sequence[Task]) -> None:
        pass

    def note(self, task: Task, event: Event) -> None:
        self.events.append((task.runs[0].setting_id, event))


class OnceBroken(FakeTrainer):
    """Fails the first time that it trains with one learning rate."""

    def train(self, job: Job) -> Trained:
        mark = job.folder / "failed"
        if "lr0.04" in job.folder.name and not mark.exists():
            mark.touch()
            raise OSError("no such luck")
        return super().train(job)


def test_a_study_runs_to_its_report_in_threads(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, ledger = load_study(tiny_study(factors={"learning_rate": [0.04, 1.0]})), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    executor, notes = ThreadsExecutor(ledger, OnceBroken(), room=2), Notes()
    check_settings(executor)
    run_tasks(list_tasks(plan_study(study), ledger.fingerprint), ledger, executor=executor, watcher=notes)
    outcomes = {(record.setting_id, record.seed): record.outcome for record in ledger.read_runs()}
    assert outcomes == {
        ("baseline", 0): "finished",
        ("baseline", 1): "finished",
        ("baseline", 2): "finished",
        ("learning_rate=0.04", 0): "finished",
        ("learning_rate=1", 0): "diverged",
    }
    assert ("learning_rate=0.04", TriedAgain()) in notes.events
    assert sum(event == Ended() for _, event in notes.events) == len(outcomes)
    files = write_report(ledger.folder, analyse_study(ledger.folder))
    assert "learning rate 0.04" in next(path for path in files if path.suffix == ".md").read_text()


def test_run_study_takes_an_executor(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study = load_study(tiny_study(factors={"learning_rate": [0.04]}, baseline_seeds=[0]))
    made: list[ThreadsExecutor] = []

    def make_executor(ledger: Ledger) -> ThreadsExecutor:
        made.append(ThreadsExecutor(ledger, FakeTrainer(), room=2))
        return made[-1]

    folder = run_study(study, tmp_path / "out", executor=make_executor)
    assert folder.runs().outcome.tolist() == ["finished"] * 2
    assert len(made) == 1
