"""Rows, cells and times of a published table that repeat beyond chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from detstudy.auditing.coincidence import (
    add_poisson_tail,
    add_tail,
    find_step,
    list_shared,
    rate_columns,
    rate_times,
)
from detstudy.auditing.finding import Finding, Kind, find
from detstudy.auditing.labelling import are_one_setting, identify_settings
from detstudy.auditing.published import SHORTS, PublishedTable, Row

LEVEL = 0.001
"""Chance below which repeated cells are no accident, over all pairs of rows."""


def find_repeated_rows(table: PublishedTable) -> tuple[list[Finding], list[list[Row]]]:
    """Return rows that share more cells than chance gives (half of them at least), and the rows in groups of the same.

    Rows that say that they are one setting may share everything; a row alone is a group of one.
    """
    chances, settings = rate_columns(table), identify_settings(table)
    rows = [row for row in table.rows if row.values]
    pairs = [pair for pair in combinations(rows, 2) if not are_one_setting(pair, settings)]
    groups = [[row] for row in rows]
    worst: dict[int, float] = {}
    for a, b in pairs:
        shared, common = list_shared(a, b)
        if len(shared) < max(2, len(common) / 2):
            continue
        chance = min(1.0, len(pairs) * add_tail([chances[name] for name in common], len(shared)))
        if chance >= LEVEL:
            continue
        first, second = (next(group for group in groups if row in group) for row in (a, b))
        worst[id(first)] = max(chance, worst.get(id(first), 0), worst.get(id(second), 0))
        if first is not second:
            first += second
            groups.remove(second)
    findings = []
    for group in groups:
        if len(group) == 1:
            continue
        group.sort(key=lambda row: row.line)
        common = [name for name in table.measures if all(row.cells[name].value is not None for row in group)]
        shared = [name for name in common if len({row.cells[name].value for row in group}) == 1]
        differ = tuple((name, tuple(row.values[name] for row in group)) for name in common if name not in shared)
        chance = worst[id(group)]
        counts = {"shared": len(shared), "common": len(common), "times": _find_alike_times(group)}
        findings.append(find(Kind.ROWS_REPEAT, group, shared, chance, differ=differ, **counts))
    return findings, groups


def find_repeated_cells(table: PublishedTable, groups: Sequence[Sequence[Row]]) -> list[Finding]:
    """Return single cells that repeat beyond chance, between rows not repeated as a whole, and within a row."""
    chances = rate_columns(table)
    kept = [group[0] for group in groups]
    expected = 0.0
    seen: dict[tuple[str, float], list[Row]] = {}
    for name in table.measures:
        values: dict[float, list[Row]] = {}
        for row in kept:
            if row.cells[name].value is not None:
                values.setdefault(row.values[name], []).append(row)
        number = sum(map(len, values.values()))
        expected += chances[name] * math.comb(number, 2)
        seen |= {(name, value): rows for value, rows in values.items() if len(rows) > 1}
    pairs = sum(math.comb(len(rows), 2) for rows in seen.values())
    chance = add_poisson_tail(pairs, expected)
    findings = []
    if chance < LEVEL:
        repeats = tuple((name, value, tuple(row.label for row in rows)) for (name, value), rows in seen.items())
        rows = [row for row in kept if any(row in same_cell for same_cell in seen.values())]
        names = tuple(dict.fromkeys(name for name, _ in seen))
        findings.append(find(Kind.CELLS_REPEAT, rows, names, chance, pairs=pairs, expected=expected, repeats=repeats))
    for row in kept:
        both = [short for short in SHORTS if {f"box/{short}", f"mask/{short}"} <= row.values.keys()]
        same = [short for short in both if row.values[f"box/{short}"] == row.values[f"mask/{short}"]]
        if len(same) >= 3 and all(row.values[f"box/{short}"] for short in same):
            names = tuple(f"{kind}/{short}" for short in same for kind in ("box", "mask"))
            findings.append(find(Kind.BLOCK_COPIED, [row], names, same=len(same), measures=len(both)))
    return findings


def find_repeated_times(table: PublishedTable) -> list[Finding]:
    """Return times that several rows have to the last digit, where that is no accident."""
    rows = [row for row in table.rows if row.seconds is not None]
    times = [row.seconds for row in rows if row.seconds is not None]
    settings = identify_settings(table)
    step = find_step(times, max((row.seconds_step for row in rows), default=1.0))
    chance = rate_times(times, step)
    findings = []
    for time in dict.fromkeys(time for time in times if times.count(time) > 1 and chance < 0.02):
        same = [row for row in rows if row.seconds == time]
        if are_one_setting(same, settings):
            continue
        findings.append(find(Kind.TIMES_REPEAT, same, ["time"], chance, seconds=time))
    return findings


def _find_alike_times(rows: Sequence[Row]) -> tuple[float, ...]:
    """Return times that end alike, which whole seconds of four digits do once in a thousand; () where they don't."""
    times = {row.seconds for row in rows if row.seconds is not None and row.seconds_step == 1 and row.seconds >= 1000}
    if len(times) < 2 or len({time % 1000 for time in times}) > 1:
        return ()
    return tuple(sorted(times))
