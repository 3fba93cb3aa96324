"""The test split is opened once: whoever stops in the middle goes on with that opening, which counts once."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from detstudy.analysis.evidence.evidence import Evidence
from detstudy.execution import Place, Task, open_test, work_on
from detstudy.ledger import Ledger
from detstudy.study.study import Study
from detstudy.testing import FakeTrainer, run_here, write_tiny_study

RATE = "learning_rate=0.002"


@pytest.fixture
def ran(tmp_path: Path, tiny_data: Path) -> tuple[Study, Ledger]:
    path = write_tiny_study(tmp_path, tiny_data, factors={"learning_rate": [0.002, 0.008]})
    document = YAML(typ="safe").load(path)
    document["data"] |= {"validation": [2, 3, 4, 5], "test": [6, 7]}
    with path.open("w") as file:
        YAML().dump(document, file)
    return run_here(path, tmp_path / "out")


def look(study: Study, ledger: Ledger, tasks: list[Task]) -> None:
    for task in tasks:
        work_on(task, study, ledger, FakeTrainer(), Place())


def test_an_opening_that_was_stopped_goes_on_as_the_same(ran: tuple[Study, Ledger]) -> None:
    study, ledger = ran
    plan = ledger.load_plan()
    opening, tasks = open_test(ledger, plan, RATE, again=False)
    assert opening.settings == ("baseline", RATE)
    assert len(tasks) == 4  # three seeds of the baseline, one of the level
    look(study, ledger, tasks[:2])
    same, tasks = open_test(ledger, plan, "learning_rate=0.008", again=True)  # its evaluations are not done
    assert same == opening
    look(study, ledger, tasks)
    assert Evidence(ledger.folder).openings() == [opening]
    assert {run.setting_id for run in Evidence(ledger.folder).test_runs() if run.outcome == "finished"} == {
        "baseline",
        RATE,
    }


def test_it_is_opened_again_on_request_alone(ran: tuple[Study, Ledger]) -> None:
    study, ledger = ran
    plan = ledger.load_plan()
    opening, tasks = open_test(ledger, plan, RATE, again=True)  # nothing was opened before: the first
    look(study, ledger, tasks)
    assert open_test(ledger, plan, "learning_rate=0.008", again=False)[0] == opening
    assert open_test(ledger, plan, RATE, again=True)[0] == opening  # there is nothing else to see
    second, tasks = open_test(ledger, plan, "learning_rate=0.008", again=True)
    assert second.settings == ("baseline", "learning_rate=0.008")
    look(study, ledger, tasks)
    assert Evidence(ledger.folder).openings() == [opening, second]


def test_what_version_01_looked_at_was_opened_too(ran: tuple[Study, Ledger]) -> None:
    study, ledger = ran
    look(study, ledger, open_test(ledger, ledger.load_plan(), RATE, again=False)[1])
    for path in ledger.folder.glob("openings/*.json"):
        path.unlink()  # which version 0.1 did not write
    (opening,) = Evidence(ledger.folder).openings()
    assert (opening.at, opening.settings) == (None, ("baseline", RATE))
    assert open_test(ledger, ledger.load_plan(), "learning_rate=0.008", again=False)[0] == opening
