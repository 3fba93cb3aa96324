"""A forecast adds up what its probes measured: by hand on made-up probes, and end to end with the fake trainer."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from detstudy.execution import prepare_ledger
from detstudy.execution.pace import schedule_tasks
from detstudy.execution.tasks import list_tasks
from detstudy.forecast import Forecast, Range, RunForecast, forecast_study, suggest_changes
from detstudy.forecast.facts import CombinationsTooLarge, Fit, OverLimit
from detstudy.forecast.forecast import count_left, forecast_iteration, forecast_run
from detstudy.forecast.measurement import find_shortage, summarise_probes
from detstudy.ledger import Ledger, Provenance
from detstudy.plan import Plan, identify_cost, plan_study
from detstudy.study.duration import parse_duration
from detstudy.study.spec import load_study
from detstudy.study.study import Study
from detstudy.testing import run_here
from detstudy.trainers.contract import RefusedError

FAKE = "detstudy.testing:FakeTrainer"

ANSWER = {
    "iteration_seconds": [0.8, 1.0],
    "crowded_seconds": [1.0, 1.2],
    "warmup_seconds": 3.0,
    "first_validation_seconds": 2.0,
    "validation_seconds": 0.5,
    "checkpoint_seconds": 0.25,
    "timed_seconds": 30.0,
    "peak_memory_bytes": 1000,
    "growth_bytes": 100,
    "prediction_seconds": 0.1,
    "evaluation_seconds": 4.0,
    "evaluation_image_seconds": 0.05,
}

near: Any = pytest.approx  # stands in a record as a number does


def read(path: Path, *overrides: str) -> tuple[Study, Plan]:
    study = load_study(path, overrides)
    return study, plan_study(study)


def test_settings_that_cost_the_same_are_measured_once(tiny_study: Callable[..., Path]) -> None:
    factors = {
        "learning_rate": [0.1, 0.01],
        "schedule": ["constant", "warmup_cosine"],
        "batch_size": [2, 8],
        "rpn_pre_nms_top_n_train": [100, 200],
        "image_min_size": [100, None],
        "horizontal_flip": [0.0],
    }
    _, plan = read(tiny_study(factors=factors))
    costs = {identify_cost(setting.setting) for setting in plan.settings}
    assert len(costs) == 6  # baseline; two batches, two top-k, one size


def test_a_run_is_the_sum_of_its_parts(tiny_study: Callable[..., Path]) -> None:
    monitoring = {"validate_every": 10, "validation_images": 8, "checkpoint_every": 5}
    study, plan = read(tiny_study(monitoring=monitoring, factors={"box_score_threshold": [0.05, 0.3]}))
    task = list_tasks(plan, "d")[0]
    forecast = forecast_run(task, summarise_probes([(ANSWER, 35.0)]), study, 40, 20)
    # 20 iterations of 1.1 after 3 s; 5 s to start; two validations of 8 images; three checkpoints; both evaluations
    # predict 40 images since the last validation saw 8 only.
    assert forecast.training_seconds.expected == pytest.approx(3 + 20 * 1.1)
    others = 5 + (2 + 2 * 8 * 0.5) + 3 * 0.25 + 2 * 40 * 0.1 + 4 + 2 * 40 * 0.05
    assert forecast.seconds.expected == pytest.approx(3 + 20 * 1.1 + others)
    assert forecast.seconds.low < forecast.seconds.expected < forecast.seconds.high
    assert forecast.peak_memory_bytes == Range(low=1000, expected=1100, high=near(1210))
    assert forecast.fits
    # A last validation of all images has the first evaluation's predictions.
    whole = dataclasses.replace(study, monitoring=dataclasses.replace(study.monitoring, validation_images=None))
    seconds = forecast_run(task, summarise_probes([(ANSWER, 35.0)]), whole, 40, 20).seconds.expected
    assert seconds == pytest.approx(forecast.seconds.expected + 2 * 32 * 0.5 - 40 * 0.1)


def test_what_does_not_fit_costs_its_failure_only(tiny_study: Callable[..., Path]) -> None:
    study, plan = read(tiny_study())
    task = list_tasks(plan, "d")[0]
    assert find_shortage(ANSWER, 1100) is None
    assert find_shortage(ANSWER, None) is None
    assert find_shortage(ANSWER, 1050) == OverLimit(1100, 1050)  # the probe took 1000, a whole run takes 100 more
    short = ({"shortage": "out of memory at 2 GiB"}, 6.0)
    out = forecast_run(task, summarise_probes([(ANSWER, 35.0), short]), study, 10, 20)  # once is enough
    assert (out.fits, out.reason, out.seconds.expected) == (False, "out of memory at 2 GiB", 6.0)
    assert out.peak_memory_bytes is None


def test_only_what_is_left_is_forecast(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={"learning_rate": [0.04]}, baseline_seeds=[0], monitoring={"checkpoint_every": 8})
    study, plan = read(path)
    ledger = Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    done, half = list_tasks(plan, ledger.fingerprint)
    ledger.start_run(done.runs[0], Provenance())
    ledger.end_run(done.runs[0], "finished", None)
    ledger.start_run(half.runs[0], Provenance())
    for iteration in (10, 19):
        ledger.open_curve(half.runs[0]).append({"kind": "train", "iteration": iteration, "seconds": 1.0})
    assert (count_left(done, ledger), count_left(half, ledger)) == (0, 4)  # of 20; the last checkpoint is of the 16th
    evaluation = forecast_run(done, summarise_probes([(ANSWER, 35.0)]), study, 40, 0)
    assert evaluation.training_seconds.expected == 0
    assert evaluation.seconds.expected == pytest.approx(5 + 40 * 0.1 + 4 + 40 * 0.05)  # start, predictions, evaluation


def test_a_limit_that_was_raised_in_the_file_counts_in_the_forecast(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    path = tiny_study(factors={"batch_size": [8]}, baseline_seeds=[0], limits={"memory": "1GiB"})
    run_here(path, tmp_path / "out")
    study, plan = read(path, "limits.memory=4GiB")
    forecast = forecast_study(study, plan, tmp_path / "out", devices=["cpu"])
    assert [run.runs[0].setting_id for run in forecast.runs] == ["batch_size=8"]
    assert forecast.fits
    assert (forecast.ended, [run.setting_id for run in forecast.trainings]) == (1, ["baseline", "batch_size=8"])


def test_crowded_batches_tell_what_is_expected() -> None:
    found = forecast_iteration(summarise_probes([(ANSWER, 1.0), ({**ANSWER, "crowded_seconds": [1.4, 2.0]}, 1.0)]))
    assert found.expected == pytest.approx((1.0 + 1.2 + 1.4 + 2.0) / 4)
    assert found.low == pytest.approx(0.8)
    assert found.high == pytest.approx(1.55)


def test_runs_share_the_workers_as_the_pool_does() -> None:
    assert schedule_tasks([], 2) == 0
    assert schedule_tasks([3, 1, 1, 4], 1) == 9
    assert schedule_tasks([3, 1, 1, 4], 2) == 6  # the fourth begins at 2
    for seconds in itertools.permutations([5, 2, 7, 1], 4):
        assert max(seconds) <= schedule_tasks(seconds, 3) <= sum(seconds)


def test_a_forecast_measures_in_processes_and_leaves_the_folder_alone(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    study, plan = read(tiny_study())
    forecast = forecast_study(study, plan, tmp_path / "out", devices=["cpu", "cpu"])
    assert not (tmp_path / "out").exists()
    assert [run.runs[0].setting_id for run in forecast.runs][:3] == ["baseline"] * 3
    by_setting = {run.runs[0].setting_id: run for run in forecast.runs}
    assert by_setting["batch_size=16"].reason == "out of memory at 11.2 GiB, batch of 16"
    assert not forecast.fits
    assert forecast.peak_memory_bytes is not None
    assert forecast.peak_memory_bytes.expected == 4 * 2**28
    assert forecast.total_seconds.low <= forecast.total_seconds.expected <= forecast.total_seconds.high
    assert (forecast.validation_images, forecast.validation_sequences) == (12, 6)
    # What has ended is not forecast again.
    run_here(tiny_study(), tmp_path / "out")
    later = forecast_study(study, plan, tmp_path / "out", devices=["cpu", "cpu"])
    assert (later.runs, later.ended, later.total_seconds.expected) == ((), 6, 0)


def test_a_batch_that_does_not_fit_is_forecast_in_its_parts(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    study, plan = read(tiny_study(factors={"batch_size": [16]}), "on_out_of_memory=accumulate")
    forecast = forecast_study(study, plan, tmp_path / "out", devices=["cpu", "cpu"])
    whole, parts = forecast.runs[0], forecast.runs[-1]
    assert forecast.fits
    assert (whole.accumulation, parts.accumulation) == (None, "16 as 2 × 8")
    assert parts.peak_memory_bytes is not None
    assert parts.peak_memory_bytes.expected == 8 * 2**28
    assert parts.seconds.expected > whole.seconds.expected + 0.3  # the attempt that fails counts, too


@pytest.mark.parametrize("memory", ["null", "1GiB"])
def test_a_forecast_splits_batches_as_the_run_then_does(
    tmp_path: Path, tiny_study: Callable[..., Path], memory: str
) -> None:
    path = tiny_study(
        factors={"batch_size": [8, 50], "micro_batch_size": [2]},
        baseline_seeds=[0],
        on_out_of_memory="accumulate",
        limits={"memory": None if memory == "null" else memory},
    )
    study, plan = read(path)
    forecast = forecast_study(study, plan, tmp_path / "out", devices=["cpu"] * 2)
    assert forecast.fits
    _, ledger = run_here(path, tmp_path / "out")
    told = {run.runs[0].setting_id: run.accumulation for run in forecast.runs}
    done = {record.setting_id: record.effective.accumulation for record in ledger.read_runs()}
    assert told == done
    assert done["batch_size=50"] == ("50 as 3 × 13 + 11" if memory == "null" else "50 as 12 × 4 + 2")
    assert done["micro_batch_size=2"] == "4 as 2 × 2"
    peaks = {run.runs[0].setting_id: run.peak_memory_bytes for run in forecast.runs}
    for record in ledger.read_runs():
        peak = peaks[record.setting_id]
        assert peak is not None
        assert peak.expected == record.measures["train/peak_memory_bytes"].value


def make_forecast(plan: Plan, seconds: float, unfit: set[str], **fields: Any) -> Forecast:
    span = Range(low=seconds, expected=seconds, high=seconds)
    runs = tuple(
        RunForecast(
            runs=task.runs,
            training_seconds=span,
            seconds=span,
            peak_memory_bytes=None,
            fits=task.runs[0].setting_id not in unfit,
        )
        for task in list_tasks(plan, "d")
    )
    fields = {"trainings": tuple(run.runs[0] for run in runs), **fields}
    plain: dict[str, Any] = {"workers": 1, "total_seconds": span, "probe_seconds": 0.0, "memory_limit": None}
    return Forecast(**{**plain, "validation_images": 9, "validation_sequences": 9, **fields}, runs=runs)


def test_what_fits_is_suggested_as_lines_to_type(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(seeds=[0, 1], baseline_seeds=[0, 1, 2])
    study, plan = read(path)  # three baselines; three settings with two seeds each
    forecast = make_forecast(plan, 100, {"batch_size=16"})
    memory, runs, seeds = suggest_changes(study, plan, forecast, 550)
    assert memory.sets == ("factors.batch_size=[4]",)
    assert runs.sets == ("budget.runs=5",)
    assert seeds.sets == ("seeds=[0]", "baseline_seeds=[0, 1, 2]")
    changed, smaller = read(path, *memory.sets, *seeds.sets)
    assert len(smaller.runs) == 5  # what was typed fits
    assert suggest_changes(changed, smaller, make_forecast(smaller, 100, set()), 550)[0].fact is Fit.ALL_IN_TIME
    assert suggest_changes(study, plan, forecast, 50)[-1].sets == ()
    assert suggest_changes(study, plan, make_forecast(plan, 100, {"baseline"}), None)[0].sets == ()
    assert len(suggest_changes(study, plan, make_forecast(plan, 1, {"baseline"}), 550)) == 1  # nothing "ends in time"
    assert suggest_changes(study, plan, make_forecast(plan, 1, set()), None) == []


def test_a_budget_counts_what_has_ended_before_and_not_after(tiny_study: Callable[..., Path]) -> None:
    study, plan = read(tiny_study(seeds=[0, 1], baseline_seeds=[0, 1, 2]))
    whole = make_forecast(plan, 100, set())
    left = [whole.runs[number] for number in range(len(whole.runs)) if number not in (0, 1, 4)]  # these have ended
    (runs, *_) = suggest_changes(study, plan, dataclasses.replace(whole, runs=tuple(left)), 250)
    assert runs.sets == ("budget.runs=4",)  # the third and the fourth of the plan


def test_ended_trainings_of_a_level_that_is_left_out_are_not_counted(tiny_study: Callable[..., Path]) -> None:
    study, plan = read(tiny_study(seeds=[0, 1], baseline_seeds=[0, 1, 2]))
    whole = make_forecast(plan, 100, {"batch_size=16"})
    place = next(n for n, run in enumerate(whole.runs) if run.runs[0].setting_id == "batch_size=16")
    left = whole.runs[place + 1 :]  # one of batch 16 has ended, another has not
    found = suggest_changes(study, plan, dataclasses.replace(whole, runs=left), 150)
    kept = [run for run in left if run.runs[0].setting_id != "batch_size=16"]
    assert found[0].sets == ("factors.batch_size=[4]",)
    assert found[1].sets == (f"budget.runs={whole.runs.index(kept[0])}",)  # without that of batch 16 before it


def test_a_grid_whose_levels_all_fit_somewhere_leaves_none_out(tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(design="grid", factors={"batch_size": [4, 8], "image_min_size": [96, 192]})
    study, plan = read(path)
    unfit = next(
        setting.id for setting in plan.settings if len(setting.levels) == 2 and setting.levels["batch_size"] == 8
    )
    (found,) = suggest_changes(study, plan, make_forecast(plan, 1, {unfit}), None)
    assert found.sets == ()
    assert found.fact == CombinationsTooLarge((unfit,))


def test_a_factor_that_fits_at_no_level_keeps_the_baseline_s(tiny_study: Callable[..., Path]) -> None:
    study, plan = read(tiny_study(factors={"batch_size": [16]}))
    (memory,) = suggest_changes(study, plan, make_forecast(plan, 1, {"batch_size=16"}), None)
    assert memory.sets == ("factors.batch_size=[4]",)
    assert {run.setting_id for run in read(tiny_study(factors={"batch_size": [16]}), *memory.sets)[1].runs} == {
        "baseline"
    }


PROBING = """
import os, signal, time
from detstudy.testing import FakeTrainer

