"""A budget stops a study cleanly, and the same command goes on once it is raised."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.execution import SpentTime, describe_stop, list_tasks, prepare_ledger
from detstudy.ledger import Ledger, read_curve, read_seconds_spent, write_session
from detstudy.ledger.codec import write_record
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.study.study import Budget, StudyError
from detstudy.testing import run_here

SLOW = "detstudy.testing:SlowFakeTrainer"


def test_time_is_added_up_over_drivers_and_restarts(tmp_path: Path) -> None:
    write_session(tmp_path, "yesterday", 3000.0)
    with SpentTime(tmp_path, hours=1) as first, SpentTime(tmp_path, hours=1):
        assert not first.is_up()
        time.sleep(0.05)
        assert first.total >= 3000.05
    assert 3000.1 <= read_seconds_spent(tmp_path) < 3010
    write_session(tmp_path, "another driver", 700.0)
    with SpentTime(tmp_path, hours=1) as third:
        assert third.is_up()
    with SpentTime(tmp_path, hours=None) as fourth:
        assert not fourth.is_up()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"seconds": "x"}', '{"seconds": -5}', "null"])
def test_a_damaged_session_counts_nothing(tmp_path: Path, damage: str) -> None:
    write_session(tmp_path, "a", 10.0)
    (tmp_path / "sessions" / "b.json").write_text(damage)
    assert read_seconds_spent(tmp_path) == 10.0


def run_study(study: Path, out: Path, *sets: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "detstudy.cli", "run", str(study), "--out", str(out), "--workers", "1"]
    overrides = [part for each in (f"trainer.python={SLOW}", *sets) for part in ("--set", each)]
    done = subprocess.run(
        [*command, "--set", f"trainer.python={SLOW}", *overrides],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_the_hours_stop_running_trainings_and_a_raised_budget_goes_on(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    out, study = tmp_path / "out", tiny_study(factors={}, baseline_seeds=[0])
    length = "baseline.iterations=400"  # eight seconds
    write_session(out, "before", 3600 - 4.0)
    status, printed = run_study(study, out, length, "budget.hours=1")
    assert status == 4
    assert "the budget of 1 hours is used up (0 of 1 trainings are done" in printed
    told = subprocess.run(
        [sys.executable, "-m", "detstudy.cli", "status", str(out)], capture_output=True, text=True, check=True
    )
    assert "stopped: the budget of 1 hours is used up (0 of 1" in told.stdout
    assert "`--set budget.hours=2` and the same command go on" in printed
    (record,) = Ledger(out).read_runs()
    assert record.outcome == "interrupted"
    points = read_curve(record.folder / "curves.jsonl")
    assert points
    assert run_study(study, out, length, "budget.hours=2")[0] == 0
    (record,) = Ledger(out).read_runs()
    assert record.outcome == "finished"
    assert read_curve(record.folder / "curves.jsonl")[: len(points)] == points  # it went on from where it was


def test_a_budget_of_runs_stopped_nothing_before_they_are_done(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study()
    study, ledger = load_study(path), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    tasks = list_tasks(plan_study(study), ledger.fingerprint)
    assert describe_stop(tasks, ledger, Budget(runs=2), 0.0) is None
    for folder in {task.runs[0].seed: ledger.run_folder(task.runs[0]) for task in tasks[:2]}.values():
        write_record(folder / "result.json", {"outcome": "diverged", "reason": "loss", "attempts": 1, "measures": []})
    stopped = describe_stop(tasks, ledger, Budget(runs=2), 0.0)
    assert stopped is not None
    assert stopped.startswith("the budget of 2 runs is used up (2 of 6 trainings are done")


def test_a_number_of_runs_is_the_first_of_the_plan(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, ledger = run_here(tiny_study(), tmp_path / "out")
    tasks = list_tasks(plan_study(study), ledger.data.fingerprint)
    assert [task.runs[0].setting_id for task in tasks[:2]] == ["baseline"] * 2
    assert describe_stop(tasks, ledger, Budget(runs=2, hours=0.001), 10.0) is None  # all has ended: nothing was stopped


def test_a_budget_changes_no_run(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study()
    plain, bounded = load_study(path), load_study(path, ("budget={hours: 2.5, runs: 3}",))
    assert bounded.budget == Budget(hours=2.5, runs=3)
    assert plan_study(plain) == plan_study(bounded)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("budget={hour: 3}", "did you mean hours"),
        ("budget={hours: 0}", "budget.hours: 0"),
        ("budget={runs: 1.5}", "budget.runs: 1.5"),
        ("budget=6", "a mapping of keys and values is needed"),
        ("budget={hours: .inf}", "a finite number is needed"),
    ],
)
def test_a_budget_that_is_none_is_refused(tiny_study: Callable[..., Path], override: str, expected: str) -> None:
    with pytest.raises(StudyError, match=expected):
        load_study(tiny_study(), (override,))


def test_sessions_are_plain_files(tmp_path: Path) -> None:
    with SpentTime(tmp_path, hours=1):
        pass
    (path,) = tmp_path.glob("sessions/*.json")
    assert set(json.loads(path.read_text())) == {"seconds", "format_version", "checksum"}
