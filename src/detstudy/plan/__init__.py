"""Which runs answer the question."""

from detstudy.plan.cost import identify_cost
from detstudy.plan.design import BASELINE, Plan, PlannedRun, PlannedSetting, format_level, name_setting, plan_study
from detstudy.plan.identity import identify_evaluation, identify_training

__all__ = [
    "BASELINE",
    "Plan",
    "PlannedRun",
    "PlannedSetting",
    "format_level",
    "identify_cost",
    "identify_evaluation",
    "identify_training",
    "name_setting",
    "plan_study",
]
