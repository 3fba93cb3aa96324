"""A proposal factor against k: what k lets in and what survives, what it covers, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from detstudy.analysis import Analysis, FactorSummary, Spread
from detstudy.analysis.records import ProposalRow, ProposalTable
from detstudy.numbers import DASH, format_ap, format_rate, format_time
from detstudy.plan import BASELINE
from detstudy.reporting.figure import LEVEL_COLOURS, finish_chart, inline_rows
from detstudy.reporting.listing import Listing
from detstudy.reporting.standing import caption_level, error_kind
from detstudy.wording.labels import label_factor

WIDTH, HEIGHT = 255, 175
COLUMNS = 3
BASELINE_RULE_COLOUR = "#94a3b8"
RECALL_COLUMNS = {f"proposals/{name}": f"proposal {name}" for name in ("AR100", "AR300", "AR1000")} | {
    f"proposals/AR1000{size[0]}": f"{size} AR1000" for size in ("small", "medium", "large")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value at a level, with the range of one standard deviation over seeds around it where that is known."""

    k: int
    line: str  # "AR100", "P3"; "" where a panel has one line
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One small chart against k. `caps` are a line's name and the value above which it can't rise."""

    title: str
    unit: str  # of the vertical axis
    marks: tuple[Mark, ...]
    logarithmic: bool = False
    caps: tuple[tuple[str, float], ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines' names, in order."""
        return tuple(dict.fromkeys(mark.line for mark in self.marks))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFigure:
    """The panels that have values."""

    label: str  # of the factor
    baseline: int | None  # the baseline's level, where it is among those drawn
    panels: tuple[Panel, ...]


def list_proposals(analysis: Analysis, factor: FactorSummary) -> Listing | None:
    """Return a proposal factor's table, means over seeds with their standard deviation; None for other factors.

    Proposals of a feature level are those that entered NMS and, after the arrow, survived it.
    """
    table = factor.proposals
    if table is None:
        return None
    features = next((row.features for row in table.rows if row.features), ())
    rows = []
    for row in table.rows:
        counts = [f"{f.entered:,.0f} → {f.survived:,.0f}" for f in row.features] or [DASH] * len(features)
        recalls = [row.recall.get(name) for name in RECALL_COLUMNS]
        wrong = DASH if row.false_positives is None else format_rate(row.false_positives.mean)
        rows.append(
            (
                caption_level(analysis, factor, row.setting_id),
                *counts,
                *(DASH if spread is None else format_ap(spread.mean, spread.sd) for spread in recalls),
                wrong,
                format_time(row.seconds.mean if row.seconds else None),
            )
        )
    return Listing(
        caption="Proposals, recall and cost by k",
        header=(
            "k",
            *(f"{feature.name} ({feature.anchors:,.0f} anchors)" for feature in features),
            *RECALL_COLUMNS.values(),
            "false positives an image",
            "training time an iteration" if table.side == "training" else "prediction time an image",
        ),
        rows=tuple(rows),
    )


def gather_proposals(analysis: Analysis, factor: FactorSummary) -> ProposalFigure | None:
    """Return a proposal factor's panels; None for other factors, and where fewer than two levels have finished."""
    table = factor.proposals
    if table is None or len(table.rows) < 2:
        return None
    threshold = f"score ≥ {analysis.study.operating_score_threshold:g}"
    time = "Training time an iteration" if table.side == "training" else "Prediction time an image"
    panels = [
        Panel(
            title="Objects covered by the best proposals",
            unit="average recall",
            marks=_mark_recall(table.rows, {f"proposals/AR{limit}": f"best {limit:,}" for limit in (100, 300, 1000)}),
        ),
        Panel(
            title="Covered by the best 1,000, by size",
            unit="average recall",
            marks=_mark_recall(
                table.rows, {f"proposals/AR1000{size[0]}": size for size in ("small", "medium", "large")}
            ),
        ),
        Panel(
            title=f"False positives an image ({error_kind(analysis)}, {threshold})",
            unit="false positives an image",
            marks=_mark_spreads((row.level, "", row.false_positives) for row in table.rows),
        ),
        _count_panel("Proposals entering NMS, an image", table, "entered"),
        _count_panel("Proposals surviving NMS, an image", table, "survived"),
        Panel(title=time, unit="ms", marks=_mark_milliseconds(table.rows)),
    ]
    known = tuple(panel for panel in panels if panel.marks)
    if not known:
        return None
    baseline = next((row.level for row in table.rows if row.setting_id == BASELINE), None)
    return ProposalFigure(label=label_factor(factor.name), baseline=baseline, panels=known)


