"""False positives and missed objects at the operating score threshold: what a user of the detector would see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from detstudy.analysis import Analysis, FactorSummary
from detstudy.plan import BASELINE
from detstudy.reporting.figure import colour_levels, finish_chart, inline_rows
from detstudy.reporting.number import format_count
from detstudy.reporting.standing import caption_level, error_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A level's counts, means over seeds; missed per image is None where the number of images is unknown."""

    label: str
    baseline: bool
    false_positives: float
    false_positives_per_image: float
    missed: float
    missed_per_image: float | None
    true_positives: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The levels of a factor that have counts."""

    kind: str  # "box" or "mask": what had to overlap
    threshold: float
    rows: tuple[ErrorRow, ...]


def gather_errors(analysis: Analysis, factor: FactorSummary, images: int | None) -> Errors | None:
    """Return a factor's error counts, or None where no level has any."""
    kind = error_kind(analysis)
    rows = []
    for _, key in factor.levels:
        errors = analysis.settings[key].errors.get(kind)
        if errors:
            rows.append(
                ErrorRow(
                    label=caption_level(analysis, factor, key),
                    baseline=key == BASELINE,
                    false_positives=errors.false_positives,
                    false_positives_per_image=errors.false_positives_per_image,
                    missed=errors.missed,
                    missed_per_image=errors.missed / images if images else None,
                    true_positives=errors.true_positives,
                )
            )
    if not rows:
        return None
    return Errors(kind=kind, threshold=analysis.study.operating_score_threshold, rows=tuple(rows))


def draw_errors(errors: Errors) -> dict[str, Any]:
    """Return bars of false positives and of missed objects an image, side by side."""
    import altair as alt

    labels = [row.label for row in errors.rows]
    scale = colour_levels(labels, next((row.label for row in errors.rows if row.baseline), None))
    panels = []
    for title, values in (
        ("False positives an image", [row.false_positives_per_image for row in errors.rows]),
        ("Missed objects an image", [row.missed_per_image for row in errors.rows]),
    ):
        known = [(label, value) for label, value in zip(labels, values, strict=True) if value is not None]
        if not known:
            continue
        rows: list[dict[str, Any]] = [{"label": label, "value": v, "text": format_count(v)} for label, v in known]
        top = max(value for _, value in known) or 1.0
        base = alt.Chart(inline_rows(rows), title=title).encode(
            x=alt.X(field="value", type="quantitative", title=None, scale=alt.Scale(domain=[0, top * 1.2], nice=False)),
            y=alt.Y(field="label", type="nominal", sort=labels, title=None).axis(labelLimit=220),
        )
        bars = base.mark_bar(height=15).encode(color=alt.Color(field="label", type="nominal", scale=scale, legend=None))
        text = base.mark_text(align="left", dx=4, fontSize=11).encode(text=alt.Text(field="text", type="nominal"))
        panels.append(alt.layer(bars, text).properties(width=330, height=26 * len(rows)))
    worded = "; ".join(f"{row.label}: {format_count(row.false_positives_per_image)}" for row in errors.rows)
    return finish_chart(alt.hconcat(*panels), f"False positives an image at score {errors.threshold:g}. {worded}")
