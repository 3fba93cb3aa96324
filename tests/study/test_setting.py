"""Settings: unique names over the sections, and reading and replacing by name."""

from __future__ import annotations

import dataclasses

import pytest

from detstudy.study.setting import (
    SECTION_OF_FIELD,
    SECTIONS,
    EvaluationSetting,
    ModelSetting,
    Setting,
    TrainingSetting,
    read_field,
    replace_fields,
)

SETTING = Setting(
    model=ModelSetting(name="compact"),
    training=TrainingSetting(learning_rate=0.1, batch_size=2, iterations=5),
    evaluation=EvaluationSetting(),
)


def test_field_names_are_unique_over_the_sections() -> None:
    assert len(SECTION_OF_FIELD) == sum(len(dataclasses.fields(cls)) for cls in SECTIONS.values())


def test_fields_are_read_and_replaced_by_name_alone() -> None:
    changed = replace_fields(SETTING, learning_rate=0.2, box_nms_threshold=0.3)
    assert read_field(changed, "learning_rate") == 0.2
    assert changed.evaluation.box_nms_threshold == 0.3
    assert changed.model is SETTING.model
    with pytest.raises(KeyError):
        read_field(SETTING, "lr")