def _mark_spreads(values: Iterable[tuple[int, str, Spread | None]], factor: float = 1.0) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            k=k,
            line=line,
            value=spread.mean * factor,
            low=None if spread.sd is None else max(0.0, spread.mean - spread.sd) * factor,
            high=None if spread.sd is None else (spread.mean + spread.sd) * factor,
        )
        for k, line, spread in values
        if spread is not None
    )


def _mark_recall(rows: Iterable[ProposalRow], names: dict[str, str]) -> tuple[Mark, ...]:
    return _mark_spreads((row.level, line, row.recall.get(name)) for row in rows for name, line in names.items())


def _mark_milliseconds(rows: Iterable[ProposalRow]) -> tuple[Mark, ...]:
    return _mark_spreads(((row.level, "", row.seconds) for row in rows), factor=1000)


def _count_panel(title: str, table: ProposalTable, field: str) -> Panel:
    """Return proposals by feature level, with each level's anchors as its cap where that is in reach."""
    marks = tuple(
        Mark(k=row.level, line=feature.name, value=getattr(feature, field))
        for row in table.rows
        for feature in row.features
        if getattr(feature, field) > 0
    )
    largest = table.rows[-1].level
    caps = {f.name: f.anchors for row in table.rows for f in row.features if f.anchors <= largest}
    return Panel(
        title=title,
        unit="proposals (dashes: anchors)" if caps else "proposals",
        marks=marks,
        logarithmic=True,
        caps=tuple(caps.items()),
    )


def draw_proposals(figure: ProposalFigure) -> dict[str, Any]:
    """Return small charts against k, three a row; whiskers are a standard deviation over seeds, dashes anchors."""
    import altair as alt

    charts = [_draw_panel(figure, panel) for panel in figure.panels]
    # Each panel has lines of its own, and colours for them.
    rows = [
        alt.hconcat(*charts[start : start + COLUMNS]).resolve_scale(color="independent")
        for start in range(0, len(charts), COLUMNS)
    ]
    chart = alt.vconcat(*rows).resolve_scale(color="independent")
    worded = "; ".join(f"{panel.title.lower()}: {_describe(panel)}" for panel in figure.panels)
    return finish_chart(chart, f"{figure.label}, against k. {worded}")


def _draw_panel(figure: ProposalFigure, panel: Panel) -> Any:
    import altair as alt

    levels = sorted({mark.k for known in figure.panels for mark in known.marks})
    x = alt.X(
        field="k",
        type="quantitative",
        title="k, log scale" if figure.baseline is None else "k, log scale (dotted: the baseline)",
        scale=alt.Scale(type="log", domain=[levels[0] / 1.15, levels[-1] * 1.15], nice=False),
    ).axis(values=levels, format=",d", labelOverlap="greedy", grid=False)
    scale = alt.Scale(type="log", nice=False) if panel.logarithmic else alt.Scale(zero=False, nice=True)
    y = alt.Y(field="value", type="quantitative", title=panel.unit, scale=scale).axis(minExtent=36, tickCount=4)
    lines = list(panel.lines)
    legend = alt.Legend(orient="bottom", columns=5, title=None) if lines != [""] else None
    colours = alt.Scale(domain=lines, range=[LEVEL_COLOURS[n % len(LEVEL_COLOURS)] for n in range(len(lines))])
    colour = alt.Color(field="line", type="nominal", scale=colours, legend=legend)
    data = [
        {"k": m.k, "line": m.line, "value": float(f"{m.value:.5g}"), "low": m.low, "high": m.high} for m in panel.marks
    ]
    base = alt.Chart(inline_rows(data)).encode(x=x, color=colour)
    layers = [base.mark_line(strokeWidth=1.6).encode(y=y), base.mark_point(filled=True, size=42).encode(y=y)]
    ranges = [row for row in data if row["low"] is not None]
    if ranges:
        whiskers = alt.Chart(inline_rows(ranges)).mark_rule(strokeWidth=1.4, opacity=0.7)
        layers.append(whiskers.encode(x=x, y=alt.Y(field="low", type="quantitative"), y2="high", color=colour))
    if panel.caps:
        caps = [{"line": line, "value": anchors} for line, anchors in panel.caps]
        rule = alt.Chart(inline_rows(caps)).mark_rule(strokeDash=[3, 3], opacity=0.8)
        layers.append(rule.encode(y=y, color=colour))
    if figure.baseline is not None:
        mark = alt.Chart(inline_rows([{"k": figure.baseline}])).mark_rule(strokeDash=[2, 4], color=BASELINE_RULE_COLOUR)
        layers.insert(0, mark.encode(x=x))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=panel.title)


def _describe(panel: Panel) -> str:
    return ", ".join(f"{mark.line} {mark.value:.4g} at {mark.k:,}".strip() for mark in panel.marks)
