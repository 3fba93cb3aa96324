"""The overview: every setting's difference from the baseline with its interval.

Answers: which settings are really better or worse, and by how much?
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from detstudy.analysis import Analysis
from detstudy.numbers import format_change, format_interval
from detstudy.plan import BASELINE
from detstudy.reporting.figure import colour_verdicts, finish_chart, inline_rows
from detstudy.reporting.standing import NO_RESULT, caption_setting, explain_absence, is_crossed, name_verdict
from detstudy.wording.labels import label_factor, label_measure
from detstudy.wording.say import say

WIDTH = 520
ROW_HEIGHT = 26


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


def gather_forest(analysis: Analysis) -> Forest:
    """Return the rows of the forest plot."""
    objective = analysis.study.objective
    rows = []
    for setting in analysis.settings.values():
        if setting.id == BASELINE:
            continue
        label = caption_setting(analysis, setting)
        contrast = setting.contrasts.get(objective)
        absence = explain_absence(setting)
        verdict = NO_RESULT if absence else name_verdict(setting, objective)
        if contrast is None or contrast.estimate is None:
            text = absence or (say(contrast.reason) if contrast and contrast.reason else "no comparison")
            rows.append(ForestRow(label=label, estimate=None, low=None, high=None, verdict=verdict, text=text))
            continue
        interval = format_interval(contrast.low, contrast.high)
        text = f"{format_change(contrast.estimate)}{f' ({interval})' if interval else ''}  {verdict}"
        text += ", exploratory" if contrast.exploratory else ""
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
        objective=label_measure(objective),
        margin=analysis.study.smallest_difference_that_matters,
        names=" × ".join(label_factor(factor.name) for factor in analysis.factors) if is_crossed(analysis) else None,
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
