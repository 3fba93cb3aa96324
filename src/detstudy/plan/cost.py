"""What a setting's runs cost is the same for many settings: fields that change results but no time and no memory."""

from __future__ import annotations

import dataclasses

from detstudy.study.setting import Setting

COSTLESS = {
    "learning_rate": 1.0,
    "iterations": 1,  # change how long a run takes, not what an iteration does
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "milestones": (),
    "milestone_factor": 1.0,
    "warmup_iterations": 0,
    "warmup_factor": 1.0,
    "horizontal_flip": 0.0,
    "checkpoint_rule": "last",
}
"""Training fields, with the value that stands for any."""


def identify_cost(setting: Setting) -> Setting:
    """Return the setting without what changes neither the time of an iteration nor memory: equal ones cost the same."""
    return dataclasses.replace(setting, training=dataclasses.replace(setting.training, **COSTLESS))  # type: ignore[arg-type]
