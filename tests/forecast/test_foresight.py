"""What a study will be able to tell: agrees with simulated studies, and with what the study's own runs say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detstudy.analysis.facts.setting import UnitCount
from detstudy.forecast.facts import Blind, Foresight
from detstudy.forecast.foresight import SEED_SD, UNIT_SD, assume_noise, foresee_differences, learn_noise
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.testing import run_here


def foresee(path: Path, folder: Path, *overrides: str, images: int = 80, sequences: int = 20) -> dict[str, Foresight]:
    study = load_study(path, overrides)
    return {each.factor: each for each in foresee_differences(study, plan_study(study), folder, images, sequences)}


def test_more_seeds_and_more_sequences_show_smaller_differences(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    path, nowhere = tiny_study(), tmp_path / "nowhere"
    few = foresee(path, nowhere)["learning_rate"]
    many = foresee(path, nowhere, "seeds=[0, 1, 2]")["learning_rate"]
    wide = foresee(path, nowhere, "seeds=[0, 1, 2]", images=800, sequences=200)["learning_rate"]
    assert isinstance(few.detectable, float)
    assert isinstance(many.detectable, float)
    assert isinstance(wide.detectable, float)
    assert few.detectable > many.detectable > wide.detectable
    assert (few.seeds, many.seeds) == ((1, 3), (3, 3))
    assert few.noise.assumed_on == UnitCount(20, "sequence")
    assert (few.noise.seed, few.noise.unit.variance) == (pytest.approx(1.6**2), pytest.approx(1.8**2))
    assert few.detectable > few.matters == 0.5


def test_the_difference_is_found_in_four_of_five_simulated_studies(
    tmp_path: Path, tiny_study: Callable[..., Path]
) -> None:
    from scipy.stats import t

    path = tiny_study(factors={"learning_rate": [0.04]}, seeds=list(range(5)), baseline_seeds=list(range(5)))
    detectable = foresee(path, tmp_path / "nowhere")["learning_rate"].detectable
    assert isinstance(detectable, float)
    rng, studies = np.random.default_rng(4), 4000
    seeds = rng.normal(0, SEED_SD, (studies, 2, 5))
    seed_part = seeds.var(axis=2, ddof=1).mean(axis=1) * 2 / 5
    unit_part = UNIT_SD**2 * rng.chisquare(19, studies) / 19
    found = detectable + seeds[:, 0].mean(axis=1) - seeds[:, 1].mean(axis=1) + rng.normal(0, UNIT_SD, studies)
    variance = seed_part + unit_part
    freedom = 1 / (seed_part / variance / 8 + unit_part / variance / 19)
    told = found / np.sqrt(variance) > t.ppf(0.975, freedom)
    assert told.mean() == pytest.approx(0.8, abs=0.03)


def test_nothing_can_be_told_without_repeats_or_units(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    alone = foresee(tiny_study(baseline_seeds=[0]), tmp_path / "nowhere")["learning_rate"]
    assert alone.detectable is Blind.NO_SETTING_TWICE
    one = foresee(tiny_study(), tmp_path / "nowhere", images=1, sequences=1)["learning_rate"]
    assert one.detectable is Blind.ONE_UNIT


def test_weights_that_are_shared_leave_the_images_noise(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={"box_score_threshold": [0.05, 0.3]}, seeds=[0, 1])
    shared = foresee(path, tmp_path / "nowhere")["box_score_threshold"].detectable
    trained = foresee(tiny_study(factors={"learning_rate": [0.04]}, seeds=[0, 1]), tmp_path / "nowhere")
    detectable = trained["learning_rate"].detectable
    assert isinstance(shared, float)
    assert isinstance(detectable, float)
    assert shared < detectable
    once = foresee(tiny_study(factors={"box_score_threshold": [0.05, 0.3]}, baseline_seeds=[0]), tmp_path / "nowhere")
    assert once["box_score_threshold"].detectable is Blind.SAME_WEIGHTS_OF_ONE_SEED


def test_the_studys_own_runs_are_believed_first(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={"learning_rate": [0.04]})
    study, ledger = run_here(path, tmp_path / "out")
    noise = learn_noise(ledger.folder, study, 6)
    assert noise is not None
    values = [record.measures["mask/AP"].value for record in ledger.read_runs() if record.setting_id == "baseline"]
    assert noise.seed == pytest.approx(np.var(values, ddof=1))
    doubled = learn_noise(ledger.folder, study, 12)
    assert doubled is not None
    assert doubled.unit.variance == pytest.approx(noise.unit.variance / 2)
    own = foresee(path, ledger.folder, images=12, sequences=6)["learning_rate"]
    assert own.noise.assumed_on is None


def test_assumed_noise_scales_with_the_units() -> None:
    assert assume_noise(UnitCount(20, "sequence")).unit.variance == pytest.approx(UNIT_SD**2)
    assert assume_noise(UnitCount(320, "image")).unit.variance == pytest.approx(UNIT_SD**2 / 4)
