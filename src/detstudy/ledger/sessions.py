"""How long drivers have worked on a study: one small file each in `sessions/`, so that none waits for another."""

from __future__ import annotations

from pathlib import Path

from detstudy.ledger.codec import read_record, write_record
from detstudy.ledger.records import Session


def write_session(folder: Path, name: str, seconds: float) -> None:
    """Keep the seconds that one driver has worked on the study in the folder so far."""
    write_record(folder / "sessions" / f"{name}.json", Session(seconds=round(seconds, 3)))


def read_seconds_spent(folder: Path, but: str | None = None) -> float:
    """Return the seconds of all drivers so far, without those of the session `but`; damaged files count nothing."""
    sessions = (read_record(path, Session) for path in folder.glob("sessions/*.json") if path.stem != but)
    return sum(session.seconds for session in sessions if session is not None)
