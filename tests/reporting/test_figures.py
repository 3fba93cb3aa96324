"""The records behind the figures; drawing is tried once, in test_report."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detstudy.reporting.curves import draw_curves, gather_curves, thin_points
from detstudy.reporting.errors import gather_errors
from detstudy.reporting.forest import draw_forest, gather_forest
from detstudy.reporting.tradeoffs import gather_trade_offs


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
    assert gather_trade_offs(analysis) is None
    assert gather_curves(analysis, analysis.factors[0]) is None
    assert gather_errors(analysis, analysis.factors[0]) is None


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


STEPPED = "flat when the learning rate was stepped down at iteration 28"  # 0.7 of 40


def write_validations(folder: Path, ap: Callable[[int], float]) -> None:
    points: list[dict[str, Any]] = []
    for i in range(1, 37):
        place = {"iteration": i, "images": 4 * i, "seconds": i / 2}
        points.append({"kind": "train", **place, "loss": 3 / i, "learning_rate": 0.01})
        points.append({"kind": "validation", **place, "loss": 1.0, "measures": {"mask/AP": ap(i)}})
    (folder / "curves.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))


def rise(gain: float, iteration: int) -> float:
    return 20 + gain * math.log(iteration) / math.log(1.5) + 0.01 * (iteration % 2)


def test_the_judged_stretch_is_marked_and_named(finished: Any) -> None:
    analysis = finished.analyse()
    for id_, gain in (("baseline", 0.0), ("learning_rate=0.04", 10.0)):
        for run in analysis.settings[id_].runs:
            write_validations(run.folder, functools.partial(rise, gain))
    analysis = finished.analyse()
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    rising, flat = curves.convergence
    assert (rising.label, rising.by, rising.points, rising.gain) == ("0.04", "mask AP", "10", "+10.0 AP")
    assert (rising.state, rising.seeds, rising.reason) == ("rising", "1 rising", "")
    assert (flat.label, flat.verdict, flat.seeds) == ("0.004 (baseline)", STEPPED, "2 flat")
    assert curves.judged_loss == ()
    assert [(line.label, line.points[0][0], line.points[-1][0]) for line in curves.judged_objective] == [
        ("0.04", 76, 112),
        ("0.004 (baseline)", 76, 112),
        ("0.004 (baseline)", 76, 112),
    ]
    spec = json.dumps(draw_curves(curves))
    assert "0.04: rising" in spec
    assert "0.004 (baseline): flat" in spec


def test_a_level_that_can_not_be_judged_says_what_to_set(finished: Any) -> None:
    analysis = finished.analyse()
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    row = curves.convergence[0]
    assert (row.by, row.gain, row.interval, row.state) == ("–", "–", "", "unclear")
    assert "4 of training loss; 8 are needed" in row.reason
    assert (curves.judged_loss, curves.judged_objective) == ((), ())


def test_levels_that_share_their_training_have_no_curves(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(factors="{box_score_threshold: [0.05, 0.3]}"))
    analysis = hand_made.analyse()
    shared = {run.folder for run in analysis.settings["baseline"].runs}
    assert {run.folder for run in analysis.settings["box_score_threshold=0.3"].runs} <= shared
    assert gather_curves(analysis, analysis.factors[0]) is None


def test_a_damaged_curve_leaves_the_others(finished: Any) -> None:
    analysis = finished.analyse()
    run = analysis.settings["learning_rate=0.04"].runs[0]
    (run.folder / "curves.jsonl").write_text("[]\n")
    curves = gather_curves(analysis, analysis.factors[0])
    assert curves is not None
    assert {line.label for line in curves.loss} == {"0.004 (baseline)"}