class Dying(FakeTrainer):
    def probe(self, job):
        os.kill(os.getpid(), signal.SIGSEGV)

class Slow(FakeTrainer):
    def probe(self, job):
        time.sleep(600)
"""


def test_a_probe_that_dies_or_hangs_is_named_and_never_taken_for_too_large(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: Callable[[str], None]
) -> None:
    write_trainers(PROBING)
    limits = {"no_progress_minutes": 0.05}
    study, plan = read(tiny_study(limits=limits, trainer={"python": "trainers:Dying"}))
    with pytest.raises(RefusedError, match=r"setting baseline: the probe ended with SIGSEGV"):
        forecast_study(study, plan, tmp_path / "out", devices=["cpu"])
    study, plan = read(tiny_study(limits=limits, trainer={"python": "trainers:Slow"}))
    with pytest.raises(RefusedError, match=r"setting baseline: the probe gave no answer for 0.05 minutes"):
        forecast_study(study, plan, tmp_path / "out", devices=["cpu"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_forecast_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, tiny_study: Callable[..., Path], write_trainers: Callable[[str], None], number: signal.Signals
) -> None:
    write_trainers(PROBING)
    (tmp_path / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-m", "detstudy.cli", "plan", str(tiny_study()), "--forecast", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--set", "trainer.python=trainers:Slow"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    probes: list[psutil.Process] = []
    while len(probes) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        probes = psutil.Process(process.pid).children()
    time.sleep(1.0)  # they have read their orders
    process.send_signal(number)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), printed
    assert b"Traceback" not in printed
    _, alive = psutil.wait_procs(probes, timeout=30)
    assert alive == []
    assert number == signal.SIGKILL or list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12h", 43200),
        ("3d", 259200),
        ("1d 12h", 129600),
        ("90min", 5400),
        ("1h30min", 5400),
        ("1.5 h", 5400),
        ("0h", None),
        ("", None),
        ("soon", None),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds
