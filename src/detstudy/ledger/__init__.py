"""What happened: run folders and provenance; the only writer of truth."""

from detstudy.ledger.attempts import MAX_ATTEMPTS
from detstudy.ledger.curve import CurveFile, read_curve
from detstudy.ledger.lease import LeaseHeldError, drop_stale_lease, is_lease_live
from detstudy.ledger.ledger import Ledger
from detstudy.ledger.records import GalleryImage, RunRecord
from detstudy.ledger.redaction import find_secrets, redact, redact_texts
from detstudy.ledger.results import list_unlike
from detstudy.ledger.sessions import read_seconds_spent, write_session

__all__ = [
    "MAX_ATTEMPTS",
    "CurveFile",
    "GalleryImage",
    "LeaseHeldError",
    "Ledger",
    "RunRecord",
    "drop_stale_lease",
    "find_secrets",
    "is_lease_live",
    "list_unlike",
    "read_curve",
    "read_seconds_spent",
    "redact",
    "redact_texts",
    "write_session",
]
