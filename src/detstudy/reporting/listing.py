"""Plain tables of the report: a caption, a header, rows of texts; both forms show them alike."""

from __future__ import annotations

from dataclasses import dataclass

from detstudy.reporting.curves import Curves
from detstudy.reporting.proposals import ProposalCells
from detstudy.reporting.tradeoffs import TradeOffs


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A table whose first column names its rows."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def list_convergence(curves: Curves | None) -> Listing | None:
    """Return whether each level had converged, or None where no run of it finished."""
    if curves is None or not curves.convergence:
        return None
    return Listing(
        caption="Still improving when the iterations ended?",
        header=("level", "verdict", "judged by", "points", "gain of half as many iterations again", "90 % interval"),
        rows=tuple(
            (
                row.label,
                f"{row.verdict} ({row.reason})" if row.reason else row.verdict,
                f"{row.by}, {row.seeds}" if row.seeds else row.by,
                row.points,
                row.gain,
                row.interval,
            )
            for row in curves.convergence
        ),
    )


def list_prices(trade_offs: TradeOffs | None) -> tuple[Listing, ...]:
    """Return what each further AP point costs along the front, a table a cost that has steps."""
    return tuple(
        Listing(
            caption=f"The price of a point: {panel.name}",
            header=("step", "gain in AP", "costs more", "a point costs (95 %)"),
            rows=tuple((step.step, step.gain, step.extra, step.price) for step in panel.steps),
        )
        for panel in (trade_offs.panels if trade_offs else ())
        if panel.steps
    )


def list_proposals(cells: ProposalCells | None) -> Listing | None:
    """Return a proposal factor's counts and recall by level, or None for other factors."""
    return cells and Listing(caption="Proposals, recall and cost by k", header=cells.header, rows=cells.rows)
