"""A batch that was trained in parts is flagged wherever its setting is named, and no failed attempt is hidden."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from detstudy.analysis import Analysis, analyse_study, compare_settings
from detstudy.analysis.evidence.confounding import find_accumulation
from detstudy.analysis.facts.setting import Accumulation
from detstudy.ledger import Attempt, Effective, Ledger, RunRecord
from detstudy.reporting import print_runs
from detstudy.reporting.answer import gather_answer
from detstudy.reporting.inventory import list_earlier
from detstudy.reporting.markdown import render_markdown
from detstudy.reporting.page import gather_page
from detstudy.reporting.standing import caption_level
from detstudy.study.setting import Measure
from detstudy.testing import run_here, write_tiny_study
from detstudy.wording import say
from detstudy.wording.contrast import introduce_comparison

WHAT_DIFFERS = "samples are drawn in another order and images padded by micro-batch"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Ledger:
    """A study whose batch of 16 does not fit."""
    folder = tmp_path_factory.mktemp("accumulated")
    factors = {"batch_size": [4, 16], "learning_rate": [0.04, 0.004]}
    path = write_tiny_study(folder, tiny_data, factors=factors, on_out_of_memory="accumulate")
    return run_here(path, folder / "out")[1]


@pytest.fixture(scope="module")
def analysis(ledger: Ledger) -> Analysis:
    return analyse_study(ledger.folder)


@pytest.fixture(scope="module")
def accumulated(analysis: Analysis) -> RunRecord:
    return analysis.settings["batch_size=16"].runs[0]


def test_a_setting_trained_in_parts_says_so_in_its_name(analysis: Analysis) -> None:
    assert say(analysis.settings["batch_size=16"].label) == "batch size 16 as 2 × 8"
    assert [caption_level(analysis, analysis.factors[0], key) for _, key in analysis.factors[0].levels] == [
        "4 (baseline)",
        "16 as 2 × 8",
    ]
    assert say(analysis.settings["learning_rate=0.04"].label) == "learning rate 0.04"


def test_what_a_reader_sees_of_it_tells_what_differs(ledger: Ledger, analysis: Analysis) -> None:
    markdown = render_markdown(gather_page(ledger, analysis), {})
    named = [line for line in markdown.splitlines() if "batch size 16" in line or line.startswith("| 16 ")]
    assert len(named) > 10
    assert [line for line in named if "16 as 2 × 8" not in line] == []
    assert f"gradients accumulated since the whole batch ran out of memory: {WHAT_DIFFERS}" in markdown
    (factor, _) = analysis.factors
    notes = [say(note) for note in factor.notes]
    assert any(note.startswith("batch size 16 as 2 × 8: batch of 16") and WHAT_DIFFERS in note for note in notes)
    assert any(
        WHAT_DIFFERS in say(caveat) for caveat in analysis.settings["batch_size=16"].contrasts["mask/AP"].caveats
    )


def test_where_only_some_runs_or_other_factors_are_concerned_the_flag_says_which(
    analysis: Analysis, accumulated: RunRecord
) -> None:
    whole = analysis.settings["baseline"].runs[0]
    assert say(find_accumulation([accumulated, whole, whole])) == "as 2 × 8 in 1 of 3 runs"
    assert find_accumulation([whole]) is find_accumulation([]) is None
    smaller = dataclasses.replace(accumulated, effective=Effective(micro_batch_size=4))
    assert say(find_accumulation([accumulated, smaller])) == "as 2 × 8 or as 4 × 4"
    baseline = dataclasses.replace(analysis.settings["baseline"], accumulation=Accumulation(4, (2,), 2, 2))
    changed = dataclasses.replace(analysis, settings={**analysis.settings, "baseline": baseline})
    assert caption_level(changed, changed.factors[1], "baseline") == "0.004 (batch of 4 as 2 × 2, baseline)"


def test_the_inventory_lists_each_failed_attempt_once(ledger: Ledger, accumulated: RunRecord) -> None:
    assert say(accumulated.reason).startswith(
        "16 as 2 × 8, since the first attempt ended so: out of memory at 11.2 GiB"
    )
    assert list_earlier(accumulated) == ()
    peak = Measure(name="train/peak_memory_bytes", value=10.5 * 2**30, unit="bytes")
    crash = Attempt(outcome="crashed", reason="KeyError: 'x' (see log.txt)", measures=(peak,))
    silent = Attempt(outcome="crashed", reason=None, measures=())
    (memory,) = accumulated.earlier
    told = dataclasses.replace(accumulated, reason=None, earlier=(memory, crash, silent))
    assert list_earlier(told) == (
        "attempt 1: out of memory at 11.2 GiB, batch of 16",
        "attempt 2: crashed: KeyError: 'x' (see log.txt) (peak 10.5 GiB)",
        "attempt 3: crashed: no reason",
    )


def test_a_finished_run_with_a_damaged_curve_says_so_in_the_inventory(ledger: Ledger, accumulated: RunRecord) -> None:
    curve = accumulated.folder / "curves.jsonl"
    whole = curve.read_bytes()
    curve.write_bytes(whole[:-20])
    try:
        markdown = render_markdown(gather_page(ledger, analyse_study(ledger.folder)), {})
    finally:
        curve.write_bytes(whole)
    inventory = markdown.split("What was run where")[1]
    assert "curves.jsonl: 1 damaged lines are left out; its AP is not touched" in inventory


def test_a_result_that_is_damaged_says_so_in_the_inventory(ledger: Ledger, accumulated: RunRecord) -> None:
    for folder in (accumulated.folder, accumulated.evaluation_folder):
        path = folder / "result.json"
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])
        try:
            markdown = render_markdown(gather_page(ledger, analyse_study(ledger.folder)), {})
        finally:
            path.write_bytes(whole)
        assert "result.json is damaged; " in markdown.split("What was run where")[1]


def test_a_micro_batch_that_the_study_asks_for_is_flagged_alike(tmp_path: Path, tiny_data: Path) -> None:
    baseline = {"learning_rate": 0.004, "batch_size": 4, "micro_batch_size": 4, "iterations": 5}
    path = write_tiny_study(tmp_path, tiny_data, baseline=baseline, factors={"batch_size": [4, 8]}, baseline_seeds=[0])
    analysis = analyse_study(run_here(path, tmp_path / "out")[1].folder)
    assert [say(setting.label) for setting in analysis.settings.values()] == ["baseline", "batch size 8 as 2 × 4"]
    (told, *_) = analysis.settings["batch_size=8"].contrasts["mask/AP"].caveats
    assert say(told) == f"batch of 8 as 2 × 4, gradients accumulated as the setting asks: {WHAT_DIFFERS}"


def test_the_table_of_a_grid_and_the_headline_say_it_where_no_level_does(tmp_path: Path, tiny_data: Path) -> None:
    baseline = {"learning_rate": 0.004, "batch_size": 16, "iterations": 5}
    factors = {"learning_rate": [0.04, 0.004], "rpn_pre_nms_top_n_train": [2000, 500]}
    more = {"design": "grid", "baseline_seeds": [0, 1], "on_out_of_memory": "accumulate"}
    path = write_tiny_study(tmp_path, tiny_data, baseline=baseline, factors=factors, **more)
    answer = gather_answer(analyse_study(run_here(path, tmp_path / "out")[1].folder))
    assert "(batch of 16 as 2 × 8)" in answer.headline
    assert {row.levels[-1] for row in answer.rows} == {"2000 (batch of 16 as 2 × 8)", "500 (batch of 16 as 2 × 8)"}
    assert all("out of memory" in row.caveats for row in answer.rows)


def test_the_terminal_and_a_comparison_name_it(ledger: Ledger) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    print_runs(ledger.read_runs(), console)
    assert "batch_size=16 (as 2 × 8)" in console.export_text()
    for names in (("batch_size=16", "baseline"), ("baseline", "batch_size=16")):
        opening = introduce_comparison(compare_settings(ledger.folder, *names), "mask/AP")
        assert "batch_size=16 (as 2 × 8)" in opening
        assert "baseline (" not in opening
