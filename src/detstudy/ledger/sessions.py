"""How long drivers have worked on a study: one small file each in `sessions/`, so that none waits for another."""

from __future__ import annotations

from pathlib import Path

from detstudy.ledger.files import read_json, write_json


def write_session(folder: Path, name: str, seconds: float) -> None:
    """Keep the seconds that one driver has worked on the study in the folder so far."""
    write_json(folder / "sessions" / f"{name}.json", {"seconds": round(seconds, 3)})


def read_seconds_spent(folder: Path, but: str | None = None) -> float:
    """Return the seconds of all drivers so far, without those of the session `but`; damaged files count nothing."""
    total = 0.0
    for path in folder.glob("sessions/*.json"):
        session = read_json(path)
        seconds = session.get("seconds") if isinstance(session, dict) else None
        if path.stem != but and isinstance(seconds, int | float) and seconds > 0:
            total += seconds
    return total
