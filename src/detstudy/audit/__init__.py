"""The audit of a published table: what can't be concluded from it, what looks wrong, and what would settle it."""

from detstudy.audit.audit import Audit, audit_table
from detstudy.audit.finding import Finding
from detstudy.audit.published import TableError, read_table

__all__ = ["Audit", "Finding", "TableError", "audit_table", "read_table"]
