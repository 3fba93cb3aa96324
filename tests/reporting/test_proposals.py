"""The small charts of a proposal factor: what they hold, and that they can be drawn."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from detstudy.analysis import Analysis, FactorSummary, Spread
from detstudy.analysis.records import FeatureLevel, ProposalRow, ProposalTable
from detstudy.reporting.proposals import draw_proposals, gather_proposals, list_proposals

ANCHORS = {"P3": 960.0, "P4": 240.0}


def spread(value: float, sd: float | None = None) -> Spread:
    return Spread(mean=value, sd=sd, values={0: value})


def make_row(k: int, setting: str, **fields: Any) -> ProposalRow:
    features = tuple(
        FeatureLevel(name=name, anchors=anchors, entered=min(k, anchors), survived=min(k, anchors) / 2)
        for name, anchors in ANCHORS.items()
    )
    values = {
        "features": features,
        "entered": None,
        "survived": None,
        "kept": None,
        "recall": {"proposals/AR100": spread(30.0, sd=2.0), "proposals/AR1000s": spread(10.0)},
        "false_positives": spread(k / 100, sd=3.0),
        "seconds": spread(0.25),
    }
    return ProposalRow(level=k, setting_id=setting, **{**values, **fields})


def make_factor(analysis: Analysis, *rows: ProposalRow) -> FactorSummary:
    table = ProposalTable(factor="rpn_pre_nms_top_n_train", side="training", rows=rows, steps=(), notes=())
    return dataclasses.replace(analysis.factors[0], proposals=table)


def test_panels_hold_what_was_measured_against_k(finished: Any) -> None:
    analysis = finished.analyse()
    factor = make_factor(analysis, make_row(100, "baseline"), make_row(500, "learning_rate=0.04"))

    figure = gather_proposals(analysis, factor)

    assert figure is not None
    assert figure.baseline == 100
    recall, sizes, false_positives, entered, survived, time = figure.panels
    assert recall.lines == ("best 100",)
    assert [(mark.k, mark.value, mark.low, mark.high) for mark in recall.marks] == [
        (100, 30.0, 28.0, 32.0),
        (500, 30.0, 28.0, 32.0),
    ]
    assert sizes.lines == ("small",)
    assert [(mark.low, mark.value, mark.high) for mark in false_positives.marks] == [(0.0, 1.0, 4.0), (2.0, 5.0, 8.0)]
    assert false_positives.title == "False positives an image (mask, score ≥ 0.5)"
    assert [(mark.k, mark.line, mark.value) for mark in entered.marks] == [
        (100, "P3", 100),
        (100, "P4", 100),
        (500, "P3", 500),
        (500, "P4", 240),
    ]
    assert entered.caps == (("P4", 240.0),)
    assert [mark.value for mark in survived.marks] == [50, 50, 250, 120]
    assert [mark.value for mark in time.marks] == [250.0, 250.0]
    assert time.title == "Training time an iteration"


def test_the_table_has_a_column_a_feature_level(finished: Any) -> None:
    analysis = finished.analyse()
    factor = make_factor(analysis, make_row(100, "baseline"), make_row(500, "learning_rate=0.04", features=()))

    cells = list_proposals(analysis, factor)

    assert cells is not None
    assert cells.header[:5] == ("k", "P3 (960 anchors)", "P4 (240 anchors)", "proposal AR100", "proposal AR300")
    assert cells.rows == (
        ("0.004 (baseline)", "100 → 50", "100 → 50", "30.0 ± 2.0", "–", "–", "10.0", "–", "–", "1.00", "250 ms"),
        ("0.04", "–", "–", "30.0 ± 2.0", "–", "–", "10.0", "–", "–", "5.00", "250 ms"),
    )
    assert len(cells.header) == len(cells.rows[0])
    assert list_proposals(analysis, analysis.factors[0]) is None


def test_panels_without_a_value_are_left_out(finished: Any) -> None:
    analysis = finished.analyse()
    bare = {"features": (), "recall": {}, "false_positives": None}
    factor = make_factor(analysis, make_row(1, "baseline", **bare), make_row(2, "learning_rate=0.04", **bare))

    figure = gather_proposals(analysis, factor)

    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["Training time an iteration"]
    nothing = dict(bare, seconds=None)
    factor = make_factor(analysis, make_row(1, "baseline", **nothing), make_row(2, "learning_rate=0.04", **nothing))
    assert gather_proposals(analysis, factor) is None


def test_one_level_or_another_factor_has_no_charts(finished: Any) -> None:
    analysis = finished.analyse()

    assert gather_proposals(analysis, analysis.factors[0]) is None
    assert gather_proposals(analysis, make_factor(analysis, make_row(100, "baseline"))) is None


def test_charts_are_drawn_and_put_into_words(finished: Any) -> None:
    vl_convert = pytest.importorskip("vl_convert")
    analysis = finished.analyse()
    rows = [make_row(k, "baseline", survived=0.0) for k in (4, 100, 1000)]
    figure = gather_proposals(analysis, make_factor(analysis, *rows))
    assert figure is not None

    spec = draw_proposals(figure)

    assert "training time an iteration: 250 at 4, 250 at 100, 250 at 1,000" in spec["description"]
    assert [len(row["hconcat"]) for row in spec["vconcat"]] == [3, 3]
    assert vl_convert.vegalite_to_png(spec).startswith(b"\x89PNG")
