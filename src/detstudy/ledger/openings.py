"""When the test split was looked at and for which settings: a file each in `openings/`, which is never written again.

It is written before anything is evaluated: who stops in the middle goes on with the same opening.
"""

from __future__ import annotations

import datetime
import getpass
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger.codec import encode, read_records
from detstudy.ledger.files import write_once
from detstudy.ledger.records import RunRecord

OPENINGS = "openings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One look at the test split."""

    by: str | None = None  # user@host; None, as `at`, where version 0.1 opened it
    at: str | None = None  # ISO 8601, UTC
    settings: tuple[str, ...]  # ids
    runs: tuple[str, ...]  # ids of all their runs on the test split


def list_openings(folder: Path, tested: Sequence[RunRecord]) -> list[Opening]:
    """Return every opening, the first one first; what was `tested` without a record of it makes one before all.

    Raises NewerFormatError where a newer detstudy wrote one.
    """
    recorded = read_records(folder / OPENINGS, Opening)
    known = {id_ for opening in recorded for id_ in opening.runs}
    others = [run for run in tested if run.outcome == "finished" and run.id not in known]
    if not others:
        return recorded
    settings = tuple(dict.fromkeys(run.setting_id for run in others))
    return [Opening(settings=settings, runs=tuple(run.id for run in others)), *recorded]


def store_opening(path: Path, settings: Collection[str], runs: Collection[str]) -> None:
    """Keep that the test split is opened now; where another driver was first, its opening counts.

    Whoever opens chooses the path before looking at anything.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_once(path, encode(Opening(by=_name_user(), at=now, settings=tuple(settings), runs=tuple(runs))))


def _name_user() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError, ImportError):  # a container's number without a name
        return socket.gethostname()
