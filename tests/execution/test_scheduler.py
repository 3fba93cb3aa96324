"""Real worker processes with the fake trainer: side by side, killed, interrupted, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from detstudy.errors import InputError
from detstudy.execution import LocalExecutor, Task, check_settings, list_tasks, prepare_ledger, run_tasks
from detstudy.execution.events import Event, Started
from detstudy.ledger import Ledger
from detstudy.ledger.causes import Cause, Reason
from detstudy.plan import plan_study
from detstudy.study.extension import Extension
from detstudy.study.spec import load_study
from detstudy.study.trainer import make_trainer
from detstudy.trainers.contract import RefusedError
from detstudy.wording import say

FAST = "detstudy.testing:FakeTrainer"
SLOW = "detstudy.testing:SlowFakeTrainer"
WriteTrainers = Callable[[str], None]
ALL_OUTCOMES = {
    ("baseline", 0): "finished",
    ("learning_rate=0.04", 0): "finished",
    ("learning_rate=1", 0): "diverged",
    ("batch_size=16", 0): "out_of_memory",
    ("baseline", 1): "finished",
    ("baseline", 2): "finished",
}


def start(study: Path, out: Path, trainer: str = SLOW) -> subprocess.Popen[str]:
    driver = Path(__file__).with_name("drive.py")
    return subprocess.Popen(
        [sys.executable, str(driver), str(study), str(out), trainer], stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], out: Path) -> dict[tuple[str, int], str | None]:
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return {(record.setting_id, record.seed): record.outcome for record in Ledger(out).read_runs()}


def find_workers(driver: int) -> list[int]:
    import psutil

    try:
        children = psutil.Process(driver).children(recursive=True)
        return [child.pid for child in children if "detstudy.execution.worker" in child.cmdline()]
    except psutil.Error:
        return []


def wait_for_points(out: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if any(path.stat().st_size for path in out.glob("runs/*/curves.jsonl")):
            return
        time.sleep(0.02)
    raise AssertionError(f"no run began: {process.communicate()}")


def test_killed_workers_are_started_again(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    process = start(tiny_study(baseline_seeds=[0]), out)
    wait_for_points(out, process)
    for pid in find_workers(process.pid):
        os.kill(pid, signal.SIGKILL)
    assert finish(process, out) == {key: value for key, value in ALL_OUTCOMES.items() if key[1] == 0}
    assert not list(out.glob("runs/*/lease.json"))


def test_a_worker_killed_from_outside_is_never_out_of_memory(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    process = start(tiny_study(factors={}, baseline_seeds=[0], on_out_of_memory="accumulate"), out)
    wait_for_points(out, process)
    for pid in find_workers(process.pid):
        os.kill(pid, signal.SIGKILL)
    assert finish(process, out) == {("baseline", 0): "finished"}
    (record,) = Ledger(out).read_runs()
    (killed,) = record.earlier
    assert killed.outcome == "crashed"
    assert isinstance(killed.reason, Reason)
    assert killed.reason.cause is Cause.KILLED
    assert record.effective.micro_batch_size == 4


def test_a_batch_that_does_not_fit_is_trained_in_parts(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    path = tiny_study(factors={"batch_size": [4, 16]}, baseline_seeds=[0], on_out_of_memory="accumulate")
    assert finish(start(path, out, FAST), out) == {("baseline", 0): "finished", ("batch_size=16", 0): "finished"}
    _, record = Ledger(out).read_runs()
    assert record.effective.accumulation == "16 as 2 × 8"
    assert say(record.reason) == "16 as 2 × 8, since the first attempt ended so: out of memory at 11.2 GiB, batch of 16"
    assert [(attempt.outcome, attempt.effective["micro_batch_size"]) for attempt in record.earlier] == [
        ("out_of_memory", 16)
    ]


def test_a_hang_is_killed_and_the_run_goes_on_from_its_checkpoint(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    path = tiny_study(factors={}, baseline_seeds=[0], limits={"no_progress_minutes": 0.15})
    assert finish(start(path, out, "detstudy.testing:HangingFakeTrainer"), out) == {("baseline", 0): "finished"}
    (record,) = Ledger(out).read_runs()
    (hung,) = record.earlier
    assert (hung.outcome, hung.reason) == ("timed_out", Reason(cause=Cause.NO_PROGRESS, number=0.15))
    assert say(hung.reason) == "no progress for 0.15 minutes (limits.no_progress_minutes; see log.txt)"
    assert "in heartbeat" in (record.folder / "log.txt").read_text()  # where it stood
    assert not list(out.glob("runs/*/lease.json"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_study_ends_alike_when_run_again(
    tmp_path: Path, tiny_study: Callable[..., Path], number: signal.Signals
) -> None:
    out, study = tmp_path / "out", tiny_study()
    process = start(study, out)
    wait_for_points(out, process)
    workers = find_workers(process.pid)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)  # workers without a driver stop by themselves
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    kept = {path: path.read_bytes() for path in out.glob("runs/*/result.json")}
    assert finish(start(study, out), out) == ALL_OUTCOMES
    assert all(path.read_bytes() == content for path, content in kept.items())


def test_a_run_that_always_crashes_does_not_stop_the_study(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers
) -> None:
    write_trainers(
        "from detstudy.testing import FakeTrainer\n"
        "class Broken(FakeTrainer):\n"
        "    def train(self, job):\n"
        "        if job.setting['learning_rate'] == 0.04: raise OSError('no space')\n"
        "        return super().train(job)\n"
    )
    out = tmp_path / "out"
    outcomes = finish(start(tiny_study(baseline_seeds=[0]), out, "trainers:Broken"), out)
    assert outcomes["learning_rate=0.04", 0] == "crashed"
    assert outcomes["baseline", 0] == "finished"
    logs = [path.read_text() for path in out.glob("runs/*lr0.04*/log.txt")]
    assert logs[0].count("OSError: no space") == 3


def prepare(path: Path, out: Path) -> tuple[Ledger, list[Task]]:
    """Prepare the study's folder; return its ledger and all its tasks."""
    study, ledger = load_study(path), Ledger(out)
    prepare_ledger(study, ledger)
    return ledger, list_tasks(plan_study(study), ledger.fingerprint)


