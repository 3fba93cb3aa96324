"""A table of results as people publish it, read with all the usual ways to write one."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from detstudy.auditing.heading import Heading, find_levels, read_headings, read_level, split_groups
from detstudy.errors import InputError

_NONE = frozenset({"", "-", "–", "—", "−", "/", "x", "?", "n/a", "na", "nan", "none", "null", "tbd"})
MOST_DECIMALS = 12
MOST_ROWS = 400  # each is held against each
LONGEST_CELL = 1000  # characters; the time to read a number grows with their square

_NUMBER = r"[-−+]?(?:\d[\d.,']*|[.,]\d+)(?:e[-+]?\d+)?"
_CELL = re.compile(
    rf"(?P<value>{_NUMBER})\s*%?\s*"
    rf"(?:(?:±|\+/-|\+-|\\pm)\s*(?P<spread>{_NUMBER})|\(\s*(?:±|\+/-)?\s*(?P<bracket>\d[\d.,]*)\s*\)|\([-+−][^)]*\))?\s*%?"
)
_LARGEST = 20_000_000  # bytes

SHORTS = ("AP", "AP50", "AP75", "APs", "APm", "APl")


class TableError(InputError):
    """A table that can't be audited; the message says what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A measure as printed. AP in 0 to 100; `step` is the smallest difference that its decimals can show."""

    text: str
    value: float | None  # None: no number stands there
    spread: float | None = None  # standard deviation over seeds, where told
    step: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A level that a column, or a label, says that a row has."""

    factor: str
    level: float | str
    text: str  # as it stands there
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a published table. `line` counts from 1 in the file."""

    line: int
    label: str
    names: tuple[str, ...]  # labels that name no level: "baseline", "Mask R-CNN"
    claims: tuple[Claim, ...]
    cells: dict[str, Cell]  # by measure
    seconds: float | None
    seconds_step: float
    budget: dict[str, float]  # iterations, epochs, images
    seed: str | None  # which seed this row is of
    seeds: int | None  # how many seeds it is the mean of

    @property
    def levels(self) -> dict[str, float | str]:
        """What the row says of its setting; where columns disagree, what the first one says."""
        return {claim.factor: claim.level for claim in reversed(self.claims)}

    @property
    def values(self) -> dict[str, float]:
        """The measures that have a number."""
        return {name: cell.value for name, cell in self.cells.items() if cell.value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """Rows by the file's order. `measures` are names as `box/AP`, or `AP` where the table tells no kind."""

    source: str
    measures: tuple[str, ...]
    rows: tuple[Row, ...]
    fractions: bool  # the file had 0 to 1, the cells here are times 100


def read_table(path: Path) -> PublishedTable:
    """Read a table of settings and measures: comma, semicolon or tab separated, or Markdown.

    Headings are recognised under their usual names (see `heading`); a heading may list several measures, its cells then
    as many numbers. Decimal commas, percent signs, ± spreads, times as seconds, minutes, hours or h:mm:ss are read.
    What is no number is a missing result. A table in which all values are at most 1 has fractions. A table with its
    measures in the first column is turned.

    Raises TableError for a file that can't be read, has no column of a known measure, no row with a number, two
    columns of one measure, or rows longer than the headings.
    """
    lines, grid = _split_cells(path, _decode(path))
    if len(grid) > MOST_ROWS:
        raise TableError(f"{path}: {len(grid):,} rows; a published table has up to {MOST_ROWS}: give the part to audit")
    if len(grid) < 2:
        raise TableError(f"{path}: has no rows; a line of headings and at least one row of numbers are needed")
    headings, rows = _expand_groups(path, lines, grid)
    if not _has_measures(headings) and len(rows) > 1:
        turned = [list(column) for column in zip(*[[heading.text for heading in headings], *rows], strict=True)]
        turned_headings = read_headings(["setting", *turned[0][1:]])
        if _has_measures(turned_headings):
            headings, rows, lines = turned_headings, turned[1:], [lines[0]] * len(turned)
    measures = [heading.name for heading in headings if heading.role == "measure"]
    if not measures:
        found = ", ".join(heading.text for heading in headings)
        raise TableError(
            f"{path}: no column of a known measure among {found}; name some as box AP, AP50, AP75, APs, APm, APl"
        )
    for name in measures:
        if measures.count(name) > 1:
            raise TableError(f"{path}: two columns are {name}; put box or mask before each measure's name")
    comma = _has_decimal_comma(rows, headings)
    read = [_read_row(lines[n + 1], cells, headings, comma) for n, cells in enumerate(rows)]
    known = [value for row in read for value in row.values.values()]
    if not known:
        raise TableError(f"{path}: no measure has a number in any row; give a table with results")
    fractions = max(known) <= 1 and any(0 < value < 1 for value in known)
    return PublishedTable(
        source=str(path),
        measures=tuple(measures),
        rows=tuple(_scale_row(row) for row in read) if fractions else tuple(read),
        fractions=fractions,
    )


def _has_measures(headings: list[Heading]) -> bool:
    return any(heading.role == "measure" for heading in headings)


def _decode(path: Path) -> str:
    data = path.read_bytes()
    if len(data) > _LARGEST:
        raise TableError(f"{path}: {len(data):,} bytes; a table of results has less than {_LARGEST:,}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]  # the second is what spreadsheets save where a cell has ±
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError(f"{path}: not a text file; save the table as CSV in UTF-8")


def _split_cells(path: Path, text: str) -> tuple[list[int], list[list[str]]]:
    """Return the line number and the cells of each row that is not empty, all rows as long as the first."""
    lines = text.splitlines()
    piped = [n for n, line in enumerate(lines) if line.strip().startswith("|")]
    if len(piped) >= 2:
        numbered = [(n + 1, re.split(r"(?<!\\)\|", lines[n].strip().strip("|"))) for n in piped]
        numbered = [(n, cells) for n, cells in numbered if not all(re.fullmatch(r"[\s:-]*", cell) for cell in cells)]
    else:
        numbered = _split_delimited(text)
    numbered = [(n, [cell.strip() for cell in cells]) for n, cells in numbered]
    numbered = [(n, cells) for n, cells in numbered if any(cells)]
    if not numbered:
        raise TableError(f"{path}: is empty; a line of headings and at least one row of numbers are needed")
    width = len(numbered[0][1])
    for n, cells in numbered:
        longest = max(map(len, cells))
        if longest > LONGEST_CELL:
            raise TableError(f"{path}:{n}: a cell has {longest:,} characters; at most {LONGEST_CELL:,} are read")
        if len([*_drop_empty_end(cells)]) > width:
            raise TableError(
                f"{path}:{n}: {len(cells)} cells under {width} headings; quote cells that have the separator in them "
                "(decimal commas need semicolons or tabs between the cells)"
            )
    return [n for n, _ in numbered], [(cells + [""] * width)[:width] for _, cells in numbered]


def _drop_empty_end(cells: list[str]) -> list[str]:
    return cells[: max((n + 1 for n, cell in enumerate(cells) if cell), default=0)]


def _split_delimited(text: str) -> list[tuple[int, list[str]]]:
    """Split by the separator with which the rows are of one length; else by the one that gives most headings."""
    candidates = []
    for rank, delimiter in enumerate(("\t", ";", ",")):
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        try:
            rows = [(reader.line_num, cells) for cells in reader]
        except csv.Error:
            continue
        filled = [cells for _, cells in rows if any(cell.strip() for cell in cells)]
        width = len(filled[0]) if filled else 0
        candidates.append(((width > 1 and all(len(cells) == width for cells in filled), width > 1, -rank), rows))
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else []


def _expand_groups(path: Path, lines: list[int], grid: list[list[str]]) -> tuple[list[Heading], list[list[str]]]:
    """Split columns that hold several measures, and return the headings with the rows under them."""
    groups = split_groups(grid[0])
    rows = []
    for line, cells in zip(lines[1:], grid[1:], strict=True):
        row: list[str] = []
        for group, cell in zip(groups, cells, strict=True):
            parts = cell.split() if len(group) > 1 else [cell]
            if len(group) > 1 and not any(character.isdigit() for character in cell):
                parts = [cell] * len(group)  # "no result"
            if len(parts) != len(group):
                raise TableError(f"{path}:{line}: {cell!r} has {len(parts)} numbers under {len(group)} measures")
            row += parts
        rows.append(row)
    return read_headings([text for group in groups for text in group]), rows


def _has_decimal_comma(rows: list[list[str]], headings: list[Heading]) -> bool:
    """Whether a measure is written as 39,3."""
    return any(
        re.match(r"\d{1,3},\d", _clean(cell))
        for row in rows
        for cell, heading in zip(row, headings, strict=True)
        if heading.role in ("measure", "spread")
    )


def _read_row(line: int, texts: list[str], headings: list[Heading], comma: bool) -> Row:
    cells: dict[str, Cell] = {}
    spreads: dict[str, float] = {}
    claims: list[Claim] = []
    labels: list[str] = []
    names: list[str] = []
    budget: dict[str, float] = {}
    seconds, step, seed, seeds = None, 1.0, None, None
    for text, heading in zip(texts, headings, strict=True):
        if heading.role == "measure":
            cells[heading.name] = _read_cell(text, comma)
        elif heading.role == "spread":
            spread = _read_cell(text, comma).value
            if spread is not None:
                spreads[heading.name] = spread
        elif heading.role == "time":
            seconds, step = _read_time(text, heading.unit, comma)
        elif heading.role == "budget":
            level = read_level(text)
            if isinstance(level, float):
                budget[heading.name] = level
        elif heading.role == "seed":
            seed = text or None
        elif heading.role == "seeds":
            seeds = _count_seeds(text)
        elif heading.role == "label":
            labels.append(_clean(text))
            levels = find_levels(text)
            names += [] if levels or text.lower() in _NONE else [_clean(text)]
            claims += [
                Claim(factor=factor, level=level, text=text, column=heading.text) for factor, level in levels.items()
            ]
        elif heading.role == "factor" and text.strip().lower() not in _NONE:
            claims.append(Claim(factor=heading.name, level=read_level(text), text=text, column=heading.text))
    cells = {
        name: replace(cell, spread=spreads.get(name)) if cell.spread is None else cell for name, cell in cells.items()
    }
    named = next(filter(None, labels), "")
    levels_told = ", ".join(f"{claim.column} {claim.text}" for claim in claims)
    return Row(
        line=line,
        label=named or levels_told or f"line {line}",
        names=tuple(names),
        claims=tuple(claims),
        cells=cells,
        seconds=seconds if seconds and 0 < seconds < math.inf else None,
        seconds_step=step,
        budget=budget,
        seed=seed,
        seeds=seeds,
    )


def _count_seeds(text: str) -> int | None:
    """Return how many seeds a cell says: "3", or "0, 1, 2"."""
    listed = re.findall(r"\d+", text)
    if len(listed) > 1:
        return len(listed)
    return int(listed[0][:6]) if listed else None


def _clean(text: str) -> str:
    """Return a cell without the marks of bold type, footnotes and cell colours."""
    text = re.sub(r"\\(?:textbf|underline|mathbf|textit)\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\*+|__|`|[†‡§$]|<[^>]*>", "", text).strip()


def _read_cell(text: str, comma: bool) -> Cell:
    plain = _clean(text).replace("\u00a0", " ")
    found = _CELL.fullmatch(plain.lower())
    value = _read_number(found["value"], comma) if found else None
    if found is None or value is None:
        return Cell(text=plain, value=None)
    spread = found["spread"] or found["bracket"]
    return Cell(
        text=plain,
        value=value,
        spread=_read_number(spread, comma) if spread else None,
        step=10.0 ** -_count_decimals(found["value"], comma),
    )


def _read_number(text: str, comma: bool) -> float | None:
    """Return a finite number; None for what is none, as 1.2.3."""
    plain = text.replace("−", "-").replace("'", "")
    plain = re.sub(r"\.(?=\d{3}(\D|$))", "", plain).replace(",", ".") if comma and "," in plain else plain
    plain = re.sub(r",(?=\d{3}(\D|$))", "", plain)
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _count_decimals(text: str, comma: bool) -> int:
    """Return the decimals of a number, at most MOST_DECIMALS either way: beyond them no table means its digits."""
    mark = "," if comma and "," in text else "."
    mantissa, _, exponent = text.partition("e")
    decimals = len(mantissa.partition(mark)[2]) - int((exponent or "0")[:4])
    return max(-MOST_DECIMALS, min(MOST_DECIMALS, decimals))


def _read_time(text: str, unit: float, comma: bool) -> tuple[float | None, float]:
    """Return seconds and the smallest difference that the text can show."""
    plain = _clean(text).lower().replace("\u00a0", " ").lstrip("~≈")
    clock = re.fullmatch(r"(?:(\d{1,6})\s*d(?:ays?)?,?\s*)?(\d{1,6}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*h?", plain)
    if clock:
        days, first, second = int(clock[1] or 0), int(clock[2]), int(clock[3])
        if clock[4] is None:  # 1:56 is hours and minutes under a heading of hours, else minutes and seconds
            scale = 60 if unit >= 3600 or plain.endswith("h") else 1
            return float(days * 86400 + (first * 60 + second) * scale), float(scale)
        return float(days * 86400 + first * 3600 + second * 60 + int(clock[4])), 1.0
    number = rf"({_NUMBER})"
    total, step = 0.0, 1.0
    units = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
    parts = re.findall(rf"{number}\s*(d|h|m|s)[a-z]*", plain)
    if parts and re.fullmatch(rf"(?:{_NUMBER}\s*(?:d|h|m|s)[a-z]*\.?[\s,]*)+", plain):
        for digits, name in parts:
            value = _read_number(digits, comma)
            if value is None:
                return None, 1.0
            total += value * units[name]
            step = units[name] * 10.0 ** -_count_decimals(digits, comma)
        return total, step
    if not re.fullmatch(_NUMBER, plain):
        return None, 1.0
    value = _read_number(plain, comma)
    return (None, 1.0) if value is None else (value * unit, unit * 10.0 ** -_count_decimals(plain, comma))


def _scale_row(row: Row) -> Row:
    cells = {
        name: replace(
            cell,
            value=None if cell.value is None else round(cell.value * 100, 9),
            spread=None if cell.spread is None else cell.spread * 100,
            step=cell.step * 100,
        )
        for name, cell in row.cells.items()
    }
    return replace(row, cells=cells)
