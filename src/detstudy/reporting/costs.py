"""What each setting reaches against what it takes: what does a point of AP cost?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from detstudy.analysis import Analysis
from detstudy.analysis.labels import label_measure
from detstudy.reporting.figure import colour_verdicts, finish_chart, inline_rows
from detstudy.reporting.standing import caption_setting, name_verdict

WIDTH, HEIGHT = 520, 300
LABEL_PIXELS = 14  # between two labels, so that none covers another


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


def gather_costs(analysis: Analysis) -> Costs | None:
    """Return what each setting reaches and takes, or None where no two settings have both numbers."""
    objective = analysis.study.objective
    found = [
        (
            caption_setting(analysis, setting),
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
    places = spread_labels([row[2] for row in found], (high - low) * LABEL_PIXELS / HEIGHT)
    return Costs(
        objective=label_measure(objective),
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
    chart = alt.layer(line, point, text).properties(width=WIDTH, height=HEIGHT)
    worded = "; ".join(f"{p.label}: {p.ap:.1f} in {p.seconds:,.0f} s" for p in costs.points)
    return finish_chart(chart, f"{costs.objective} against training time. {worded}")