class Starts:
    """A watcher that notes which runs were started, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def begin(self, tasks: Sequence[Task]) -> None:
        pass

    def note(self, task: Task, event: Event) -> None:
        if isinstance(event, Started):
            self.names.append(f"{task.runs[0].setting_id} {task.runs[0].seed}")


def test_a_second_try_keeps_its_place_in_the_plan(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers
) -> None:
    write_trainers(
        "import os\nfrom detstudy.testing import FakeTrainer\n"
        "class First(FakeTrainer):\n"
        "    def train(self, job):\n"
        "        if not (job.folder / 'tried').exists():\n"
        "            (job.folder / 'tried').touch()\n"
        "            os._exit(9)\n"
        "        return super().train(job)\n"
    )
    path = tiny_study(factors={"learning_rate": [0.01, 0.04]}, baseline_seeds=[0], trainer={"python": "trainers:First"})
    (ledger, tasks), watcher = prepare(path, tmp_path / "out"), Starts()
    run_tasks(tasks, ledger, executor=LocalExecutor(ledger, ["cpu"]), watcher=watcher)
    names = [f"{task.runs[0].setting_id} {task.runs[0].seed}" for task in tasks]
    assert watcher.names == [name for name in names for _ in range(2)]


def test_a_setting_that_cannot_be_trained_here_is_refused_and_not_tried_again(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers
) -> None:
    write_trainers(
        "from detstudy.testing import FakeTrainer\nfrom detstudy.trainers.contract import RefusedError\n"
        "class Late(FakeTrainer):\n"
        "    def train(self, job):\n"
        "        raise RefusedError('no such device here')\n"
    )
    path = tiny_study(factors={}, baseline_seeds=[0], trainer={"python": "trainers:Late"})
    (ledger, tasks), watcher = prepare(path, tmp_path / "out"), Starts()
    with pytest.raises(RefusedError, match="no such device here"):
        run_tasks(tasks, ledger, executor=LocalExecutor(ledger, ["cpu"]), watcher=watcher)
    assert watcher.names == ["baseline 0"]
    assert [record.outcome for record in ledger.read_runs()] == ["interrupted"]


def test_a_check_of_the_settings_that_is_killed_is_made_again(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers
) -> None:
    write_trainers(
        "import os\nfrom pathlib import Path\nfrom detstudy.testing import FakeTrainer\n"
        "MARKS = Path(__file__).parent\n"
        "class Killed(FakeTrainer):\n"
        "    most = 2\n"
        "    def prepare(self, setting):\n"
        "        tries = len(list(MARKS.glob('try-*')))\n"
        "        (MARKS / f'try-{tries}').touch()\n"
        "        os.kill(os.getpid(), 9) if tries < self.most else None\n"
        "class Doomed(Killed):\n"
        "    most = 99\n"
    )
    ledger, _ = prepare(tiny_study(factors={}, trainer={"python": "trainers:Killed"}), tmp_path / "out")
    check_settings(LocalExecutor(ledger, ["cpu"]))
    assert len(list(tmp_path.glob("try-*"))) == 3
    ledger, _ = prepare(tiny_study(factors={}, trainer={"python": "trainers:Doomed"}), tmp_path / "out")
    with pytest.raises(RefusedError, match="can't prepare"):
        check_settings(LocalExecutor(ledger, ["cpu"]))
    assert len(list(tmp_path.glob("try-*"))) == 6


HELPED = """
import os, subprocess, time
from detstudy.testing import FakeTrainer
class Helped(FakeTrainer):
    def train(self, job):
        for name, apart in (("helper", False), ("apart", True)):
            helper = subprocess.Popen(["sleep", "600"], start_new_session=apart)
            (job.folder / name).write_text(str(helper.pid))
        time.sleep(WAIT)  # long enough to be looked at
        os._exit(9) if job.seed == 1 else None
        return super().train(job)
