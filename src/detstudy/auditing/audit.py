"""A published table → findings, conclusions, and what to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detstudy.auditing.conclusion import draw_conclusions, find_limits, suggest_runs
from detstudy.auditing.finding import BeyondSeeds, Finding, OtherCost, ReadAgain, ToRun, TrainSeeds
from detstudy.auditing.labelling import find_disagreeing_labels, find_idle_times, find_one_setting_twice
from detstudy.auditing.plausibility import (
    find_cells_out_of_line,
    find_impossible_cells,
    find_mixed_fractions,
    find_swaps,
    find_unreadable_cells,
    find_unusual_bands,
)
from detstudy.auditing.published import PublishedTable, TableError, read_table
from detstudy.auditing.repetition import find_repeated_cells, find_repeated_rows, find_repeated_times


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a table supports. `findings` are worst first; `conclusions` may be empty."""

    source: str
    rows: int
    results: int  # rows that have a number
    measures: tuple[str, ...]
    findings: tuple[Finding, ...]
    conclusions: tuple[BeyondSeeds | OtherCost, ...]
    to_run: tuple[ReadAgain | TrainSeeds | ToRun, ...]


def audit_table(path: Path, seed_sd: float | None = None) -> Audit:
    """Read a published table and say what looks wrong, what can't and what can be concluded, and what to run.

    `seed_sd` is the standard deviation of AP over seeds where the user knows it. Raises TableError for a table that
    can't be read and for a `seed_sd` that is no number of AP.
    """
    if seed_sd is not None and not 0 < seed_sd <= 100:
        raise TableError(f"--seed-sd {seed_sd:g}: a number of AP above 0 and up to 100 is needed, as 0.4")
    table = read_table(Path(path))
    wrong = find_wrong(table)
    findings = [*wrong, *find_limits(table, seed_sd)]
    return Audit(
        source=table.source,
        rows=len(table.rows),
        results=sum(bool(row.values) for row in table.rows),
        measures=table.measures,
        findings=tuple(findings),
        conclusions=tuple(draw_conclusions(table, wrong, seed_sd)),
        to_run=tuple(suggest_runs(findings, seed_sd)),
    )


def find_wrong(table: PublishedTable) -> list[Finding]:
    """Return all that looks wrong, worst first, then what is unusual."""
    repeated, groups = find_repeated_rows(table)
    found = [
        *repeated,
        *find_impossible_cells(table),
        *find_mixed_fractions(table),
        *find_cells_out_of_line(groups),
        *find_repeated_times(table),
        *find_repeated_cells(table, groups),
        *find_disagreeing_labels(table),
        *find_one_setting_twice(table),
        *find_swaps(groups),
        *find_unreadable_cells(table),
        *find_idle_times(table),
        *find_unusual_bands(table),
    ]
    return sorted(found, key=lambda finding: finding.kind.weight != "looks wrong")
