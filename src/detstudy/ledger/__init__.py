"""What happened: run folders and provenance; the only writer of truth."""

from detstudy.ledger.attempts import MAX_ATTEMPTS
from detstudy.ledger.codec import NewerFormatError
from detstudy.ledger.curve import CurveFile, CurvePoint, read_curve
from detstudy.ledger.effective import Effective, read_effective
from detstudy.ledger.lease import LeaseHeldError, drop_stale_lease, is_lease_live
from detstudy.ledger.ledger import Ledger
from detstudy.ledger.records import Attempt, DataDescription, FaultNote, Provenance, RunRecord, SplitNote
from detstudy.ledger.redaction import find_secrets, redact, redact_texts
from detstudy.ledger.results import list_unlike
from detstudy.ledger.sessions import read_seconds_spent, write_session

__all__ = [
    "MAX_ATTEMPTS",
    "Attempt",
    "CurveFile",
    "CurvePoint",
    "DataDescription",
    "Effective",
    "FaultNote",
    "LeaseHeldError",
    "Ledger",
    "NewerFormatError",
    "Provenance",
    "RunRecord",
    "SplitNote",
    "drop_stale_lease",
    "find_secrets",
    "is_lease_live",
    "list_unlike",
    "read_curve",
    "read_effective",
    "read_seconds_spent",
    "redact",
    "redact_texts",
    "write_session",
]