"""


def list_helpers(out: Path) -> list[int]:
    """Return the helpers that live, once those that were killed had time to go."""
    pids = [int(path.read_text()) for name in ("helper", "apart") for path in out.glob(f"runs/*/{name}")]
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_helpers_of_a_trainer_do_not_outlive_its_worker(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers
) -> None:
    """Those in a session of their own too, as torchrun's are, which a signal to the worker's group does not reach."""
    write_trainers(HELPED.replace("WAIT", "2.5"))
    out = tmp_path / "out"
    study = tiny_study(factors={}, baseline_seeds=[0, 1], trainer={"python": "trainers:Helped"})
    ledger, tasks = prepare(study, out)
    run_tasks(tasks, ledger, executor=LocalExecutor(ledger, ["cpu", "cpu"]), watcher=Starts())
    assert len(list(out.glob("runs/*/apart"))) == 2
    assert list_helpers(out) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_helpers_end_with_a_driver_that_is_stopped(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: WriteTrainers, number: signal.Signals
) -> None:
    write_trainers(HELPED.replace("WAIT", "60"))
    out = tmp_path / "out"
    driver = start(tiny_study(factors={}, baseline_seeds=[0]), out, "trainers:Helped")
    deadline = time.monotonic() + 60
    while not list(out.glob("runs/*/apart")) and time.monotonic() < deadline:
        time.sleep(0.02)
    driver.send_signal(number)
    driver.communicate(timeout=60)
    assert len(list(out.glob("runs/*/apart"))) == 1
    assert list_helpers(out) == []


def test_a_study_under_nohup_outlives_its_terminal(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    driver = Path(__file__).with_name("drive.py")
    study = str(tiny_study(factors={}, baseline_seeds=[0]))
    process = subprocess.Popen(["nohup", sys.executable, str(driver), study, str(out), SLOW], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(out.glob("runs/*/curves.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert [record.outcome for record in Ledger(out).read_runs()] == ["finished"]


def test_a_trainer_that_is_not_there_is_refused(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    process = start(tiny_study(), tmp_path / "out", "nowhere:Trainer")
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "trainer: nowhere:Trainer: No module named" in err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere", 'python: "module:Class" is needed'),
        ("json:dumps", 'python: "module:Class" is needed'),
        (":X", 'python: "module:Class" is needed'),
        ("decimal:Decimal", "has no hyperparameters and no check and no prepare and no train and no predict"),
    ],
)
def test_what_is_no_trainer_is_refused(name: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        make_trainer(Extension(python=name))
