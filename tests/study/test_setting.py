"""Settings: frozen mappings of hyperparameters, the same where what is not at its default is."""

from __future__ import annotations

import dataclasses

import pytest

from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.hyperparameters import HYPERPARAMETERS, make_setting

SETTING = make_setting(name="compact", learning_rate=0.1, batch_size=2, iterations=5)


def test_names_are_unique() -> None:
    assert len(SETTING) == len(HYPERPARAMETERS)


def test_values_are_read_and_replaced_by_name() -> None:
    changed = SETTING.replace(learning_rate=0.2, box_nms_threshold=0.3)
    assert (changed["learning_rate"], changed["box_nms_threshold"]) == (0.2, 0.3)
    assert changed.part("model") == SETTING.part("model")
    assert changed.trained == SETTING.replace(learning_rate=0.2).trained
    assert SETTING["learning_rate"] == 0.1
    for wrong in (lambda: SETTING["lr"], lambda: SETTING.replace(lr=1), lambda: make_setting(name="compact")):
        with pytest.raises(KeyError):
            wrong()


def test_a_setting_is_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        SETTING.hyperparameters = ()


def test_a_setting_is_its_non_defaults_whatever_was_declared_since() -> None:
    later = Setting((*HYPERPARAMETERS, Hyperparameter(name="new", type=int, default=0)), dict(SETTING))
    assert later == SETTING
    assert hash(later) == hash(SETTING)
    assert later.replace(new=1) != SETTING
    other = tuple(
        dataclasses.replace(each, default=9) if each.name == "warmup_iterations" else each for each in HYPERPARAMETERS
    )
    assert Setting(other, dict(SETTING)) != SETTING  # what was a default is none any more
