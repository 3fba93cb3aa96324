"""Errors by kind: false positives and false negatives at the operating score threshold, and the AP that each costs.

Answers: what goes wrong at each level, how often would a user see it, and what would be gained by mending it?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detstudy.analysis import Analysis, ErrorSummary, FactorSummary, Spread
from detstudy.numbers import DASH, format_ap, format_rate
from detstudy.plan import BASELINE
from detstudy.reporting.figure import finish_chart, inline_rows
from detstudy.reporting.listing import Listing
from detstudy.reporting.standing import caption_level, error_kind

FALSE_POSITIVES = ("localisation", "classification", "both", "duplicate", "background")
KINDS = (*FALSE_POSITIVES, "missed")
COUNTS = ("false_positives", *KINDS, "false_negatives", "correct")
COLUMNS = ("false positives", *KINDS, "false negatives", "found")
COLOURS = {
    "localisation": "#2563eb",
    "classification": "#9333ea",
    "both": "#94a3b8",
    "duplicate": "#0891b2",
    "background": "#dc2626",
    "missed": "#b45309",
    "badly placed or named": "#fcd34d",
}
MOST_CLASSES = 8
ROW_HEIGHT = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A level's errors, means over seeds: counts an image at the operating threshold, and AP50 points by kind."""

    label: str
    baseline: bool
    counts: dict[str, float]
    cost: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The levels of a factor that have counts, for the figure, and the tables behind it."""

    kind: str  # "box" or "mask": what had to overlap
    threshold: float
    rows: tuple[ErrorRow, ...]
    tables: tuple[Listing, ...]


def gather_errors(analysis: Analysis, factor: FactorSummary) -> Errors | None:
    """Return a factor's errors, or None where no level has any counts."""
    kind = error_kind(analysis)
    levels = {
        caption_level(analysis, factor, key): analysis.settings[key].errors[kind]
        for _, key in factor.levels
        if kind in analysis.settings[key].errors
    }
    if not levels:
        return None
    baseline = caption_level(analysis, factor, BASELINE) if BASELINE in analysis.settings else None
    threshold = analysis.study.operating_score_threshold
    rows = tuple(
        ErrorRow(
            label=label,
            baseline=label == baseline,
            counts={name: spread.mean for name, spread in found.counts.items()},
            cost={name: spread.mean for name, spread in found.cost.items()},
        )
        for label, found in levels.items()
    )
    tables = (
        tabulate_kinds(levels, threshold),
        tabulate_best(levels),
        tabulate_costs(levels),
        tabulate_sizes(levels, threshold),
        tabulate_classes(levels, threshold),
    )
    return Errors(kind=kind, threshold=threshold, rows=rows, tables=tuple(table for table in tables if table))


def tabulate_kinds(levels: Mapping[str, ErrorSummary], threshold: float) -> Listing:
    """Return counts an image by kind of error at the operating threshold."""
    rows = tuple((label, *show_spreads(found.counts, COUNTS)) for label, found in levels.items())
    return Listing(caption=f"Errors an image at score ≥ {threshold:g}", header=("level", *COLUMNS), rows=rows)


def tabulate_best(levels: Mapping[str, ErrorSummary]) -> Listing | None:
    """Return the same at each level's threshold of the highest F1; None where none finds anything."""
    rows = []
    for label, found in levels.items():
        if found.best_threshold and found.best_f1:
            shown = f"{found.best_threshold.mean:.2f}", f"{100 * found.best_f1.mean:.1f}"
        else:
            shown = DASH, DASH
        rows.append((label, *shown, *show_spreads(found.best_counts, COUNTS)))
    if all(row[1] == DASH for row in rows):
        return None
    caption = "Errors an image at the score with the highest F1 over all classes"
    return Listing(caption=caption, header=("level", "score ≥", "F1, %", *COLUMNS), rows=tuple(rows))


def tabulate_costs(levels: Mapping[str, ErrorSummary]) -> Listing | None:
    """Return the AP50 points that each kind costs; None without any."""
    if not any(found.cost for found in levels.values()):
        return None
    rows = tuple((label, *(show_ap(found.cost.get(kind)) for kind in KINDS)) for label, found in levels.items())
    return Listing(caption="AP50 that mending one kind alone would add", header=("level", *KINDS), rows=rows)


def tabulate_sizes(levels: Mapping[str, ErrorSummary], threshold: float) -> Listing:
    """Return counts an image by size of the object concerned, of the detection itself for background errors.

    Sizes of which there is nothing are left out.
    """
    sizes = dict.fromkeys(
        size for found in levels.values() for size, counts in found.by_size.items() if any(counts.values())
    )
    rows = tuple(
        (f"{label}: {size}", *(format_rate(found.by_size[size][name]) for name in COUNTS))
        for label, found in levels.items()
        for size in sizes
    )
    return Listing(caption=f"By size, an image, at score ≥ {threshold:g}", header=("level", *COLUMNS), rows=rows)


def tabulate_classes(levels: Mapping[str, ErrorSummary], threshold: float) -> Listing | None:
    """Return counts an image by class, of the MOST_CLASSES with the most errors; None where there is one class."""
    totals: dict[str, float] = {}
    for found in levels.values():
        for name, counts in found.by_class.items():
            totals[name] = totals.get(name, 0.0) + counts["false_positives"] + counts["false_negatives"]
    if len(totals) < 2:
        return None
    chosen = sorted(sorted(totals, key=lambda name: -totals[name])[:MOST_CLASSES], key=list(totals).index)
    rows = tuple(
        (f"{label}: {name}", *(format_rate(found.by_class[name][count]) for count in COUNTS))
        for label, found in levels.items()
        for name in chosen
    )
    caption = f"By class, an image, at score ≥ {threshold:g}"
    if len(chosen) < len(totals):
        caption += f": the {len(chosen)} of {len(totals)} classes with the most errors"
    return Listing(caption=caption, header=("level", *COLUMNS), rows=rows)


