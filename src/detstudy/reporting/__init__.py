"""What a study's folder says, for people: tables, figures, image panels, pages."""

from detstudy.reporting.report import write_report
from detstudy.reporting.terminal import (
    print_answer,
    print_audit,
    print_check,
    print_comparison,
    print_measures,
    print_runs,
)

__all__ = [
    "print_answer",
    "print_audit",
    "print_check",
    "print_comparison",
    "print_measures",
    "print_runs",
    "write_report",
]
