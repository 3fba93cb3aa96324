"""What the study's design asked for, as data: who reads a study's folder imports nobody's design.

plan.json has what it began with, planned.json what that was at the first run, and decisions/ what it asked for later, a
file each, which are never written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger.codec import encode, read_record, read_records, write_record
from detstudy.ledger.files import sum_file, write_once
from detstudy.plan import Plan, Step, begin_plan, identify_basis, make_plan, plan_study
from detstudy.plan.designs import load_design
from detstudy.study.extension import Extension
from detstudy.study.study import Study, StudyError

DECISIONS = "decisions"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStep:
    """What was asked for at once, and of which study: the file's checksum, for decisions what they rest on."""

    made_for: str
    step: Step


def store_plan(folder: Path, study: Study, source: str, planned: str | None) -> None:
    """Keep what the study's design begins with. `source` is its file's checksum, `planned` that of planned.yaml.

    What it began with at the first run stays as it was.
    """
    first = StoredStep(made_for=source, step=begin_plan(study, load_design(study.design)))
    if read_record(folder / "plan.json", StoredStep) != first:
        write_record(folder / "plan.json", first)
    known = read_record(folder / "planned.json", StoredStep)
    if planned == source and (known is None or known.made_for != source):
        write_record(folder / "planned.json", first)


def ask_plan(folder: Path, study: Study) -> Plan:
    """Return the plan of a study as its design begins it now, with what it has decided in the folder."""
    return make_plan(study, [begin_plan(study, load_design(study.design)), *read_decisions(folder, study)])


def load_plan(folder: Path, study: Study) -> Plan:
    """Return the plan of the study in the folder. Raises StudyError where it is missing or damaged and can't be made.

    A design that ships is asked again then: reading runs nobody's code.
    """
    return _read_plan(folder, "plan.json", "study.yaml", study, read_decisions(folder, study))


def load_planned_plan(folder: Path, planned: Study | None) -> Plan | None:
    """Return what the design began with for the study as it was planned; None where that is no longer known."""
    try:
        return _read_plan(folder, "planned.json", "planned.yaml", planned, ()) if planned else None
    except StudyError:
        return None


def _read_plan(folder: Path, name: str, study_file: str, study: Study, decisions: Sequence[Step]) -> Plan:
    stored = read_record(folder / name, StoredStep)
    if stored is not None and stored.made_for == sum_file(folder / study_file):
        try:
            return make_plan(study, [stored.step, *decisions])
        except (KeyError, TypeError, ValueError):  # written by another program
            pass
    if isinstance(study.design, Extension):
        raise StudyError(f"{folder / name}: missing, damaged or of another study; `detstudy run` writes it again")
    return plan_study(study)


def read_decisions(folder: Path, study: Study) -> list[Step]:
    """Return what the study's design asked for after it had begun, step by step; damaged files are left out.

    So is what another design, or one with other options, asked for, or of another baseline.
    """
    basis = identify_basis(study)
    return [stored.step for stored in read_records(folder / DECISIONS, StoredStep) if stored.made_for == basis]


def store_decision(path: Path, study: Study, step: Step) -> None:
    """Keep what the design asked for next; where another driver was first, what it asked for counts.

    Whoever decides chooses the path before looking at anything.
    """
    write_once(path, encode(StoredStep(made_for=identify_basis(study), step=step)))
