"""What the torchvision trainer refuses of a setting, by key, before anything is started and without torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from detstudy.trainers.torchvision.hyperparameters import find_contradictions, make_setting

RESNET = {"name": "mask_rcnn", "backbone": "resnet50"}


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        ({"name": "mask_rcnn"}, "backbone", "mask_rcnn needs one of"),
        ({"backbone": "resnet18"}, "backbone", "has its own"),
        ({"weights": "coco"}, "weights", "no coco weights for compact"),
        ({"frozen_stages": 2}, "frozen_stages", "freezes none"),
        ({**RESNET, "backbone": "resnet18", "weights": "coco"}, "weights", "exist for resnet50 only, not resnet18"),
        ({**RESNET, "frozen_stages": 2}, "frozen_stages", "random weights would be frozen"),
        ({"anchor_sizes": ((8,), (16,))}, "anchor_sizes", "2 levels, but compact has 3: give 3 lists"),
        ({"anchor_sizes": ((8,), (16, 20), (32,))}, "anchor_sizes", "the same number of sizes"),
        ({**RESNET, "anchor_sizes": ((8,),)}, "anchor_sizes", "1 levels, but mask_rcnn has 5"),
        ({"micro_batch_size": 3}, "micro_batch_size", "3 is larger than batch_size 2"),
        ({"warmup_iterations": 6}, "warmup_iterations", "6 is more than iterations 5"),
        ({"milestones": (0.9, 0.7)}, "milestones", "rising fractions"),
        ({"scale_jitter": (2.0, 1.0)}, "scale_jitter", "the smaller scale comes first"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, Any], key: str, message: str) -> None:
    setting = make_setting(**{"name": "compact", "learning_rate": 0.1, "batch_size": 2, "iterations": 5, **fields})
    assert list(find_contradictions(setting)) == [key]
    assert message in find_contradictions(setting)[key]


def test_sound_settings_are_taken() -> None:
    length = {"learning_rate": 0.1, "batch_size": 2, "iterations": 5}
    for fields in ({"name": "compact"}, {**RESNET, "weights": "coco", "frozen_stages": 2}, RESNET):
        assert find_contradictions(make_setting(**length, **fields)) == {}


def test_the_trainer_says_what_it_has_and_refuses_without_torch() -> None:
    code = (
        "import sys; from detstudy.study.trainer import find_trainer; trainer = find_trainer('torchvision');"
        "assert trainer.hyperparameters and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
