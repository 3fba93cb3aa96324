"""Which runs answer the question."""

from detstudy.plan.cost import identify_cost
from detstudy.plan.design import Plan, PlannedRun, PlannedSetting, plan_study
from detstudy.plan.identity import identify_evaluation, identify_training
from detstudy.plan.naming import BASELINE, format_level, name_setting

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
