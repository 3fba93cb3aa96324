"""What the ledger's numbers say: spreads, contrasts with intervals and verdicts, choices, sentences.

docs/statistics.md has the method. Importing this package is cheap; scipy and numba are imported by what needs them.
"""

from detstudy.analysis.compare import AnalysisError, compare_results, compare_settings
from detstudy.analysis.records import (
    Analysis,
    Choice,
    Conclusion,
    Contrast,
    FactorSummary,
    FalsePositives,
    SettingSummary,
    Spread,
    Verdict,
)
from detstudy.analysis.sentences import describe_contrast
from detstudy.analysis.study import analyse_study

__all__ = [
    "Analysis",
    "AnalysisError",
    "Choice",
    "Conclusion",
    "Contrast",
    "FactorSummary",
    "FalsePositives",
    "SettingSummary",
    "Spread",
    "Verdict",
    "analyse_study",
    "compare_results",
    "compare_settings",
    "describe_contrast",
]
