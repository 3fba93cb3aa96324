"""What the ledger's numbers say: spreads, contrasts with intervals and verdicts, choices: as facts.

docs/statistics.md has the method. Importing this package is cheap; scipy and numba are imported by what needs them.
"""

from detstudy.analysis.compare import AnalysisError, compare_runs, compare_settings
from detstudy.analysis.contrasts.result_files import compare_results
from detstudy.analysis.facts.choice import Choice
from detstudy.analysis.facts.contrast import Contrast, Verdict
from detstudy.analysis.facts.spread import Spread
from detstudy.analysis.records import (
    Analysis,
    Conclusion,
    ErrorSummary,
    FactorSummary,
    SettingSummary,
)
from detstudy.analysis.study import analyse_study

__all__ = [
    "Analysis",
    "AnalysisError",
    "Choice",
    "Conclusion",
    "Contrast",
    "ErrorSummary",
    "FactorSummary",
    "SettingSummary",
    "Spread",
    "Verdict",
    "analyse_study",
    "compare_results",
    "compare_runs",
    "compare_settings",
]
