"""A design of one's own: it looks at results and asks for more. Nothing of detstudy is changed for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import analyse_study
from detstudy.errors import InputError
from detstudy.execution import ask_for_more
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.plan.designs import Asked, Design, EndedRun
from detstudy.plan.naming import name_setting
from detstudy.study.spec import load_study
from detstudy.study.study import Study
from detstudy.testing import DesignContract, run_here

HERE = Path(__file__).parent
FACTORS = {"learning_rate": [0.001, 0.002, 0.004, 0.008]}


class Repeat:
    """Gives more seeds to the settings that came out best, and to the baseline."""

    crossed = False

    def __init__(self, seeds: int = 2, best: int = 2) -> None:
        self.seeds = range(seeds)
        self.best = best

    def begin(self, study: Study) -> list[Asked]:
        return [Asked(levels={"learning_rate": rate}, seeds=(0,)) for rate in study.factors[0].levels]

    def go_on(self, study: Study, runs: Sequence[EndedRun]) -> list[Asked]:
        scores = {run.setting_id: run.measures.get(study.objective) or 0.0 for run in runs if run.seed == 0}
        levels = {run.setting_id: run.levels for run in runs}
        best = sorted(scores, key=lambda id_: -scores[id_])[: self.best]
        return [Asked(levels=levels[id_], seeds=tuple(self.seeds)) for id_ in best]

    def name_setting(self, levels: Mapping[str, Any]) -> str:
        return name_setting(levels)

    def name_family(self, levels: Mapping[str, Any]) -> str:
        return "rates"


class TestRepeat(DesignContract):
    def make_design(self) -> Design:
        return Repeat()


@pytest.fixture
def study_file(tiny_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(HERE)
    design = {"python": "test_design:Repeat", "options": {"seeds": 3}}
    return tiny_study(factors=FACTORS, design=design, baseline_seeds=[0])


def list_seeds(ledger: Ledger) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in ledger.read_runs():
        found.setdefault(record.setting_id, []).append(record.seed)
    return found


def test_it_asks_for_more_until_it_wants_nothing(tmp_path: Path, study_file: Path) -> None:
    _, ledger = run_here(study_file, tmp_path / "out")
    seeds = list_seeds(ledger)
    assert sorted(map(len, seeds.values())) == [1, 1, 3, 3]
    assert {record.outcome for record in ledger.read_runs()} == {"finished"}
    assert [record.step for record in ledger.read_runs()] == [0] * 4 + [1] * 4
    assert ask_for_more(ledger) is None
    analysis = analyse_study(ledger.folder)
    assert {contrast.family for summary in analysis.settings.values() for contrast in summary.contrasts.values()}
    assert not any(contrast.exploratory for s in analysis.settings.values() for contrast in s.contrasts.values())


def test_what_was_decided_is_kept_before_anything_of_it_starts(tmp_path: Path, study_file: Path) -> None:
    study, ledger = run_here(study_file, tmp_path / "out")
    (decision,) = ledger.folder.glob("decisions/*.json")
    content = decision.read_bytes()
    for record in ledger.read_runs():
        if record.step:
            (record.folder / "result.json").unlink()
    assert ask_for_more(ledger) is None  # what was decided is not done
    run_here(study_file, ledger.folder)
    assert decision.read_bytes() == content
    assert {record.outcome for record in ledger.read_runs()} == {"finished"}
    assert load_study(study_file).design == study.design


def test_what_a_person_adds_is_told_from_what_the_design_asked_for(tmp_path: Path, study_file: Path) -> None:
    _, ledger = run_here(study_file, tmp_path / "out")
    more = tmp_path / "more.yaml"
    more.write_text(study_file.read_text().replace("- 0.008", "- 0.008\n  - 0.016"))
    run_here(more, ledger.folder)
    analysis = analyse_study(ledger.folder)
    exploratory = {
        id_ for id_, s in analysis.settings.items() if any(contrast.exploratory for contrast in s.contrasts.values())
    }
    assert exploratory == {"learning_rate=0.016"}


def test_another_design_asks_anew(tmp_path: Path, study_file: Path) -> None:
    _, ledger = run_here(study_file, tmp_path / "out")
    plain = tmp_path / "plain.yaml"
    plain.write_text(study_file.read_text().replace("seeds: 3", "seeds: 1"))
    run_here(plain, ledger.folder)
    assert set(map(len, list_seeds(ledger).values())) == {1}
    run_here(study_file, ledger.folder)
    assert max(map(len, list_seeds(ledger).values())) == 3


def test_a_design_that_is_none_is_refused_by_its_key(tiny_study: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"design: test_design:Nothing: .*module importable"):
        plan_study(load_study(tiny_study(design={"python": "test_design:Nothing"})))
    with pytest.raises(InputError, match="design: builtins:dict: has no crossed and no begin"):
        plan_study(load_study(tiny_study(design={"python": "builtins:dict"})))
    with pytest.raises(InputError, match=r"'spiral'; one_factor, grid or .python: .* is needed"):
        load_study(tiny_study(design="spiral"))


def call(*arguments: object, where: Path, expected: int = 0) -> Any:
    command = [sys.executable, "-m", "detstudy.cli", *map(str, arguments), "--json"]
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=where)
    assert done.returncode == expected, done.stderr
    return json.loads(done.stdout)


def test_a_study_stopped_between_decision_and_runs_goes_on_to_its_report(tmp_path: Path, study_file: Path) -> None:
    out = tmp_path / "out"
    run = ("run", study_file, "--out", out, "--set", "trainer.python=detstudy.testing:FakeTrainer")
    assert len(call("plan", study_file, "--out", out, where=HERE)["runs"]) == 4
    stopped = call(*run, "--set", "budget.runs=4", where=HERE, expected=4)
    assert "4 of 8 trainings are done" in stopped["stopped"]
    assert len(list(out.glob("decisions/*.json"))) == 1
    assert len(call("status", out, where=tmp_path)["runs"]) == 8  # where the design can't be imported
    whole = call(*run, where=HERE)
    assert {record["outcome"] for record in whole["runs"]} == {"finished"}
    assert [record["step"] for record in whole["runs"]] == [0] * 4 + [1] * 4
    assert len(list(out.glob("decisions/*.json"))) == 1
    assert len(call("report", out, where=tmp_path)["files"]) == 2
    assert call("compare", out, "learning_rate=0.002", "baseline", where=tmp_path)["measures"]["mask/AP"]
