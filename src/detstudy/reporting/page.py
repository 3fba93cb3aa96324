"""The report as one record: everything that both its forms show, before either is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from detstudy.analysis import Analysis, FactorSummary
from detstudy.ledger import Ledger
from detstudy.plan import BASELINE
from detstudy.reporting.answer import Answer, gather_answer
from detstudy.reporting.curves import Curves, draw_curves, gather_curves, list_convergence
from detstudy.reporting.errors import Errors, draw_errors, gather_errors
from detstudy.reporting.forest import draw_forest, gather_forest
from detstudy.reporting.gallery import Gallery, gather_galleries
from detstudy.reporting.interaction import draw_interaction, gather_interactions
from detstudy.reporting.inventory import Inventory, gather_inventory
from detstudy.reporting.listing import Listing
from detstudy.reporting.proposals import draw_proposals, gather_proposals, list_proposals
from detstudy.reporting.standing import caption_level, is_crossed
from detstudy.reporting.table import FactorTable, gather_table
from detstudy.reporting.tradeoffs import TradeOffs, draw_trade_offs, gather_trade_offs, list_prices
from detstudy.wording.labels import label_factor
from detstudy.wording.say import say


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
    convergence: Listing | None
    proposals: Listing | None  # of a proposal factor
    errors: Errors | None
    kinds: tuple[str, ...]  # in which kinds of error the levels differ from the baseline, a sentence each
    gallery: Gallery | None
    figures: dict[str, Figure] = field(default_factory=dict)  # "curves", "errors", "proposals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report."""

    answer: Answer
    figures: dict[str, Figure]  # "forest", "costs"
    trade_offs: TradeOffs | None
    prices: tuple[Listing, ...]
    interactions: tuple[Figure, ...]  # of a grid, one a pair of factors, titled by what was found
    effects: tuple[str, ...]  # what the factors of a grid do, a sentence each
    sections: tuple[Section, ...]
    anchors: dict[str, str]  # where in the page each kind of evidence stands
    grid: bool  # whether the table of all settings shows a column a factor
    inventory: Inventory

    def list_figures(self) -> list[Figure]:
        """Return every figure, in the page's order."""
        of_sections = [figure for section in self.sections for figure in section.figures.values()]
        return [*self.figures.values(), *self.interactions, *of_sections]


def gather_page(ledger: Ledger, analysis: Analysis) -> Page:
    """Read and compute everything that a report shows; nothing is written."""
    inventory = gather_inventory(ledger, analysis)
    forest, trade_offs = draw_forest(gather_forest(analysis)), gather_trade_offs(analysis)
    figures = {}
    if forest:
        figures["forest"] = Figure(name="forest", title="Differences from the baseline", spec=forest)
    if trade_offs:
        figures["costs"] = Figure(name="costs", title="What a point of AP costs", spec=draw_trade_offs(trade_offs))
    plots = gather_interactions(analysis, analysis.factorial) if analysis.factorial else ()
    factors = list_sections(analysis)
    captions = [[(caption_level(analysis, factor, key), key) for _, key in factor.levels] for factor in factors]
    galleries = gather_galleries(ledger, analysis, captions)
    sections = tuple(
        gather_section(analysis, factor, f"factor-{number}", gallery)
        for number, (factor, gallery) in enumerate(zip(factors, galleries, strict=True), start=1)
    )
    return Page(
        answer=gather_answer(analysis),
        figures=figures,
        trade_offs=trade_offs,
        prices=list_prices(trade_offs) if trade_offs else (),
        interactions=tuple(
            Figure(name=f"interaction-{number}", title=plot.sentence, spec=draw_interaction(plot))
            for number, plot in enumerate(plots, start=1)
        ),
        effects=describe_effects(analysis),
        sections=sections,
        anchors=find_anchors(factors, sections),
        grid=is_crossed(analysis),
        inventory=inventory,
    )


def describe_effects(analysis: Analysis) -> tuple[str, ...]:
    """Return what a grid's analysis of variance found, a sentence an effect, or why it could not be made; its notes."""
    factorial = analysis.factorial
    if factorial is None:
        return ()
    found = [*map(say, factorial.effects)] or [say(factorial.reason)]
    return (*found, *map(say, factorial.notes))


def find_anchors(factors: list[FactorSummary], sections: tuple[Section, ...]) -> dict[str, str]:
    """Return the anchor of each piece of evidence that a conclusion may name."""
    named = {factor.name: section.anchor for factor, section in zip(factors, sections, strict=True) if factor.name}
    return {"settings": "overview", "costs": "costs", "interactions": "interactions", "runs": "inventory", **named}


def list_sections(analysis: Analysis) -> list[FactorSummary]:
    """Return the factors; for a grid one more with every combination, for a study without factors the baseline."""
    factors = list(analysis.factors)
    if not factors or is_crossed(analysis):
        levels = tuple((None, key) for key in analysis.settings)
        factors.append(FactorSummary(name="", levels=levels, choice=None, notes=()))
    return factors


def list_kinds(analysis: Analysis, factor: FactorSummary) -> tuple[str, ...]:
    """Return in which kinds of error each level differs from the baseline, as far as was judged."""
    objective = analysis.study.objective
    found = [(key, analysis.settings[key].contrasts.get(objective)) for _, key in factor.levels]
    return tuple(
        f"{caption_level(analysis, factor, key)}: {say(contrast.kinds)}"
        for key, contrast in found
        if contrast and contrast.kinds
    )


def gather_section(analysis: Analysis, factor: FactorSummary, anchor: str, gallery: Gallery | None) -> Section:
    """Return one factor's section with its figures drawn as specifications."""
    curves = gather_curves(analysis, factor)
    errors = gather_errors(analysis, factor)
    every = "all combinations" if is_crossed(analysis) else BASELINE
    label = label_factor(factor.name) if factor.name else every
    figures = {}
    if curves:
        title = f"Learning curves: {label}"
        figures["curves"] = Figure(name=f"{anchor}-curves", title=title, spec=draw_curves(curves))
    if errors:
        title = f"Errors at score ≥ {errors.threshold:g}, and the AP that they cost: {label}"
        figures["errors"] = Figure(name=f"{anchor}-errors", title=title, spec=draw_errors(errors))
    proposals = gather_proposals(analysis, factor)
    if proposals:
        title = f"What k does: {label}"
        figures["proposals"] = Figure(name=f"{anchor}-proposals", title=title, spec=draw_proposals(proposals))
    return Section(
        anchor=anchor,
        label=label,
        column=label if factor.name else " × ".join(label_factor(each.name) for each in analysis.factors) or "setting",
        sentence=say(factor.choice) if factor.choice else "",
        how_sure=say(factor.choice.certainty) if factor.choice else "",
        notes=tuple(map(say, factor.notes)),
        table=gather_table(analysis, factor),
        curves=curves,
        convergence=list_convergence(curves) if curves else None,
        proposals=list_proposals(analysis, factor),
        errors=errors,
        kinds=list_kinds(analysis, factor),
        gallery=gallery,
        figures=figures,
    )
