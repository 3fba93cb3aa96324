"""A factor's table in the reference study's form."""

from __future__ import annotations

from typing import Any

from detstudy.reporting.table import gather_table


def test_a_level_has_a_row_each_for_box_and_mask(finished: Any) -> None:
    analysis = finished.analyse()
    table = gather_table(analysis, analysis.factors[0])
    worse, baseline = table.levels
    assert [row.kind for row in worse.rows] == ["box", "mask"]
    assert (worse.level, baseline.level) == ("0.04", "0.004 (baseline)")
    assert [cell.text for cell in worse.rows[0].cells] == ["30.0", "30.0", "30.0", "30.0", "30.0", "–"]
    assert worse.rows[0].cells[5].title == "no large objects"
    assert (baseline.rows[1].cells[0].text, baseline.rows[1].cells[0].sd) == ("40.0", " ± 0.5")
    assert (worse.rows[1].difference, worse.rows[1].interval, worse.rows[1].verdict) == (
        "−10.0",
        "−12.0 to −8.0",
        "worse",
    )
    assert baseline.rows[1].verdict == "baseline"
    assert (worse.seconds.text, worse.memory, worse.seeds) == ("1 h 56 min", "2.0 GiB", "1")
    assert table.footnotes == ("box/APl: no large objects",)


def test_a_failed_level_has_its_outcome_and_reason_for_a_row(finished: Any) -> None:
    analysis = finished.analyse()
    failed = gather_table(analysis, analysis.factors[1]).levels[1]
    assert (failed.level, failed.absence, failed.rows) == ("16", "out of memory at 11.2 GiB", ())
    assert (failed.memory, failed.seeds) == ("11.2 GiB", "0 of 1")
