"""A batch that was trained in parts is flagged wherever its setting is named, and no failed attempt is hidden."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from detstudy.analysis import Analysis, analyse_study
from detstudy.analysis.confounding import flag_split
from detstudy.ledger import Ledger, RunRecord
from detstudy.reporting.inventory import list_earlier
from detstudy.reporting.markdown import render_markdown
from detstudy.reporting.page import gather_page
from detstudy.reporting.standing import caption_level
from detstudy.testing import run_here, write_tiny_study

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
    assert analysis.settings["batch_size=16"].label == "batch size 16 as 2 × 8"
    assert [caption_level(analysis, analysis.factors[0], key) for _, key in analysis.factors[0].levels] == [
        "4 (baseline)",
        "16 as 2 × 8",
    ]
    assert analysis.settings["learning_rate=0.04"].label == "learning rate 0.04"


def test_what_a_reader_sees_of_it_tells_what_differs(ledger: Ledger, analysis: Analysis) -> None:
    markdown = render_markdown(gather_page(ledger, analysis), {})
    named = [line for line in markdown.splitlines() if "batch size 16" in line or line.startswith("| 16 ")]
    assert len(named) > 10
    assert [line for line in named if "16 as 2 × 8" not in line] == []
    assert f"gradients accumulated since the whole batch ran out of memory: {WHAT_DIFFERS}" in markdown
    (factor, _) = analysis.factors
    assert any(note.startswith("batch size 16 as 2 × 8: batch of 16") and WHAT_DIFFERS in note for note in factor.notes)
    assert any(WHAT_DIFFERS in caveat for caveat in analysis.settings["batch_size=16"].contrasts["mask/AP"].caveats)


def test_where_only_some_runs_or_other_factors_are_concerned_the_flag_says_which(
    analysis: Analysis, accumulated: RunRecord
) -> None:
    whole = analysis.settings["baseline"].runs[0]
    assert flag_split([accumulated, whole, whole]) == "as 2 × 8 in 1 of 3 runs"
    assert flag_split([whole]) == flag_split([]) == ""
    smaller = dataclasses.replace(accumulated, effective={"accumulation": "16 as 4 × 4"})
    assert flag_split([accumulated, smaller]) == "as 2 × 8 or as 4 × 4"
    baseline = dataclasses.replace(analysis.settings["baseline"], split="as 2 × 2")
    changed = dataclasses.replace(analysis, settings={**analysis.settings, "baseline": baseline})
    assert caption_level(changed, changed.factors[1], "baseline") == "0.004 (batch of 4 as 2 × 2, baseline)"


def test_the_inventory_lists_each_failed_attempt_once(ledger: Ledger, accumulated: RunRecord) -> None:
    assert accumulated.reason is not None
    assert accumulated.reason.startswith("16 as 2 × 8, since the first attempt ended so: out of memory at 11.2 GiB")
    assert list_earlier(accumulated) == ()
    crash = {"outcome": "crashed", "reason": "KeyError: 'x' (see log.txt)"}
    silent = {"outcome": "crashed", "reason": None}
    (memory,) = accumulated.earlier
    told = dataclasses.replace(accumulated, reason=None, earlier=(memory, crash, silent))
    assert list_earlier(told) == (
        "attempt 1: out of memory at 11.2 GiB, batch of 16",
        "attempt 2: crashed: KeyError: 'x' (see log.txt)",
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
