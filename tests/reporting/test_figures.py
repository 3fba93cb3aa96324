"""The records behind the figures; drawing is tried once, in test_report."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from detstudy.ledger.files import write_json
from detstudy.reporting.costs import draw_costs, gather_costs, spread_labels
from detstudy.reporting.curves import draw_curves, gather_curves, thin_points
from detstudy.reporting.errors import gather_errors
from detstudy.reporting.forest import draw_forest, gather_forest


def test_the_forest_has_a_row_a_setting_and_says_what_failed(finished: Any) -> None:
    forest = gather_forest(finished.analyse())
    assert [(row.label, row.estimate, row.verdict) for row in forest.rows] == [
        ("learning rate 0.04", -10.0, "worse"),
        ("batch size 16", None, "no result"),
    ]
    assert forest.rows[0].text == "−10.0 (−12.0 to −8.0)  worse"
    assert forest.rows[1].text == "out of memory at 11.2 GiB"
    spec = draw_forest(forest)
    assert spec is not None
    assert "out of memory at 11.2 GiB" in spec["description"]


def test_nothing_to_compare_is_no_figure(hand_made: Any) -> None:
    hand_made.plan()
    analysis = hand_made.analyse()
    assert draw_forest(gather_forest(analysis)) is None
    assert gather_costs(analysis) is None
    assert gather_curves(analysis, analysis.factors[0]) is None
    assert gather_errors(analysis, analysis.factors[0], 10) is None


def test_labels_of_the_scatter_stay_apart() -> None:
    places = spread_labels([1.0, 1.1, 1.2, 9.0], 1.0)
    assert all(b - a >= 1.0 - 1e-9 for a, b in itertools.pairwise(places))
    assert sum(places) == pytest.approx(12.3)


def test_costs_pair_the_objective_with_time(finished: Any) -> None:
    costs = gather_costs(finished.analyse())
    assert costs is not None
    assert {(point.label, point.seconds, point.ap) for point in costs.points} == {
        ("baseline", 6972.0, 40.0),
        ("learning rate 0.04", 6972.0, 30.0),
    }
    assert draw_costs(costs)["description"].startswith("mask AP against training time")


def test_curves_hold_every_run_that_logged(finished: Any) -> None:
    analysis = finished.analyse()
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    assert (curves.labels, curves.baseline) == (("0.04", "0.004 (baseline)"), "0.004 (baseline)")
    training = [line for line in curves.loss if line.kind == "training"]
    assert [(line.label, line.seed) for line in training] == [
        ("0.04", 0),
        ("0.004 (baseline)", 0),
        ("0.004 (baseline)", 1),
    ]
    assert training[0].points[1] == (8.0, 1.0, 1.5)
    assert [line.points for line in curves.loss if line.kind == "validation"] == [((40.0, 5.0, 0.4),)] * 3
    assert curves.objective_lines == ()
    assert curves.learning_rate[0].points[0][2] == 0.04


def test_a_long_curve_is_thinned_to_means() -> None:
    points = [(float(i), i / 2, float(i % 2)) for i in range(1000)]
    thin = thin_points(points, 100)
    assert len(thin) == 100
    assert thin[0] == (4.5, 2.25, 0.5)
    assert thin_points(points[:7], 100) == tuple(points[:7])


def test_thousands_of_points_are_drawn(finished: Any) -> None:
    analysis = finished.analyse()
    for run in analysis.settings["baseline"].runs:
        path = run.folder / "curves.jsonl"
        line = '{"kind": "train", "iteration": %d, "images": %d, "seconds": 1.0, "loss": 2.0, "learning_rate": 0.1}\n'
        path.write_text("".join(line % (i, i) for i in range(6000)))
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    assert curves.averaged == 38
    assert draw_curves(curves)["vconcat"]


def test_levels_that_share_their_training_have_no_curves(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(factors="{box_score_threshold: [0.05, 0.3]}"))
    analysis = hand_made.analyse()
    shared = {run.folder for run in analysis.settings["baseline"].runs}
    assert {run.folder for run in analysis.settings["box_score_threshold=0.3"].runs} <= shared
    assert gather_curves(analysis, analysis.factors[0]) is None


def test_errors_are_counted_an_image(finished: Any) -> None:
    analysis = finished.analyse()
    errors = gather_errors(analysis, analysis.factors[0], 10)
    assert errors is not None
    assert [(row.label, row.false_positives_per_image, row.missed_per_image) for row in errors.rows] == [
        ("0.04", 2.0, 0.5),
        ("0.004 (baseline)", 1.0, 0.5),
    ]
    unknown = gather_errors(analysis, analysis.factors[0], None)
    assert unknown is not None
    assert unknown.rows[0].missed_per_image is None


def test_a_damaged_curve_leaves_the_others(finished: Any) -> None:
    analysis = finished.analyse()
    run = analysis.settings["learning_rate=0.04"].runs[0]
    write_json(run.folder / "curves.jsonl", [])
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    assert {line.label for line in curves.loss} == {"0.004 (baseline)"}
