"""What the study's design asked for, as data: who reads a study's folder imports nobody's design.

plan.json has what it began with, planned.json what that was at the first run, and decisions/ what it asked for later, a
file each, which are never written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger.codec import encode, read_record, write_record
from detstudy.ledger.files import choose_number, write_once
from detstudy.plan import Plan, Step, identify_basis, make_plan, plan_study
from detstudy.study.extension import Extension
from detstudy.study.study import Study, StudyError

DECISIONS = "decisions"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStep:
    """What was asked for at once, and of which study: the file's checksum, for decisions what they rest on."""

    made_for: str
    step: Step


def store_first_step(path: Path, step: Step, source: str) -> None:
    """Keep what a design began with for the study file of that checksum; what is there already stays untouched."""
    stored = StoredStep(made_for=source, step=step)
    if read_record(path, StoredStep) != stored:
        write_record(path, stored)


def load_plan(path: Path, study: Study, source: str | None, decisions: Sequence[Step] = ()) -> Plan:
    """Return the plan of what a design began with, kept there for the study file of that checksum, and decided later.

    What is missing or damaged is asked for again, but of a design that ships alone: reading runs nobody's code. Raises
    StudyError where that leaves nothing.
    """
    stored = read_record(path, StoredStep)
    if stored is not None and stored.made_for == source:
        try:
            return make_plan(study, [stored.step, *decisions])
        except (KeyError, TypeError, ValueError):  # written by another program
            pass
    if isinstance(study.design, Extension):
        raise StudyError(f"{path}: missing, damaged or of another study file; `detstudy run` writes it again")
    return plan_study(study)


def read_decisions(folder: Path, study: Study) -> list[Step]:
    """Return what the study's design asked for after it had begun, step by step; damaged files are left out.

    So is what another design, or one with other options, asked for, or of another baseline.
    """
    paths = sorted(folder.glob(f"{DECISIONS}/*.json"))
    found = [stored for path in paths if (stored := read_record(path, StoredStep))]
    basis = identify_basis(study)
    return [stored.step for stored in found if stored.made_for == basis]


def choose_decision(folder: Path) -> Path:
    """Return where the next decision is kept; whoever decides chooses that before looking at anything."""
    return choose_number(folder / DECISIONS)


def store_decision(path: Path, study: Study, step: Step) -> None:
    """Keep what the design asked for next; where another driver was first, what it asked for counts."""
    write_once(path, encode(StoredStep(made_for=identify_basis(study), step=step)))
