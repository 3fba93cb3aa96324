"""Errors by kind, as the figure and the tables show them."""

from __future__ import annotations

import dataclasses
from typing import Any

from detstudy.reporting.errors import draw_errors, gather_errors


def test_a_level_has_its_kinds_and_their_costs(finished: Any) -> None:
    analysis = finished.analyse()
    errors = gather_errors(analysis, analysis.factors[0])
    assert errors is not None
    assert (errors.kind, errors.threshold) == ("mask", 0.5)
    assert [(row.label, row.baseline, row.counts["background"], row.cost["background"]) for row in errors.rows] == [
        ("0.04", False, 2.0, 3.0),
        ("0.004 (baseline)", True, 1.0, 4.0),
    ]


def test_the_tables_say_what_they_count(finished: Any) -> None:
    analysis = finished.analyse()
    errors = gather_errors(analysis, analysis.factors[0])
    assert errors is not None
    kinds, best, costs, sizes = errors.tables  # one class: no table of classes
    assert kinds.caption == "Errors an image at score ≥ 0.5"
    assert dict(zip(kinds.header, kinds.rows[0], strict=True)) == {
        "level": "0.04",
        "false positives": "2.00",
        "localisation": "0",
        "classification": "0",
        "both": "0",
        "duplicate": "0",
        "background": "2.00",
        "missed": "0.25",
        "false negatives": "0.50",
        "found": "1.50",
    }
    assert best.rows[0][:3] == ("0.04", "0.70", "80.0")
    assert costs.rows[1] == ("0.004 (baseline)", "0.0", "0.0", "0.0", "0.0", "4.0", "0.0")
    assert [row[0] for row in sizes.rows] == ["0.04: small", "0.004 (baseline): small"]  # nothing is larger


def test_of_many_classes_those_with_most_errors_are_shown(finished: Any) -> None:
    analysis = finished.analyse()
    settings = {}
    for key, setting in analysis.settings.items():
        errors = {}
        for kind, summary in setting.errors.items():
            counts = summary.by_class["car"]
            by_class = {f"class {n}": {**counts, "false_negatives": n / 100} for n in range(20)}
            errors[kind] = dataclasses.replace(summary, by_class=by_class)
        settings[key] = dataclasses.replace(setting, errors=errors)
    gathered = gather_errors(dataclasses.replace(analysis, settings=settings), analysis.factors[0])
    assert gathered is not None
    classes = gathered.tables[-1]
    assert classes.caption.endswith("the 8 of 20 classes with the most errors")
    assert [row[0] for row in classes.rows[:8]] == [f"0.04: class {n}" for n in range(12, 20)]


def test_the_figure_stacks_kinds_and_describes_itself(finished: Any) -> None:
    analysis = finished.analyse()
    errors = gather_errors(analysis, analysis.factors[0])
    assert errors is not None
    spec = draw_errors(errors)
    bars = spec["vconcat"][0]["hconcat"][0]["layer"][0]
    rows = spec["datasets"][bars["data"]["name"]]
    shown = {(row["label"], row["kind"]): row["value"] for row in rows}
    assert shown["0.04", "background"] == 2.0
    assert "0.04: 2.00 false positives, 0.50 false negatives" in spec["description"]


def test_a_level_that_finds_nothing_has_dashes(finished: Any) -> None:
    analysis = finished.analyse()
    settings = dict(analysis.settings)
    for key, setting in settings.items():
        nothing = {
            kind: dataclasses.replace(summary, cost={}, best_threshold=None, best_f1=None, best_counts={})
            for kind, summary in setting.errors.items()
        }
        settings[key] = dataclasses.replace(setting, errors=nothing)
    errors = gather_errors(dataclasses.replace(analysis, settings=settings), analysis.factors[0])
    assert errors is not None
    assert [table.caption[:8] for table in errors.tables] == ["Errors a", "By size,"]
    assert len(draw_errors(errors)["vconcat"]) == 1
