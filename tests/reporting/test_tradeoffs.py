from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import Analysis
from detstudy.analysis.facts.cost import NoPrice
from detstudy.analysis.records import Price, TradeGap, TradeOff, TradePoint
from detstudy.plan import BASELINE
from detstudy.reporting.figure import draw_png
from detstudy.reporting.tradeoffs import TradeOffs, draw_trade_offs, find_domain, gather_trade_offs, spread_labels
from detstudy.wording import say

HIGH = "learning_rate=0.04"


def make_point(name: str, ap: float, cost: float, **more: Any) -> TradePoint:
    noise = {"ap_error": 0.6, "ap_low": ap - 1.3, "ap_high": ap + 1.3, "cost_low": 0.9 * cost, "cost_high": 1.1 * cost}
    point = {"label": name, "front": True, "share": 0.5, **noise, **more}
    return TradePoint(id=name, ap=ap, cost=cost, **point)


def make_trade_off(unit: str = "s", scale: float = 1.0, **changes: Any) -> TradeOff:
    values = {
        "measure": "train/seconds",
        "unit": unit,
        "objective": "mask/AP",
        "points": (make_point(BASELINE, 40.0, 1000 * scale), make_point(HIGH, 39.6, 600 * scale)),
        "missing": (TradeGap(label="batch size 16", reason="out of memory", cost=2000 * scale, unit=unit),),
        "best": BASELINE,
        "choice": HIGH,
        "tolerance": None,
        "saving": (0.6, 0.5, 0.7),
        "gives_up_at_most": 1.7,
        "prices": (
            Price(
                cheaper=HIGH,
                dearer=BASELINE,
                gain=0.4,
                extra=400 * scale,
                price=1000 * scale,
                low=500 * scale,
                high=9000 * scale,
                reason=None,
            ),
        ),
        "unjudged": (),
        "reason": None,
        "notes": (),
    }
    return TradeOff(**{**values, **changes})


@pytest.fixture
def analysis(finished: Any) -> Analysis:
    memory = make_trade_off("bytes", 2.0**20, measure="train/peak_memory_bytes")
    result: Analysis = finished.analyse(trade_offs=(make_trade_off(), memory))
    return result


def gather(analysis: Analysis) -> TradeOffs:
    trade_offs = gather_trade_offs(analysis)
    assert trade_offs is not None
    return trade_offs


def test_each_cost_has_a_panel_in_its_own_unit(analysis: Analysis) -> None:
    time, memory = gather(analysis).panels
    assert (time.title, memory.title) == ("training time, s", "peak memory, MiB")
    for panel in (time, memory):
        assert [(mark.label, mark.role, mark.ap, mark.cost) for mark in panel.marks] == [
            ("baseline", "on the front", 40.0, 1000.0),
            ("learning rate 0.04", "chosen", 39.6, 600.0),
        ]
    assert (time.marks[1].near_low, time.marks[1].near_high) == pytest.approx((39.0, 40.2))
    assert time.marks[1].text == "39.6 for 10 min; chosen, chosen in 50 % of repeats"
    assert time.missing == ("batch size 16: out of memory; 33 min 20 s",)


def test_prices_are_a_table(analysis: Analysis) -> None:
    (step,) = gather(analysis).panels[1].steps
    assert (step.step, step.gain) == ("learning rate 0.04 → baseline", "+0.4")
    assert (step.extra, step.price) == ("400 MiB", "1,000 MiB (500 MiB to 8.8 GiB)")
    price = dataclasses.replace(
        analysis.trade_offs[0].prices[0], price=None, low=None, high=None, reason=NoPrice(0.4, None)
    )
    changed = dataclasses.replace(analysis, trade_offs=(make_trade_off(prices=(price,)),))
    assert gather(changed).panels[0].steps[0].price == say(NoPrice(0.4, None))


def test_a_single_setting_is_no_figure(finished: Any) -> None:
    alone = make_trade_off(points=(make_point(BASELINE, 40.0, 1000.0),), choice=BASELINE, prices=())
    assert gather_trade_offs(finished.analyse(trade_offs=(alone,))) is None


def test_a_bar_leaves_the_picture_before_it_squeezes_the_points(finished: Any) -> None:
    wild = make_point(HIGH, 38.0, 600.0, ap_low=-20.0, ap_high=96.0, cost_low=1.0, cost_high=9000.0)
    panels = gather(finished.analyse(trade_offs=(make_trade_off(points=(make_point(BASELINE, 40.0, 1000.0), wild)),)))
    assert (panels.low, panels.high) == (37.0, 41.0)
    assert find_domain(panels.panels[0]) == ([400.0, 1200.0], False)


def test_costs_that_hardly_differ_stay_together_and_others_are_logarithmic(finished: Any) -> None:
    def find(cost: float) -> tuple[list[float], bool]:
        points = (make_point(BASELINE, 40.0, 100.0, cost_low=None, cost_high=None), make_point(HIGH, 39.0, cost))
        return find_domain(gather(finished.analyse(trade_offs=(make_trade_off(points=points),))).panels[0])

    (low, high), logarithmic = find(101.0)
    assert not logarithmic
    assert high - low > 25
    assert find(1000.0) == ([80.0, 1250.0], True)


def test_labels_stay_apart() -> None:
    places = spread_labels([1.0, 1.1, 1.2, 9.0], 1.0)
    assert all(b - a >= 1.0 - 1e-9 for a, b in itertools.pairwise(places))
    assert sum(places) == pytest.approx(12.3)


def test_the_figure_is_drawn_with_and_without_a_tolerance(analysis: Analysis, tmp_path: Path) -> None:
    study = dataclasses.replace(analysis.study, tolerance=0.5)
    unknown = make_point(BASELINE, 40.0, 1000.0, ap_error=None, ap_low=None, ap_high=None, cost_low=None, share=None)
    told = dataclasses.replace(
        analysis, study=study, trade_offs=(make_trade_off(points=(unknown, make_point(HIGH, 39.6, 600.0))),)
    )
    spec = draw_trade_offs(gather(analysis))
    assert spec["description"].startswith("mask AP against its costs. training time: More training time than ")
    assert len(spec["hconcat"]) == 2
    draw_png(draw_trade_offs(gather(told)), tmp_path / "costs.png")
    assert (tmp_path / "costs.png").stat().st_size > 10_000
