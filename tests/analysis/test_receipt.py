import dataclasses
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.receipt import check_receipt, find_peak_learning_rate
from detstudy.ledger import RunRecord
from detstudy.setting import EvaluationSetting, ModelSetting, Setting, TrainingSetting

TRAINING = TrainingSetting(
    learning_rate=0.01, batch_size=4, iterations=400, schedule="warmup_cosine", warmup_iterations=40
)


def make_run(training: TrainingSetting = TRAINING, **effective: Any) -> RunRecord:
    setting = Setting(model=ModelSetting(name="compact"), training=training, evaluation=EvaluationSetting())
    return RunRecord(
        id="r",
        setting_id="baseline",
        setting=setting,
        levels={},
        seed=0,
        state="ended",
        outcome="finished",
        effective=effective,
        folder=Path("r"),
        evaluation_folder=Path("r"),
    )


def test_a_run_that_did_as_told_gives_no_notes() -> None:
    # half a cosine over the whole run, 0.9755 of its peak at the end of a tenth of warm-up
    assert find_peak_learning_rate(TRAINING) == pytest.approx(0.0097553, rel=1e-4)
    told = {"learning_rate_max": 0.009755, "optimizer_steps": 400, "micro_batch_size": 4, "precision": "fp32"}
    assert check_receipt(make_run(**told)) == []
    assert check_receipt(make_run()) == []
    assert check_receipt(make_run(micro_batch_size=None)) == []


def test_the_peak_follows_the_schedule() -> None:
    multistep = dataclasses.replace(TRAINING, schedule="warmup_multistep")
    assert find_peak_learning_rate(multistep) == 0.01
    late = dataclasses.replace(multistep, warmup_iterations=400)
    assert find_peak_learning_rate(late) == pytest.approx(0.01 * 0.1**2)
    assert find_peak_learning_rate(dataclasses.replace(TRAINING, schedule="constant")) == 0.01
    assert find_peak_learning_rate(dataclasses.replace(TRAINING, warmup_factor=1.0)) == 0.01


def test_what_did_not_take_effect_is_named() -> None:
    assert check_receipt(make_run(learning_rate_max=0.004)) == [
        "the largest learning rate applied was 0.004, not 0.00976"
    ]
    assert check_receipt(make_run(optimizer_steps=120)) == ["120 of 400 optimizer steps were taken"]
    assert check_receipt(make_run(micro_batch_size=2)) == ["micro batch size was 2, not 4"]
    assert check_receipt(make_run(precision="fp16")) == ["precision was fp16, not fp32"]
