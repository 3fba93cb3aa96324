"""The audit of a published table: what can't be concluded from it, what looks wrong, and what would settle it."""

from detstudy.auditing.audit import Audit, audit_table
from detstudy.auditing.finding import Finding
from detstudy.auditing.published import TableError, read_table

__all__ = ["Audit", "Finding", "TableError", "audit_table", "read_table"]
