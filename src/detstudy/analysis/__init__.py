"""What the ledger's numbers say: spreads, contrasts with intervals and verdicts, choices, sentences.

docs/statistics.md has the method. Importing this package is cheap; scipy and numba are imported by what needs them.
"""

from detstudy.analysis.audit import Audit, TableError, audit_table
from detstudy.analysis.compare import AnalysisError, compare_runs, compare_settings, introduce_comparison
from detstudy.analysis.records import (
    Analysis,
    Choice,
    Conclusion,
    Contrast,
    ErrorSummary,
    FactorSummary,
    SettingSummary,
    Spread,
    Verdict,
)
from detstudy.analysis.result_files import compare_results
from detstudy.analysis.sentences import describe_contrast
from detstudy.analysis.study import analyse_study

__all__ = [
    "Analysis",
    "AnalysisError",
    "Audit",
    "Choice",
    "Conclusion",
    "Contrast",
    "ErrorSummary",
    "FactorSummary",
    "SettingSummary",
    "Spread",
    "TableError",
    "Verdict",
    "analyse_study",
    "audit_table",
    "compare_results",
    "compare_runs",
    "compare_settings",
    "describe_contrast",
    "introduce_comparison",
]
