"""The overview: every setting's difference from the baseline with its interval, and what each costs in time.

Answers: which settings are really better or worse, and by how much? What does a point of AP cost?
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from detstudy.analysis.records import Analysis
from detstudy.plan import BASELINE
from detstudy.reporting.figure import colour_verdicts, finish_chart, inline_rows
from detstudy.reporting.number import format_difference, format_interval
from detstudy.reporting.standing import NO_RESULT, explain_absence, is_crossed, label_setting, name_verdict

WIDTH = 520
ROW_HEIGHT = 26
SCATTER_HEIGHT = 300
LABEL_PIXELS = 14  # between two labels of the scatter, so that none covers another


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """A setting's difference in the objective from the baseline, AP; all None where it has no result."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    verdict: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """All settings but the baseline, in the plan's order."""

    objective: str
    margin: float
    names: str | None  # what the labels are made of, where factors are crossed
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """A setting's objective against its training time; `label_ap` is where its label stands, apart from others."""

    label: str
    seconds: float
    ap: float
    verdict: str
    label_ap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The settings that have both a result and a training time."""

    objective: str
    low: float  # of the AP axis
    high: float
    points: tuple[CostPoint, ...]


def gather_forest(analysis: Analysis) -> Forest:
    """Return the rows of the forest plot."""
    objective = analysis.study.objective
    rows = []
    for setting in analysis.settings.values():
        if setting.id == BASELINE:
            continue
        label = label_setting(analysis, setting)
        contrast = setting.contrasts.get(objective)
        absence = explain_absence(setting)
        verdict = NO_RESULT if absence else name_verdict(setting, objective)
        if contrast is None or contrast.estimate is None:
            text = absence or (contrast.reason if contrast and contrast.reason else "no comparison")
            rows.append(ForestRow(label=label, estimate=None, low=None, high=None, verdict=verdict, text=text))
            continue
        interval = format_interval(contrast.low, contrast.high)
        text = f"{format_difference(contrast.estimate)}{f' ({interval})' if interval else ''}  {verdict}"
        rows.append(
            ForestRow(
                label=label,
                estimate=contrast.estimate,
                low=contrast.low,
                high=contrast.high,
                verdict=verdict,
                text=text,
            )
        )
    return Forest(
        objective=objective.replace("/", " "),
        margin=analysis.study.smallest_difference_that_matters,
        names=" × ".join(factor.label for factor in analysis.factors) if is_crossed(analysis) else None,
        rows=tuple(rows),
    )


def draw_forest(forest: Forest) -> dict[str, Any] | None:
    """Return the forest plot, or None where there is nothing to compare."""
    if not any(row.estimate is not None for row in forest.rows):
        return None
    import altair as alt

    rows = [asdict(row) for row in forest.rows]
    edges = [abs(x) for row in forest.rows for x in (row.low, row.high, row.estimate) if x is not None]
    ends = [x for row in forest.rows for x in (row.low, row.high, row.estimate) if x is not None]
    pad = max([*edges, forest.margin]) * 0.06 or 1.0
    domain = [min([*ends, -forest.margin]) - pad, max([*ends, forest.margin]) + pad]
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    title = f"difference from the baseline in {forest.objective}, with its 95 % interval"
    order = [row.label for row in forest.rows]
    y = alt.Y(field="label", type="nominal", sort=order, title=None).axis(labelLimit=300, grid=True, labelFontSize=12)
    x = alt.X(field="estimate", type="quantitative", scale=scale, title=title)
    verdicts = [row.verdict for row in forest.rows]
    colour = alt.Color(field="verdict", type="nominal", scale=colour_verdicts(verdicts), legend=None)
    tooltip = [alt.Tooltip(field="label", title="setting"), alt.Tooltip(field="text", title="difference")]
    data = inline_rows(rows)
    base = alt.Chart(data)
    margin = alt.Chart(inline_rows([{"from": -forest.margin, "to": forest.margin}]))
    band = margin.mark_rect(color="#93c5fd", opacity=0.3).encode(
        x=alt.X(field="from", type="quantitative", scale=scale, title=title), x2=alt.X2(field="to")
    )
    zero = (
        alt.Chart(inline_rows([{"zero": 0}]))
        .mark_rule(color="#334155", strokeWidth=1.5)
        .encode(x=alt.X(field="zero", type="quantitative", scale=scale, title=title))
    )
    known = base.transform_filter("datum.estimate !== null")
    whisker = known.transform_filter("datum.low !== null").mark_rule(strokeWidth=3, opacity=0.75)
    interval = whisker.encode(
        x=alt.X(field="low", type="quantitative", scale=scale, title=title),
        x2=alt.X2(field="high"),
        y=y,
        color=colour,
        tooltip=tooltip,
    )
    point = known.mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
    text = base.mark_text(align="left", fontSize=11.5, limit=330).encode(
        x=alt.value(WIDTH + 10), y=y, text=alt.Text(field="text", type="nominal"), color=colour
    )
    height = max(3, len(rows)) * ROW_HEIGHT + 6
    chart = alt.layer(band, zero, interval, point, text).properties(width=WIDTH, height=height)
    if forest.names:
        chart = chart.properties(title=forest.names)
    worded = "; ".join(f"{row.label}: {row.text}" for row in forest.rows)
    return finish_chart(chart, f"Differences from the baseline in {forest.objective}. {worded}")


def gather_costs(analysis: Analysis) -> Costs | None:
    """Return what each setting reaches and takes, or None where no two settings have both numbers."""
    objective = analysis.study.objective
    found = [
        (
            label_setting(analysis, setting),
            setting.measures["train/seconds"].mean,
            setting.measures[objective].mean,
            setting,
        )
        for setting in analysis.settings.values()
        if objective in setting.measures and "train/seconds" in setting.measures
    ]
    if len(found) < 2:
        return None
    values = [ap for _, _, ap, _ in found]
    spread = max(max(values) - min(values), 1.0)
    low, high = max(0.0, min(values) - 0.1 * spread), max(values) + 0.1 * spread
    found.sort(key=lambda row: row[2])
    places = spread_labels([row[2] for row in found], (high - low) * LABEL_PIXELS / SCATTER_HEIGHT)
    return Costs(
        objective=objective.replace("/", " "),
        low=low,
        high=high,
        points=tuple(
            CostPoint(label=label, seconds=seconds, ap=ap, verdict=name_verdict(setting, objective), label_ap=place)
            for (label, seconds, ap, setting), place in zip(found, places, strict=True)
        ),
    )


def spread_labels(values: list[float], gap: float) -> list[float]:
    """Return places for rising values, at least `gap` apart, moved as little as a single sweep each way can."""
    places = list(values)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    shift = sum(p - v for p, v in zip(places, values, strict=True)) / max(1, len(values))
    return [place - shift for place in places]


def draw_costs(costs: Costs) -> dict[str, Any]:
    """Return the scatter of the objective against training time."""
    import altair as alt

    seconds = [point.seconds for point in costs.points]
    ratio = max(seconds) / min(seconds) if min(seconds) > 0 else math.inf
    logarithmic = min(seconds) > 0 and ratio > 8
    scale_x = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(zero=False, nice=True, padding=14)
    places = [point.label_ap for point in costs.points]
    domain = [min(costs.low, *places), max(costs.high, *places)]
    scale_y = alt.Scale(domain=domain, nice=False, zero=False)
    x = alt.X(field="seconds", type="quantitative", scale=scale_x, title="training time, s")
    y = alt.Y(field="ap", type="quantitative", scale=scale_y, title=costs.objective)
    label_y = alt.Y(field="label_ap", type="quantitative", scale=scale_y, title=costs.objective)
    verdicts = [point.verdict for point in costs.points]
    colour = alt.Color(field="verdict", type="nominal", scale=colour_verdicts(verdicts), legend=None)
    tooltip = [
        alt.Tooltip(field="label", title="setting"),
        alt.Tooltip(field="ap", type="quantitative", format=".1f", title=costs.objective),
        alt.Tooltip(field="seconds", type="quantitative", format=",.0f", title="seconds"),
        alt.Tooltip(field="verdict"),
    ]
    base = alt.Chart(inline_rows([asdict(point) for point in costs.points]))
    line = base.mark_rule(color="#cbd5e1").encode(x=x, x2=alt.value(WIDTH), y=y, y2=alt.Y2(field="label_ap"))
    point = base.mark_point(size=110, filled=True, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tooltip)
    text = base.mark_text(align="left", fontSize=11.5, limit=330).encode(
        x=alt.value(WIDTH + 6), y=label_y, text=alt.Text(field="label", type="nominal"), color=colour
    )
    chart = alt.layer(line, point, text).properties(width=WIDTH, height=SCATTER_HEIGHT)
    worded = "; ".join(f"{p.label}: {p.ap:.1f} in {p.seconds:,.0f} s" for p in costs.points)
    return finish_chart(chart, f"{costs.objective} against training time. {worded}")
