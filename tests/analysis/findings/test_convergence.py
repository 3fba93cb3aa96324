"""Rising, flat or unclear: against scipy, against simulated curves with known gain, and on whole studies."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import theilslopes

from detstudy.analysis.facts.contrast import Contrast, Verdict
from detstudy.analysis.facts.convergence import BothImproving, OneImproving, TooFewPoints
from detstudy.analysis.findings.convergence import (
    MOST_POINTS,
    estimate_autocorrelation,
    estimate_slope,
    find_improving,
    find_step,
    judge_curve,
    judge_runs,
    judge_setting,
    propose_longer,
)
from detstudy.analysis.records import Convergence, SettingSummary
from detstudy.ledger import CurvePoint, DataDescription, Ledger, RunRecord
from detstudy.ledger.codec import encode
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.study.study import Factor, Study
from detstudy.trainers.torchvision.hyperparameters import make_setting

ITERATIONS = np.arange(20, 2401, 20)


def make_points(values: np.ndarray, kind: Any = "validation", iterations: np.ndarray = ITERATIONS) -> list[CurvePoint]:
    key = {"validation": lambda value: {"measures": {"mask/AP": value}}, "train": lambda value: {"loss": value}}[kind]
    return [CurvePoint(kind=kind, iteration=int(i), **key(float(v))) for i, v in zip(iterations, values, strict=True)]


def draw_noise(rng: np.random.Generator, count: int, correlation: float) -> np.ndarray:
    steps = rng.normal(size=count + 60)
    return lfilter([math.sqrt(1 - correlation**2)], [1, -correlation], steps)[60:]


# -- the slope ---------------------------------------------------------------------------------------------------------


def test_white_noise_gets_scipys_slope_and_interval() -> None:
    rng, compared = np.random.default_rng(0), 0
    for count in (8, 13, 40):
        for _ in range(20):
            x, y = np.sort(rng.uniform(1, 9, count)), rng.normal(size=count)
            expected = theilslopes(y, x, 0.90)
            slope, low, high = estimate_slope(x, y)
            assert slope == pytest.approx(expected.slope)
            if estimate_autocorrelation(y - slope * x) == 0:
                assert (low, high) == pytest.approx((expected.low_slope, expected.high_slope))
                compared += 1
            else:
                assert low <= expected.low_slope
                assert high >= expected.high_slope
    assert compared >= 10


def test_autocorrelation_is_found_in_long_series_and_capped() -> None:
    rng = np.random.default_rng(1)
    assert estimate_autocorrelation(draw_noise(rng, 4000, 0.6)) == pytest.approx(0.6, abs=0.04)
    assert estimate_autocorrelation(np.arange(50.0)) == 0.9
    assert estimate_autocorrelation(np.tile([1.0, -1.0], 20)) == 0.0
    assert estimate_autocorrelation(np.zeros(9)) == 0.0


def test_what_a_line_takes_from_the_autocorrelation_of_a_short_series_is_added_back() -> None:
    rng, x, found = np.random.default_rng(6), np.arange(30.0), []
    for _ in range(400):
        y = draw_noise(rng, 30, 0.5)
        found.append(estimate_autocorrelation(y - np.polyval(np.polyfit(x, y, 1), x)))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_many_points_are_averaged_not_dropped() -> None:
    x = np.linspace(0, 1, 10 * MOST_POINTS)
    _, low, high = estimate_slope(x, 3 * x + np.random.default_rng(2).normal(0, 0.5, len(x)))
    assert low < 3 < high
    # the interval of a least-squares line
    assert high - low == pytest.approx(2 * 1.645 * 0.5 * math.sqrt(12 / len(x)), rel=0.25)


# -- error rates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("every", "correlation"), [(60, 0.0), (20, 0.3), (20, 0.6)])
def test_a_gain_of_just_the_margin_is_rarely_called_either(every: int, correlation: float) -> None:
    rng, iterations = np.random.default_rng(3), np.arange(every, 2401, every)
    truth = 30 + 0.5 * np.log(iterations) / np.log(1.5)
    states = [
        judge_curve(
            make_points(truth + draw_noise(rng, len(truth), correlation), iterations=iterations), "mask/AP", 0.5
        ).state
        for _ in range(500)
    ]
    assert states.count("rising") / 500 < 0.08  # 5 % and 3 standard errors
    assert states.count("flat") / 500 < 0.08


def test_a_steep_curve_rises_a_still_one_and_a_falling_one_are_flat() -> None:
    noise = np.random.default_rng(4).normal(0, 0.2, len(ITERATIONS))
    growth = np.log(ITERATIONS) / np.log(1.5)
    states = [judge_curve(make_points(30 + gain * growth + noise), "mask/AP", 0.5) for gain in (3.0, 0.0, -3.0)]
    assert [known.state for known in states] == ["rising", "flat", "flat"]
    assert states[0].gain == pytest.approx(3.0, abs=0.3)
    assert states[0].points == 40


# -- what is judged ----------------------------------------------------------------------------------------------------


def test_the_objective_comes_before_the_losses_where_it_has_eight_points() -> None:
    train = make_points(2.0 - np.log(ITERATIONS) / 10, "train")
    few = make_points(np.full(23, 30.0), iterations=np.arange(100, 2301, 100))
    enough = make_points(np.full(24, 30.0), iterations=np.arange(100, 2401, 100))
    assert judge_curve([*train, *few], "mask/AP", 0.5).by == "training/loss"
    known = judge_curve([*train, *enough], "mask/AP", 0.5)
    assert (known.by, known.state, known.points) == ("mask/AP", "flat", 8)
    losses = [replace(point, measures={"mask/AP": None}, loss=1.0 - point.iteration / 4e3) for point in enough]
    known = judge_curve([*train, *losses], "mask/AP", 0.5)
    assert (known.by, known.state, known.margin) == ("validation/loss", "rising", 5.0)


def test_a_loss_is_judged_by_its_share() -> None:
    loss = 2.0 - 0.5 * np.log(ITERATIONS / 2400) / np.log(1.5)  # 2.0 at the end, 0.5 more a third earlier
    small, large = (judge_curve(make_points(scale * loss, "train"), "mask/AP", 0.5) for scale in (0.01, 100.0))
    assert small.gain == pytest.approx(large.gain)
    assert small.gain == pytest.approx(100 * 0.5 / 2.22, rel=0.02)
    assert small.state == "rising"


def test_too_few_points_say_what_to_set() -> None:
    known = judge_curve(make_points(np.full(10, 1.0), "train", np.arange(240, 2401, 240)), "mask/AP", 0.5)
    assert (known.state, known.gain, known.by) == ("unclear", None, None)
    counts = (("mask/AP", 0), ("validation/loss", 0), ("training/loss", 4))
    assert known.reason == TooFewPoints(counts, needed=8, stepped=False, validate_every=100)
    followed = make_points(np.full(24, 30.0), iterations=np.arange(100, 2401, 100))
    assert judge_curve(followed, "mask/AP", 0.5).by == "mask/AP"
    assert judge_curve([], "mask/AP", 0.5).state == "unclear"


def test_values_that_can_not_be_judged_are_left_out() -> None:
    points = make_points(np.full(len(ITERATIONS), 2.0), "train")
    points += [CurvePoint(iteration=2400, loss=value) for value in (0.0, -1.0, None)]
    assert judge_curve(points, "mask/AP", 0.5).points == 40


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_a_step_of_the_rate_does_not_pass_for_convergence_or_progress() -> None:
    training = make_setting(
        name="compact", learning_rate=0.1, batch_size=4, iterations=2400, milestones=(0.4, 0.7, 0.9)
    )
    step = find_step(training)
    assert step == pytest.approx(1680)
    assert find_step(training.replace(milestones=(0.5,))) is None
    assert find_step(training.replace(schedule="warmup_cosine")) is None
    before = ITERATIONS < 1680
    jumps = make_points(np.where(before, 30.0, 36.0))
    assert judge_curve(jumps, "mask/AP", 0.5, step).state == "flat"
    stops = make_points(30 + 4 * np.log(np.minimum(ITERATIONS, 1680)))
    assert judge_curve(stops, "mask/AP", 0.5).state == "flat"
    known = judge_curve(stops, "mask/AP", 0.5, step)
    assert (known.state, known.stepped, known.end) == ("rising", True, pytest.approx(1680))


def test_flat_is_said_of_the_schedule() -> None:
    points = make_points(np.full(len(ITERATIONS), 30.0))
    assert not judge_curve(points, "mask/AP", 0.5).decayed
    points += [CurvePoint(iteration=i, learning_rate=1 - i / 2400) for i in (0, 1200, 2400)]
    known = judge_curve(points, "mask/AP", 0.5)
    assert (known.state, known.decayed) == ("flat", True)


# -- runs and contrasts ------------------------------------------------------------------------------------------------


def test_seeds_are_judged_alone_and_by_their_mean(tmp_path: Path, study: Study) -> None:
    rng, runs = np.random.default_rng(5), []
    planned = plan_study(study).settings[0]
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        values = 30 + 1.0 * np.log(ITERATIONS) / np.log(1.5) + rng.normal(0, 1.2, len(ITERATIONS))
        points = make_points(values)[: -seed or None]  # the mean is of the points that all have
        (folder / "curves.jsonl").write_bytes(b"".join(encode(point, indent=None) for point in points))
        runs.append(
            RunRecord(
                id=f"run{seed}",
                setting_id=planned.id,
                setting=planned.setting,
                levels={},
                seed=seed,
                state="ended",
                outcome="diverged" if seed == 3 else "finished",
                folder=folder,
                evaluation_folder=folder,
            )
        )
    alone = judge_runs(runs, "mask/AP", 0.25)
    assert list(alone) == ["run0", "run1", "run2"]
    together = judge_setting(runs, "mask/AP", 0.25)
    assert together is not None
    assert together.end == 2360
    assert all(width(together) < width(known) for known in alone.values())
    assert together.gain == pytest.approx(np.mean([known.gain for known in alone.values()]), abs=0.3)
    assert judge_setting(runs[3:], "mask/AP", 0.25) is None


def width(known: Convergence) -> float:
    assert known.low is not None
    assert known.high is not None
    return known.high - known.low


NAMES = {"learning_rate=0.00025": "A", "baseline": "B"}


def make_contrast(verdict: Verdict | None, estimate: float | None) -> Contrast:
    return Contrast(
        a="learning_rate=0.00025",
        b="baseline",
        measure="mask/AP",
        estimate=estimate,
        low=None,
        high=None,
        p=None,
        degrees_of_freedom=None,
        verdict=verdict,
        reason=None,
        seeds=(3, 3),
        units="9 sequences",
    )


@pytest.fixture(scope="module")
def judged() -> dict[str, Convergence]:
    growth = np.log(ITERATIONS) / np.log(1.5)
    known = {name: make_points(30 + gain * growth) for name, gain in (("rising", 2.0), ("flat", 0.0))}
    return {name: judge_curve(points, "mask/AP", 0.5) for name, points in known.items()}


@pytest.mark.parametrize(
    ("own", "baseline", "verdict", "found"),
    [
        ("rising", "flat", "worse", ("A", "behind", True)),
        ("rising", "flat", "cannot tell", ("A", "even", True)),
        ("rising", "flat", "better", ("A", "ahead", True)),
        ("flat", "rising", "better", ("B", "behind", True)),
        ("flat", "rising", "worse", ("B", "ahead", True)),
    ],
)
def test_a_contrast_with_a_rising_arm_is_noted(
    judged: dict[str, Convergence], own: str, baseline: str, verdict: Verdict, found: tuple[str, str, bool]
) -> None:
    known = {"learning_rate=0.00025": judged[own], "baseline": judged[baseline]}
    caveat = find_improving(NAMES, make_contrast(verdict, -1.0), known)
    assert isinstance(caveat, OneImproving)
    assert (caveat.arm, caveat.standing, caveat.other_flat) == found
    assert (caveat.gain.by, caveat.gain.points) == ("mask/AP", pytest.approx(2.0))
    assert not caveat.stepped


def test_two_rising_arms_are_noted_together_and_flat_ones_not(judged: dict[str, Convergence]) -> None:
    contrast = make_contrast("worse", -1.0)
    both = find_improving(NAMES, contrast, dict.fromkeys(NAMES, judged["rising"]))
    assert both == BothImproving(("A", "B"), stepped=False)
    assert find_improving(NAMES, contrast, dict.fromkeys(NAMES, judged["flat"])) is None


def test_ahead_of_one_that_is_unknown_promises_nothing(judged: dict[str, Convergence]) -> None:
    known = {"learning_rate=0.00025": judged["rising"], "baseline": None}
    caveat = find_improving(NAMES, make_contrast("better", 1.0), known)
    assert isinstance(caveat, OneImproving)
    assert not caveat.other_flat
    assert find_improving(NAMES, make_contrast(None, None), known) is None


# -- the longer run ----------------------------------------------------------------------------------------------------

STUDY = """\
study: my study
data: {format: kitti_mots, root: /gone, train: [0], validation: [1]}
model: {name: compact}
baseline: {learning_rate: 0.004, batch_size: 4, %s: 400}
factors: {learning_rate: [0.004, 0.00001], batch_size: [8], milestones: [[0.6, 0.8]], iterations: [200]}
when_batch_size_changes: {hold: images, learning_rate: fixed}
design: %s
"""


def write_study(folder: Path, length: str = "iterations", design: str = "one_factor") -> Study:
    path = folder / "a study.yaml"
    text = STUDY % (length, design)
    path.write_text(text if length == "iterations" else text.replace(", iterations: [200]", ""))
    return load_study(path)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path)


def summarise(study: Study, id_: str) -> SettingSummary:
    planned = plan_study(study).setting(id_)
    fields: dict[str, Any] = {"label": id_, "runs": (), "outcomes": {}, "reason": None, "measures": {}}
    return SettingSummary(
        id=id_,
        setting=planned.setting,
        levels=planned.levels,
        undefined={},
        errors={},
        contrasts={},
        **fields,
    )


@pytest.mark.parametrize(
    ("length", "design", "id_"),
    [
        ("iterations", "one_factor", "learning_rate=1e-05"),
        ("iterations", "one_factor", "milestones=[0.6 0.8]"),
        ("iterations", "one_factor", "iterations=200"),
        ("iterations", "one_factor", "batch_size=8"),
        ("images", "one_factor", "batch_size=8"),
        ("images", "grid", "batch_size=8,learning_rate=1e-05,milestones=[0.6 0.8]"),
        ("images", "grid", "baseline"),
    ],
)
def test_the_proposed_command_trains_the_setting_twice_as_long(
    tmp_path: Path, length: str, design: str, id_: str
) -> None:
    study = write_study(tmp_path, length, design)
    summary = summarise(study, id_)
    command = propose_longer(study, [summary], False, tmp_path / "a study.yaml")
    assert (command.study_file, command.out) == (tmp_path / "a study.yaml", None)
    longer = load_study(command.study_file, command.overrides)
    assert longer.name != study.name
    settings = plan_study(longer).settings
    assert len(settings) == (1 if id_ == "baseline" else 2)
    own, wanted = settings[-1].setting, summary.setting
    assert own == wanted.replace(iterations=2 * wanted["iterations"])
    base = study.baseline
    assert settings[0].setting == base.replace(iterations=2 * base["iterations"])


@pytest.mark.parametrize("design", ["one_factor", "grid"])
def test_several_settings_are_trained_longer_in_one_study(tmp_path: Path, design: str) -> None:
    study = write_study(tmp_path, "iterations", design)
    rate, batch = study.baseline["learning_rate"], study.baseline["batch_size"]
    factors = (Factor(name="learning_rate", levels=(rate, 1e-05)), Factor(name="batch_size", levels=(batch, 8)))
    study = dataclasses.replace(study, factors=factors)
    summaries = [summarise(study, id_) for id_ in ("learning_rate=1e-05", "batch_size=8")]
    command = propose_longer(study, summaries, plan_study(study).crossed, tmp_path / "a study.yaml")
    longer = plan_study(load_study(command.study_file, command.overrides)).settings
    trained = [planned.setting for planned in longer]
    for summary in summaries:
        own = summary.setting
        assert own.replace(iterations=2 * own["iterations"]) in trained
    assert len(trained) == (3 if design == "one_factor" else len(plan_study(study).settings))


def test_the_stored_study_can_be_run_longer(tmp_path: Path, study: Study) -> None:
    ledger = Ledger(tmp_path / "results")
    ledger.store_study(study, DataDescription(fingerprint="abc"))
    stored = ledger.load_study()
    command = propose_longer(stored, [summarise(stored, "batch_size=8")], False, ledger.folder / "study.yaml")
    assert load_study(command.study_file, command.overrides).baseline["iterations"] == 800
