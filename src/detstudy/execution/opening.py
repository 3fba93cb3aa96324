"""The test split is opened once, for the choice and the baseline, and again only where a person asks for it."""

from __future__ import annotations

import dataclasses

from detstudy.execution.tasks import Task, list_tasks
from detstudy.ledger import Ledger
from detstudy.ledger.files import choose_number
from detstudy.ledger.openings import OPENINGS, Opening, list_openings, store_opening
from detstudy.plan import BASELINE, Plan


def open_test(ledger: Ledger, plan: Plan, choice: str, *, again: bool) -> tuple[Opening, list[Task]]:
    """Return the opening that counts, and its evaluations, which may be done already.

    That is the last one, or one for this choice: the first of all, or, with `again`, one more, where the last one's
    evaluations are done and there is anything that none has looked at.
    """
    path = choose_number(ledger.folder / OPENINGS)
    records = ledger.read_runs(plan, "test")
    openings = list_openings(ledger.folder, records)
    settings = dict.fromkeys((BASELINE, choice))
    runs = [record.id for record in records if record.setting_id in settings]
    if not openings or (
        again
        and not any(ledger.is_evaluation_due(run, "test") for run in _keep_runs(ledger, plan, openings[-1]).runs)
        and not {id_ for opening in openings for id_ in opening.runs}.issuperset(runs)
    ):
        store_opening(path, settings, runs)
        openings = list_openings(ledger.folder, records)
    chosen = _keep_runs(ledger, plan, openings[-1])
    return openings[-1], list_tasks(chosen, ledger.fingerprint, ("test",))


def _keep_runs(ledger: Ledger, plan: Plan, opening: Opening) -> Plan:
    """Return the plan with the opening's runs alone."""
    pairs = zip(plan.runs, ledger.read_runs(plan, "test"), strict=True)
    return dataclasses.replace(plan, runs=tuple(run for run, record in pairs if record.id in opening.runs))
