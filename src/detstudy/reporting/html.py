"""The report as one HTML file that opens offline: charts, their runtime, pictures and style are all inside."""

from __future__ import annotations

from typing import Any

from detstudy.errors import escape_unprintable
from detstudy.numbers import format_rate
from detstudy.reporting.figure import VERDICT_COLOURS
from detstudy.reporting.page import Page
from detstudy.reporting.panel import CLASS_COLOURS
from detstudy.reporting.runtime import load_runtime


def render_html(page: Page) -> str:
    """Return the page. Every text from outside is escaped; the page forbids itself to fetch anything."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("detstudy.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=show_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(verdict_class=name_class, count=format_rate, spec=strip_schema)
    figures = page.list_figures()
    return environment.get_template("report.html.j2").render(
        page=page,
        answer=page.answer,
        inventory=page.inventory,
        figures=figures,
        runtime=load_runtime() if figures else "",
        verdict_colours=VERDICT_COLOURS,
        class_colours=["#{:02x}{:02x}{:02x}".format(*colour) for colour in CLASS_COLOURS],
    )


def show_text(value: Any) -> Any:
    """Return a value of the page with its text printable; what is HTML already stays."""
    return escape_unprintable(value) if type(value) is str else value


def name_class(verdict: str) -> str:
    """Return a verdict as a CSS class."""
    return verdict.replace(" ", "-")


def strip_schema(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the specification without the address of its schema, so that the page names no other site."""
    return {key: value for key, value in spec.items() if key != "$schema"}
