"""Cells of a published table that no evaluation gives, or that do not go with those beside them."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from typing import Any

from detstudy.auditing.finding import Finding, Kind, find
from detstudy.auditing.published import SHORTS, PublishedTable, Row

_RECALLS = ("AR1", "AR10", "AR100")


def find_impossible_cells(table: PublishedTable) -> list[Finding]:
    """Return cells that no evaluation gives, rounding allowed for.

    AP is the mean over ten IoU thresholds (0.50 to 0.95) of a precision that falls as the threshold rises, so
    AP75 <= AP50, and (AP50 + 5 AP75) / 10 <= AP <= (AP50 + AP75) / 2. All are linear, and hold for means over seeds.
    """
    findings = []
    for row in table.rows:
        for name, value in row.values.items():
            if not 0 <= value <= 100:
                findings.append(find(Kind.OUTSIDE_SCALE, [row], [name], measure=name, text=row.cells[name].text))
        for kind in dict.fromkeys(name.rpartition("/")[0] for name in row.values):
            findings += _find_impossible_of_kind(row, f"{kind}/" if kind else "")
    return findings


def find_mixed_fractions(table: PublishedTable) -> list[Finding]:
    """Return rows that seem to be written as fractions where the others are in percent."""
    findings = []
    for row in table.rows:
        others = [other for other in table.rows if other is not row and max(other.values.values(), default=0) > 1]
        if not row.values or not others or not 0 < max(row.values.values()) <= 1:
            continue
        fits = []
        for name, value in row.values.items():
            known = [other.values[name] for other in others if name in other.values]
            fits.append(bool(known) and 0.75 * min(known) <= 100 * value <= 1.25 * max(known))
        if all(fits):
            findings.append(find(Kind.FRACTIONS, [row], tuple(row.values)))
    return findings


def find_cells_out_of_line(groups: Sequence[Sequence[Row]]) -> list[Finding]:
    """Return AP that do not go with the AP50 and AP75 of their row as in the rows beside it.

    Rows whose AP50 and AP75 lie within 15 % of the row's have about its ratio of AP to (AP50 + AP75) / 2. The ratio is
    held against theirs (at least three) by the t of a further draw, at 1 % over all rows, and must be off by 1 AP.
    """
    from scipy.special import stdtr

    findings = []
    kept = [group[0] for group in groups]
    for kind in ("box/", "mask/", ""):
        names = [f"{kind}{short}" for short in ("AP", "AP50", "AP75")]
        rows = [row for row in kept if set(names) <= row.values.keys() and min(row.values[name] for name in names) > 0]
        ratios = {row.line: 2 * row.values[names[0]] / (row.values[names[1]] + row.values[names[2]]) for row in rows}
        for row in rows:
            beside = [
                ratios[other.line]
                for other in rows
                if other is not row
                and all(abs(math.log(other.values[name] / row.values[name])) < 0.15 for name in names[1:])
            ]
            if len(beside) < 3:
                continue
            middle = statistics.fmean(beside)
            ap, ap50, ap75 = (row.values[name] for name in names)
            half = (ap50 + ap75) / 2
            rounding = row.cells[names[0]].step / half  # rows may agree better than their digits
            error = max(statistics.stdev(beside), rounding) * math.sqrt(1 + 1 / len(beside))
            chance = min(1.0, 2 * len(rows) * float(stdtr(len(beside) - 1, -abs(ratios[row.line] - middle) / error)))
            if chance < 0.01 and abs(ratios[row.line] - middle) * half > 1:
                three = {"ap": ap, "ap50": ap50, "ap75": ap75}
                expected = middle * half
                findings.append(
                    find(Kind.OUT_OF_LINE, [row], names[:1], chance, measure=names[0], expected=expected, **three)
                )
    return findings


def find_swaps(groups: Sequence[Sequence[Row]]) -> list[Finding]:
    """Return rows, and measures, in which box and mask seem to have changed places.

    A row: AP, AP50 and AP75 differ by 0.5 or more with the sign opposite to that of all others, two or more. A measure:
    in every row, three or more, one kind leads by 3 or more, with the sign opposite to all other measures in every row.
    """
    gaps = {
        row.line: {
            short: row.values[f"box/{short}"] - row.values[f"mask/{short}"]
            for short in SHORTS
            if {f"box/{short}", f"mask/{short}"} <= row.values.keys()
        }
        for row in (group[0] for group in groups)
    }
    rows = [group[0] for group in groups if {"AP", "AP50", "AP75"} <= gaps[group[0].line].keys()]
    findings = []
    signs = {row.line: _find_sign([gaps[row.line][short] for short in ("AP", "AP50", "AP75")], 0.5) for row in rows}
    for row in rows:
        others = {signs[other.line] for other in rows if other is not row}
        if len(rows) > 2 and others == {-signs[row.line]} and signs[row.line]:
            cells = tuple(f"{kind}/{short}" for short in gaps[row.line] for kind in ("box", "mask"))
            findings.append(find(Kind.ROW_SWAPPED, [row], cells))
    shorts = [short for short in SHORTS if len(rows) > 2 and all(short in gaps[row.line] for row in rows)]
    for short in shorts if len(shorts) >= 4 else []:
        own = _find_sign([gaps[row.line][short] for row in rows], 3.0)
        rest = {_find_sign([gaps[row.line][other] for row in rows], 0.0) for other in shorts if other != short}
        if own and rest == {-own}:
            low, high = sorted(abs(gaps[row.line][short]) for row in rows)[:: len(rows) - 1]
            leads, trails = ("box", "mask") if own > 0 else ("mask", "box")
            order: dict[str, Any] = {
                "leads": leads,
                "trails": trails,
                "low": low,
                "high": high,
                "others": len(shorts) - 1,
            }
            findings.append(find(Kind.COLUMNS_SWAPPED, rows, (f"box/{short}", f"mask/{short}"), measure=short, **order))
    return findings


def find_unusual_bands(table: PublishedTable) -> list[Finding]:
    """Return kinds whose APl is more than 5 under APm in every row, and AP that leave their size bands' range by 2."""
    findings = []
    for kind in ("box", "mask", ""):
        small, medium, large, total = (f"{kind}/{short}".lstrip("/") for short in ("APs", "APm", "APl", "AP"))
        rows = [row for row in table.rows if {medium, large} <= row.values.keys()]
        gaps = sorted(row.values[medium] - row.values[large] for row in rows)
        if len(rows) > 2 and gaps[0] > 5:
            ends = {"low": gaps[0], "high": gaps[-1]}
            findings.append(find(Kind.LARGE_UNDER_MEDIUM, rows, (medium, large), large=large, medium=medium, **ends))
        for row in table.rows:
            bands = [row.values[name] for name in (small, medium, large) if name in row.values]
            value = row.values.get(total)
            if value is None or len(bands) < 3 or min(bands) - 2 <= value <= max(bands) + 2:
                continue
            ends = {"low": min(bands), "high": max(bands)}
            findings.append(find(Kind.OUTSIDE_BANDS, [row], [total], measure=total, value=value, **ends))
    return findings


