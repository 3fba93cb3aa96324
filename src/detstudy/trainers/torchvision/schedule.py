"""The learning rate's multiplier as a pure function of the iteration."""

from __future__ import annotations

import math

from detstudy.study.setting import Setting

# A milestone at 0.7 of 200 iterations is iteration 140, though 0.7 * 200 is a little less in floating point.
_ROUNDING = 1e-9


def compute_multiplier(setting: Setting, iteration: int) -> float:
    """Return what the learning rate is multiplied by in the step that follows `iteration` done steps.

    It rises linearly from `warmup_factor` times the schedule's first value at iteration 0 to the schedule's own value
    at `warmup_iterations`, and follows the schedule from there. A warm-up longer than the run is cut at its end.
    Iterations past the end keep the last value. Method: detectron2's current `build_lr_scheduler`
    (WarmupMultiStepLR, WarmupCosineLR), not its older classes that multiply warm-up and schedule.
    """
    warmup: int = min(setting["warmup_iterations"], setting["iterations"])
    if iteration >= warmup:
        return _follow_schedule(setting, iteration)
    start: float = setting["warmup_factor"] * _follow_schedule(setting, 0)
    end = _follow_schedule(setting, warmup)
    return start + (end - start) * iteration / warmup


def find_milestones(setting: Setting) -> tuple[int, ...]:
    """Return the iterations from which warmup_multistep lowers the rate: the first ones at or past each fraction."""
    return tuple(sorted(math.ceil(fraction * setting["iterations"] - _ROUNDING) for fraction in setting["milestones"]))


def _follow_schedule(setting: Setting, iteration: int) -> float:
    """Return the schedule's own value, warm-up left out."""
    if setting["schedule"] == "constant":
        return 1.0
    if setting["schedule"] == "warmup_cosine":
        done = min(1.0, iteration / setting["iterations"])
        return 0.5 * (1.0 + math.cos(math.pi * done))
    passed = sum(iteration >= milestone for milestone in find_milestones(setting))
    return float(setting["milestone_factor"] ** passed)
