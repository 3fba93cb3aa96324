"""Two factors of a grid together: does the best level of one depend on the other?

The objective against one factor's levels, a line for each level of the other: parallel lines are no interaction.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from detstudy.analysis import Analysis
from detstudy.analysis.findings.interaction import tabulate_pair
from detstudy.analysis.records import Effect, Factorial
from detstudy.numbers import format_ap
from detstudy.reporting.figure import colour_levels, finish_chart, inline_rows
from detstudy.wording import say
from detstudy.wording.labels import label_factor, label_level, label_measure, name_level

WIDTH, HEIGHT = 420, 260
TITLE_CHARACTERS = 84  # of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionPoint:
    """The mean with one level of each factor; `low` and `high` are the lowest and highest seed.

    In a grid of more factors all three are means over the same levels of the others.
    """

    level: str  # on the axis
    line: str
    mean: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionPlot:
    """One pair of factors. `sentence` is the title; points without a result are missing."""

    factor: str  # on the axis
    other: str  # a line a level
    objective: str
    sentence: str
    levels: tuple[str, ...]
    lines: tuple[str, ...]
    points: tuple[InteractionPoint, ...]


def gather_interactions(analysis: Analysis, factorial: Factorial) -> tuple[InteractionPlot, ...]:
    """Return a plot for each pair of factors; none where the grid could not be analysed."""
    return tuple(_gather_plot(analysis, factorial, effect) for effect in factorial.effects if len(effect.factors) == 2)


def _gather_plot(analysis: Analysis, factorial: Factorial, effect: Effect) -> InteractionPlot:
    objective = analysis.study.objective
    measured = {id_: summary.measures.get(objective) for id_, summary in analysis.settings.items()}
    seeds = {id_: list(spread.values.values()) for id_, spread in measured.items() if spread}
    values = {cell: seeds[id_] for cell, id_ in factorial.cells.items() if id_ in seeds}
    first, second = (factorial.factors.index(name) for name in effect.factors)
    square = tabulate_pair(factorial, values, (first, second))
    points = [
        _summarise(effect.factors, pair, [seeds[id_] for id_ in square.settings[pair]])
        for pair in itertools.product(*square.levels)
        if square.settings.get(pair)
    ]
    return InteractionPlot(
        factor=label_factor(effect.factors[0]),
        other=label_factor(effect.factors[1]),
        objective=label_measure(objective),
        sentence=say(effect),
        levels=tuple(name_level(level) for level in square.levels[0]),
        lines=tuple(name_level(level) for level in square.levels[1]),
        points=tuple(points),
    )


def _summarise(names: tuple[str, ...], levels: tuple[Any, Any], cells: Sequence[Sequence[float]]) -> InteractionPoint:
    mean, low, high = (statistics.fmean(pick(cell) for cell in cells) for pick in (statistics.fmean, min, max))
    seeds = min(map(len, cells))
    span = f", seeds from {format_ap(low)} to {format_ap(high)}" if seeds > 1 else ""
    label = ", ".join(label_level(name, level) for name, level in zip(names, levels, strict=True))
    return InteractionPoint(
        level=name_level(levels[0]),
        line=name_level(levels[1]),
        mean=mean,
        low=low,
        high=high,
        text=f"{label}: {format_ap(mean)}{span}",
    )


def draw_interaction(plot: InteractionPlot) -> dict[str, Any]:
    """Return the interaction plot: means as points on lines, the spread over seeds as bars."""
    import altair as alt

    ends = [end for point in plot.points for end in (point.low, point.high)]
    pad = max((max(ends) - min(ends)) * 0.08, 0.5)
    scale = alt.Scale(domain=[max(0.0, min(ends) - pad), max(ends) + pad], nice=False, zero=False)
    base = alt.Chart(inline_rows([asdict(point) for point in plot.points]))
    apart = alt.Scale(paddingInner=0.85, paddingOuter=0.4)
    x = alt.X(field="level", type="ordinal", sort=list(plot.levels), scale=apart, title=plot.factor).axis(
        labelAngle=0, grid=False
    )
    # bars of two lines at one level stand beside each other
    offset = alt.XOffset(field="line", type="nominal", sort=list(plot.lines))
    y = alt.Y(field="mean", type="quantitative", scale=scale, title=plot.objective)
    colour = alt.Color(
        field="line",
        type="nominal",
        legend=alt.Legend(title=plot.other, titleLimit=320),
        sort=list(plot.lines),
        scale=colour_levels(list(plot.lines), None),
    )
    tooltip = [alt.Tooltip(field="text", title="mean")]
    line = base.mark_line(strokeWidth=2).encode(x=x, xOffset=offset, y=y, color=colour)
    bar = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=x,
        xOffset=offset,
        y=alt.Y(field="low", type="quantitative", scale=scale, title=plot.objective),
        y2=alt.Y2(field="high"),
        color=colour,
        tooltip=tooltip,
    )
    point = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=x, xOffset=offset, y=y, color=colour, tooltip=tooltip
    )
    chart = alt.layer(line, bar, point).properties(
        width=WIDTH, height=HEIGHT, title=alt.TitleParams(text=_wrap(plot.sentence))
    )
    worded = "; ".join(point.text for point in plot.points)
    return finish_chart(chart, f"{plot.sentence} {plot.objective}: {worded}")


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, TITLE_CHARACTERS)