def find_unreadable_cells(table: PublishedTable) -> list[Finding]:
    """Return cells that have digits and yet no number; they are left out of all else."""
    findings = []
    for row in table.rows:
        cells = [name for name, cell in row.cells.items() if cell.value is None and _looks_numeric(cell.text)]
        if cells:
            texts = tuple((name, row.cells[name].text) for name in cells)
            findings.append(find(Kind.UNREADABLE, [row], cells, texts=texts))
    return findings


def _find_impossible_of_kind(row: Row, kind: str) -> list[Finding]:
    cells = {short: row.cells[f"{kind}{short}"] for short in (*SHORTS, *_RECALLS) if f"{kind}{short}" in row.values}
    values = {short: row.values[f"{kind}{short}"] for short in cells}
    findings = []
    for small, large in (("AP", "AP50"), ("AP75", "AP50"), ("AR1", "AR10"), ("AR10", "AR100")):
        if small in values and large in values:
            slack = (cells[small].step + cells[large].step) / 2 + 1e-9
            if values[small] > values[large] + slack:
                bound: dict[str, Any] = {"value": values[small], "bound": large, "most": values[large]}
                where = kind + small, kind + large
                findings.append(find(Kind.ABOVE_BOUND, [row], where, measure=kind + small, **bound))
    if findings or not {"AP", "AP50", "AP75"} <= values.keys():
        return findings
    low, high = (values["AP50"] + 5 * values["AP75"]) / 10, (values["AP50"] + values["AP75"]) / 2
    slack = max(cells[short].step for short in ("AP", "AP50", "AP75")) + 1e-9  # half of AP's, and of the bound's
    if not low - slack <= values["AP"] <= high + slack:
        bounds = {"ap": values["AP"], "ap50": values["AP50"], "ap75": values["AP75"], "low": low, "high": high}
        three = f"{kind}AP", f"{kind}AP50", f"{kind}AP75"
        findings.append(find(Kind.OUTSIDE_BOUNDS, [row], three, measure=f"{kind}AP", **bounds))
    return findings


def _find_sign(gaps: Sequence[float], least: float) -> int:
    """Return the sign that all gaps have, each at least so large; 0 where they have none in common."""
    if all(gap > 0 and gap >= least for gap in gaps):
        return 1
    return -1 if all(gap < 0 and -gap >= least for gap in gaps) else 0


def _looks_numeric(text: str) -> bool:
    """Whether a cell seems to be meant as a number, unlike "OOM at 16 GB"."""
    return bool(re.match(r"[-−+(~<>≈]?\s*\d", text))