def show_spreads(counts: Mapping[str, Spread], names: Sequence[str]) -> list[str]:
    """Return counts with their seed standard deviations, dashes where there are none."""
    shown = []
    for name in names:
        spread = counts.get(name)
        text = format_rate(spread.mean if spread else None)
        shown.append(text if spread is None or spread.sd is None else f"{text} ± {format_rate(spread.sd)}")
    return shown


def show_ap(spread: Spread | None) -> str:
    """Return AP points with their seed standard deviation, or a dash."""
    return format_ap(spread.mean, spread.sd) if spread else DASH


def draw_errors(errors: Errors) -> dict[str, Any]:
    """Return bars of false positives by kind, bars of false negatives, and below them the AP50 that each kind costs.

    The costs stand side by side and are not stacked: they don't add up to what is missing from 100.
    """
    import altair as alt

    found = [{"kind": kind, "values": [row.counts[kind] for row in errors.rows]} for kind in FALSE_POSITIVES]
    lost = [
        {"kind": "missed", "values": [row.counts["missed"] for row in errors.rows]},
        {
            "kind": "badly placed or named",
            "values": [row.counts["false_negatives"] - row.counts["missed"] for row in errors.rows],
        },
    ]
    bars = alt.hconcat(
        _stack_bars(errors, found, "False positives an image", width=400, named=True),
        _stack_bars(errors, lost, "False negatives, an image", width=230, named=False),
        spacing=14,
    )
    parts = [bars.resolve_scale(color="independent")]
    if any(row.cost for row in errors.rows):
        parts.append(_draw_costs(errors))
    worded = "; ".join(
        f"{row.label}: {format_rate(row.counts['false_positives'])} false positives, "
        f"{format_rate(row.counts['false_negatives'])} false negatives"
        for row in errors.rows
    )
    chart = alt.vconcat(*parts, spacing=18).resolve_scale(color="independent")
    return finish_chart(chart, f"Errors an image at score {errors.threshold:g} by kind. {worded}")


def _stack_bars(errors: Errors, series: list[dict[str, Any]], title: str, width: int, named: bool) -> Any:
    import altair as alt

    labels = [row.label for row in errors.rows]
    rows = [
        {"label": label, "kind": one["kind"], "value": value, "order": order, "text": format_rate(value)}
        for order, one in enumerate(series)
        for label, value in zip(labels, one["values"], strict=True)
    ]
    sums = [sum(one["values"][n] for one in series) for n in range(len(labels))]
    totals = [
        {"label": label, "value": total, "text": format_rate(total)} for label, total in zip(labels, sums, strict=True)
    ]
    kinds = [one["kind"] for one in series]
    scale = alt.Scale(domain=[0, (max(sums) or 1.0) * 1.15], nice=False)
    axis = alt.Axis(labelLimit=220) if named else None
    y = alt.Y(field="label", type="nominal", sort=labels, title=None, axis=axis)
    x = alt.X(field="value", type="quantitative", title=None, scale=scale, stack="zero")
    colours = alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds])
    legend = alt.Legend(orient="bottom", title=None, symbolType="square", columns=5)
    bars = (
        alt.Chart(inline_rows(rows))
        .mark_bar(height=15)
        .encode(
            x=x,
            y=y,
            color=alt.Color(field="kind", type="nominal", scale=colours, legend=legend),
            order=alt.Order(field="order", type="quantitative"),
            tooltip=[alt.Tooltip(field=name) for name in ("label", "kind", "text")],
        )
    )
    text = (
        alt.Chart(inline_rows(totals))
        .mark_text(align="left", dx=4, fontSize=11)
        .encode(
            x=alt.X(field="value", type="quantitative", title=None, scale=scale),
            y=y,
            text=alt.Text(field="text", type="nominal"),
        )
    )
    return alt.layer(bars, text).properties(title=title, width=width, height=ROW_HEIGHT * len(labels))


def _draw_costs(errors: Errors) -> Any:
    import altair as alt

    labels = [row.label for row in errors.rows]
    rows = [
        {"label": row.label, "kind": kind, "value": row.cost[kind], "text": format_ap(row.cost[kind])}
        for row in errors.rows
        for kind in KINDS
        if kind in row.cost
    ]
    top = max(10.0, *(value for row in errors.rows for value in row.cost.values()))
    base = alt.Chart(inline_rows(rows)).encode(
        x=alt.X(field="kind", type="nominal", sort=list(KINDS), title=None).axis(
            orient="top", labelAngle=0, ticks=False
        ),
        y=alt.Y(field="label", type="nominal", sort=labels, title=None).axis(labelLimit=220),
    )
    cells = base.mark_rect(stroke="white", strokeWidth=2).encode(
        color=alt.Color(
            field="value",
            type="quantitative",
            scale=alt.Scale(domain=[0, top], range=["#ffffff", "#f59e0b"], interpolate="rgb"),
            legend=None,
        )
    )
    text = base.mark_text(fontSize=11.5).encode(text=alt.Text(field="text", type="nominal"))
    title = f"{errors.kind} AP50 that mending one kind alone would add"
    return alt.layer(cells, text).properties(title=title, width=644, height=ROW_HEIGHT * len(labels))
