"""Asks a study's design what comes next, once all that it asked for has ended."""

from __future__ import annotations

from detstudy.ledger import Ledger, RunRecord
from detstudy.ledger.files import choose_number
from detstudy.ledger.plans import DECISIONS, store_decision
from detstudy.plan import Plan, continue_plan
from detstudy.plan.designs import EndedRun, load_design


def ask_for_more(ledger: Ledger) -> Plan | None:
    """Return the plan with what the design asks for next; None where it asks for nothing more.

    What it asks for is in the study's folder before anything of it starts. Raises StudyError where that can't be run.
    """
    path = choose_number(ledger.folder / DECISIONS)  # before looking, so that of two drivers one decides
    study, plan = ledger.load_study(), ledger.load_plan()
    records = ledger.read_runs(plan)
    if any(record.state != "ended" or record.again for record in records):
        return None  # a driver elsewhere goes on with it
    step = continue_plan(study, load_design(study.design), plan, list(map(describe_ended, records)))
    if step is None:
        return None
    store_decision(path, study, step)
    return ledger.load_plan()


def describe_ended(record: RunRecord) -> EndedRun:
    """Return what a design gets to know of a run that has ended."""
    assert record.outcome is not None
    return EndedRun(
        setting_id=record.setting_id,
        levels=record.levels,
        seed=record.seed,
        outcome=record.outcome,
        measures={name: measure.value for name, measure in record.measures.items()},
    )
