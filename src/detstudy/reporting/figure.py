"""What every figure shares: colours, type, and one definition that becomes both interactive chart and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from detstudy.errors import escape_unprintable, map_texts

if TYPE_CHECKING:
    import altair as alt

VERDICT_COLOURS = {
    "baseline": "#334155",
    "better": "#15803d",
    "worse": "#b91c1c",
    "no difference that matters": "#2563eb",
    "cannot tell": "#b45309",
    "no verdict": "#64748b",
    "no result": "#1f2937",
}
LEVEL_COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#0891b2", "#db2777", "#ca8a04", "#65a30d", "#7c3aed")
BASELINE_COLOUR = VERDICT_COLOURS["baseline"]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
LOOK: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "padding": 8,
    "view": {"stroke": "#cbd5e1"},
    "axis": {
        "gridColor": "#e2e8f0",
        "domainColor": "#94a3b8",
        "tickColor": "#94a3b8",
        "labelColor": "#334155",
        "labelFontSize": 11,
        "titleColor": "#334155",
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "title": {"fontSize": 12, "anchor": "start", "fontWeight": 600, "color": "#0f172a"},
    "legend": {"labelFontSize": 11, "titleFontSize": 11, "labelLimit": 320, "symbolStrokeWidth": 3},
}
PNG_SCALE = 1.5  # sharp on a page, and half the time of 2


def finish_chart(chart: alt.TopLevelMixin, description: str) -> dict[str, Any]:
    """Return a chart as a Vega-Lite specification with the report's look and a description for who can't see it."""
    # The chart's own methods copy all of it each time; checking its parts takes longer than drawing them.
    spec = chart.to_dict(validate=False)
    config = spec.setdefault("config", {})
    for part, look in LOOK.items():
        config[part] = {**config.get(part, {}), **look} if isinstance(look, dict) else look
    spec["description"] = description
    printable: dict[str, Any] = map_texts(spec, escape_unprintable)  # the PNG's renderer needs that
    return printable


def draw_png(spec: dict[str, Any], path: Path) -> None:
    """Write a specification as a PNG file."""
    import vl_convert

    path.write_bytes(vl_convert.vegalite_to_png(spec, scale=PNG_SCALE))


def inline_rows(rows: list[dict[str, Any]]) -> Any:
    """Return rows as a chart's own data."""
    import altair as alt

    return alt.InlineData(values=tuple(rows))  # charts copy lists in full whenever they are put together


def colour_levels(labels: list[str], baseline: str | None) -> alt.Scale:
    """Return a colour a level, in order; the baseline is the dark one."""
    import altair as alt

    others = [label for label in labels if label != baseline]
    palette = {label: LEVEL_COLOURS[index % len(LEVEL_COLOURS)] for index, label in enumerate(others)}
    return alt.Scale(domain=labels, range=[palette.get(label, BASELINE_COLOUR) for label in labels])


def colour_verdicts(verdicts: list[str]) -> alt.Scale:
    """Return the verdicts' colours, of those that occur."""
    import altair as alt

    domain = [verdict for verdict in VERDICT_COLOURS if verdict in verdicts]
    return alt.Scale(domain=domain, range=[VERDICT_COLOURS[verdict] for verdict in domain])
