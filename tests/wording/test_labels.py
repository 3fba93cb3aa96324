import pytest

from detstudy.wording.labels import (
    count,
    format_change,
    format_points,
    label_factor,
    label_setting,
)


def test_settings_are_named_as_a_person_says_them() -> None:
    assert label_setting({}) == "baseline"
    assert label_setting({"learning_rate": 0.001}) == "learning rate 0.001"
    assert label_setting({"rpn_pre_nms_top_n_train": 6000}) == "RPN pre-NMS top-k (training) 6000"
    assert label_setting({"schedule": "warmup_cosine"}) == "warmup cosine"
    assert label_setting({"batch_size": 8, "learning_rate": 0.01}) == "batch size 8, learning rate 0.01"
    assert label_factor("rpn_nms_threshold") == "RPN NMS threshold"


@pytest.mark.parametrize(("value", "text"), [(0.44, "+0.4"), (-1.25, "−1.2"), (-0.04, "0.0"), (0.0, "0.0")])
def test_changes_have_a_sign_unless_they_round_to_nothing(value: float, text: str) -> None:
    assert format_change(value) == text


def test_numbers_with_units() -> None:
    assert count(1, "seed") == "1 seed"
    assert count(2920, "image") == "2,920 images"
    assert format_points(-3.26) == "−3.3"
