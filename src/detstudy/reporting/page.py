"""The report as one record: everything that both its forms show, before either is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from detstudy.analysis import Analysis, FactorSummary
from detstudy.ledger import Ledger
from detstudy.plan import BASELINE
from detstudy.reporting.answer import Answer, gather_answer
from detstudy.reporting.costs import draw_costs, gather_costs
from detstudy.reporting.curves import Curves, draw_curves, gather_curves
from detstudy.reporting.errors import Errors, draw_errors, gather_errors
from detstudy.reporting.forest import draw_forest, gather_forest
from detstudy.reporting.gallery import Gallery, gather_galleries
from detstudy.reporting.inventory import Inventory, gather_inventory
from detstudy.reporting.standing import caption_level, is_crossed
from detstudy.reporting.table import FactorTable, gather_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart's specification under the name that its element and its PNG have."""

    name: str
    title: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a reader sees of one factor."""

    anchor: str
    label: str
    column: str  # what the first column of its table holds
    sentence: str
    how_sure: str
    notes: tuple[str, ...]
    table: FactorTable
    curves: Curves | None
    errors: Errors | None
    gallery: Gallery | None
    figures: dict[str, Figure] = field(default_factory=dict)  # "curves", "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report."""

    answer: Answer
    figures: dict[str, Figure]  # "forest", "costs"
    sections: tuple[Section, ...]
    grid: bool  # whether the table of all settings shows a column a factor
    inventory: Inventory


def gather_page(ledger: Ledger, analysis: Analysis) -> Page:
    """Read and compute everything that a report shows; nothing is written."""
    inventory = gather_inventory(ledger, analysis)
    forest, costs = draw_forest(gather_forest(analysis)), gather_costs(analysis)
    figures = {}
    if forest:
        figures["forest"] = Figure(name="forest", title="Differences from the baseline", spec=forest)
    if costs:
        figures["costs"] = Figure(name="costs", title="What a point of AP costs", spec=draw_costs(costs))
    factors = list_sections(analysis)
    captions = [[(caption_level(analysis, factor, key), key) for _, key in factor.levels] for factor in factors]
    galleries = gather_galleries(ledger, analysis, captions)
    sections = tuple(
        gather_section(analysis, factor, f"factor-{number}", gallery, inventory.images)
        for number, (factor, gallery) in enumerate(zip(factors, galleries, strict=True), start=1)
    )
    return Page(
        answer=gather_answer(analysis, inventory.images),
        figures=figures,
        sections=sections,
        grid=is_crossed(analysis),
        inventory=inventory,
    )


def list_sections(analysis: Analysis) -> list[FactorSummary]:
    """Return the factors; for a grid one more with every combination, for a study without factors the baseline."""
    factors = list(analysis.factors)
    crossed = is_crossed(analysis)
    if not factors or crossed:
        label = "all combinations" if crossed else BASELINE
        levels = tuple((None, key) for key in analysis.settings)
        factors.append(FactorSummary(name="", label=label, levels=levels, choice=None, notes=()))
    return factors


def gather_section(
    analysis: Analysis, factor: FactorSummary, anchor: str, gallery: Gallery | None, images: int | None
) -> Section:
    """Return one factor's section with its figures drawn as specifications."""
    curves = gather_curves(analysis, factor)
    errors = gather_errors(analysis, factor, images)
    figures = {}
    if curves:
        title = f"Learning curves: {factor.label}"
        figures["curves"] = Figure(name=f"{anchor}-curves", title=title, spec=draw_curves(curves))
    if errors:
        title = f"Errors at score ≥ {errors.threshold:g}: {factor.label}"
        figures["errors"] = Figure(name=f"{anchor}-errors", title=title, spec=draw_errors(errors))
    return Section(
        anchor=anchor,
        label=factor.label,
        column=factor.label if factor.name else " × ".join(known.label for known in analysis.factors) or "setting",
        sentence=factor.choice.sentence if factor.choice else "",
        how_sure=factor.choice.how_sure if factor.choice else "",
        notes=factor.notes,
        table=gather_table(analysis, factor),
        curves=curves,
        errors=errors,
        gallery=gallery,
        figures=figures,
    )
