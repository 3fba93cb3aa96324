"""The interaction plot: its record, and once its drawing."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from detstudy.analysis.facts.interaction import EffectVerdict, NoAnalysis
from detstudy.analysis.facts.spread import Spread
from detstudy.analysis.records import Effect, Factorial
from detstudy.reporting.figure import draw_png
from detstudy.reporting.interaction import draw_interaction, gather_interactions


def make_analysis(values: dict[str, list[float]]) -> Any:
    """The settings of a study and their AP by seed; a setting without a value has no result."""
    spreads = {
        id_: {"mask/AP": Spread(mean=sum(seeds) / len(seeds), sd=None, values=dict(enumerate(seeds)))} if seeds else {}
        for id_, seeds in values.items()
    }
    settings = {id_: SimpleNamespace(measures=measures) for id_, measures in spreads.items()}
    return SimpleNamespace(study=SimpleNamespace(objective="mask/AP"), settings=settings)


def make_factorial(factors: tuple[str, ...], levels: tuple[tuple[Any, ...], ...], cells: dict[Any, str]) -> Factorial:
    effects = [
        Effect(
            objective="mask/AP",
            factors=pair,
            sum_of_squares=1.0,
            degrees_of_freedom=1,
            f=1.0,
            p=0.4,
            p_holm=0.4,
            p_images=0.5,
            omega_squared=0.0,
            verdict=EffectVerdict.NOT_FOUND,
            best=None,
        )
        for pair in (factors[:1], factors[:2])
    ]
    return Factorial(
        factors=factors,
        levels=levels,
        cells=cells,
        effects=tuple(effects),
        reason=None,
        notes=(),
    )


def test_a_point_is_a_cell_with_its_seeds() -> None:
    cells = {
        (0.004, "warmup_cosine"): "a",
        (0.004, "constant"): "b",
        (0.04, "warmup_cosine"): "c",
        (0.04, "constant"): "d",
    }
    factorial = make_factorial(("learning_rate", "schedule"), ((0.004, 0.04), ("warmup_cosine", "constant")), cells)
    (plot,) = gather_interactions(
        make_analysis({"a": [30.0, 32.0], "b": [20.0], "c": [], "d": [25.0, 27.0]}), factorial
    )
    assert (plot.factor, plot.other, plot.objective) == ("learning rate", "schedule", "mask AP")
    assert (plot.levels, plot.lines) == (("0.004", "0.04"), ("warmup cosine", "constant"))
    assert [(point.level, point.line, point.mean, point.low, point.high) for point in plot.points] == [
        ("0.004", "warmup cosine", 31.0, 30.0, 32.0),
        ("0.004", "constant", 20.0, 20.0, 20.0),
        ("0.04", "constant", 26.0, 25.0, 27.0),
    ]
    assert plot.points[0].text == "learning rate 0.004, warmup cosine: 31.0, seeds from 30.0 to 32.0"
    assert plot.points[1].text == "learning rate 0.004, constant: 20.0"


def test_a_third_factor_is_averaged_over_what_all_cells_have() -> None:
    cells = {(rate, batch, k): f"{rate} {batch} {k}" for rate in (1, 2) for batch in (4, 8) for k in (100, 200)}
    values = {id_: [float(rate * 10 + batch + k)] for (rate, batch, k), id_ in cells.items()}
    levels = ((1, 2), (4, 8), (100, 200))
    factorial = make_factorial(("learning_rate", "batch_size", "rpn_pre_nms_top_n_train"), levels, cells)
    (plot,) = gather_interactions(make_analysis(values), factorial)
    assert [point.mean for point in plot.points] == [164.0, 168.0, 174.0, 178.0]
    (plot,) = gather_interactions(make_analysis({**values, "2 8 200": []}), factorial)
    assert [point.mean for point in plot.points] == [114.0, 118.0, 124.0, 128.0]


def test_a_grid_that_could_not_be_analysed_has_no_plot() -> None:
    factorial = make_factorial(("learning_rate", "batch_size"), ((1, 2), (4, 8)), {})
    unknown = dataclasses.replace(factorial, effects=(), reason=NoAnalysis.ONE_SEED)
    assert gather_interactions(make_analysis({}), unknown) == ()


def test_a_plot_is_drawn_with_its_sentence(tmp_path: Path) -> None:
    levels = ((0.004, 0.04), (4, 8))
    cells = dict(zip(itertools.product(*levels), "abcd", strict=True))
    values = {"a": [30.0, 32.0], "b": [20.0], "c": [], "d": [25.0, 27.0]}
    (plot,) = gather_interactions(make_analysis(values), make_factorial(("learning_rate", "batch_size"), levels, cells))
    spec = draw_interaction(plot)
    assert (
        " ".join(spec["title"]["text"])
        == plot.sentence
        == ("No interaction was found between learning rate and batch size (p 0.5); that is not proof of none.")
    )
    assert all(point.text in spec["description"] for point in plot.points)
    draw_png(spec, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
