"""Which runs answer the question."""

from detstudy.plan.identity import identify_basis, identify_cost, identify_evaluation, identify_training
from detstudy.plan.naming import BASELINE, format_level, name_setting
from detstudy.plan.planning import (
    Plan,
    PlannedRun,
    PlannedSetting,
    Step,
    begin_plan,
    continue_plan,
    make_plan,
    plan_study,
)

__all__ = [
    "BASELINE",
    "Plan",
    "PlannedRun",
    "PlannedSetting",
    "Step",
    "begin_plan",
    "continue_plan",
    "format_level",
    "identify_basis",
    "identify_cost",
    "identify_evaluation",
    "identify_training",
    "make_plan",
    "name_setting",
    "plan_study",
]
