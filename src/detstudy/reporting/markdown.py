"""The report as Markdown, for a repository or a code review; its pictures stand in files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from detstudy.errors import escape_unprintable
from detstudy.reporting.answer import Answer, Item
from detstudy.reporting.inventory import Inventory
from detstudy.reporting.listing import Listing
from detstudy.reporting.page import Page, Section
from detstudy.reporting.table import AP_NAMES, FactorTable

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")


def escape_markdown(text: object) -> str:
    """Return text that shows as it is: no markup, no HTML, on one line."""
    plain = escape_unprintable(" ".join(str(text).split()))
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(character, entity)
    return SPECIAL.sub(r"\\\1", plain)


def format_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table's lines; every cell is escaped."""
    first, *rest = ([escape_markdown(cell) for cell in row] for row in (header, *rows))
    return [f"| {' | '.join(cells)} |" for cells in (first, ["---"] * len(header), *rest)]


def render_markdown(page: Page, pictures: dict[str, str]) -> str:
    """Return the report; `pictures` gives the file of each figure and gallery that was drawn, by its name."""
    e = escape_markdown
    lines = write_answer(page.answer, page.grid)
    if "forest" in page.figures:
        lines += ["", show_picture(page.figures["forest"].title, pictures.get("forest"))]
    if page.answer.failures:
        lines += ["", "Failed beside others that finished:", "", *(f"- {e(text)}" for text in page.answer.failures)]
    if page.trade_offs:
        title = page.figures["costs"].title
        lines += ["", f"## {e(title)}", "", *(f"- {e(panel.sentence)}" for panel in page.trade_offs.panels)]
        lines += ["", show_picture(title, pictures.get("costs")), "", e(page.trade_offs.caption)]
        for table in page.prices:
            lines += write_listing(table)
    if page.effects:
        lines += ["", "## Do the factors depend on each other?", "", *(f"- {e(text)}" for text in page.effects)]
        for figure in page.interactions:
            lines += ["", show_picture(figure.title, pictures.get(figure.name))]
    for section in page.sections:
        lines += write_section(section, pictures)
    lines += write_inventory(page.inventory)
    return "\n".join(lines) + "\n"


def show_picture(title: str, path: str | None) -> str:
    """Return a picture's line, or nothing where it was not drawn."""
    return f"![{escape_markdown(title)}]({path})" if path else ""


def write_answer(answer: Answer, grid: bool) -> list[str]:
    """Return the answer and the table of all settings."""
    e = escape_markdown
    lines = [f"# {e(answer.study)}", "", f"**{e(answer.headline)}**"]
    for text in (answer.sentence, answer.how_sure):
        if text:
            lines += ["", e(text)]
    if answer.values:
        values = ", ".join(f"{e(v.label)} {e(v.value)}{' (changed)' if v.changed else ''}" for v in answer.values)
        lines += ["", f"The setting: {values}."]
    lines += ["", *(f"- {e(tile.label)}: **{e(tile.value)}** ({e(tile.detail)})" for tile in answer.tiles)]
    lines += ["", *(f"> **Note.** {e(text)}\n>" for text in answer.warnings)]
    parts = (("Learned", answer.learned), ("Not learned", answer.unknown), ("What to run next", answer.next))
    for title, found in parts:
        if found:
            lines += ["", f"## {title}", "", *(write_item(item) for item in found)]
    lines += ["", "## All settings", ""]
    names = answer.factor_labels if grid else ("setting",)
    header = (*names, "box AP", "mask AP", f"difference in {answer.objective}", "95 % interval", "verdict")
    header = (*header, "training time", "peak memory", "false positives an image", "false negatives an image", "seeds")
    rows = [
        (
            *(row.levels if grid else (f"{row.label}{' (take this)' if row.chosen else ''}",)),
            row.box_ap,
            row.mask_ap,
            row.difference,
            row.interval,
            row.absence or mark_verdict(row.verdict, row.exploratory),
            row.seconds,
            row.memory,
            row.false_positives,
            row.false_negatives,
            row.seeds,
        )
        for row in answer.rows
    ]
    lines += format_table(header, rows)
    caveats = [f"- {e(row.caveats)}" for row in answer.rows if row.caveats]
    return [*lines, "", "What goes with a verdict:", "", *caveats] if caveats else lines


def write_item(item: Item) -> str:
    """Return a conclusion as an item; its command stands as it is to be typed."""
    return f"- {escape_markdown(item.text)}" + (f" {quote_code(item.command)}" if item.command else "")


def quote_code(text: str) -> str:
    """Return text as code within a line, between more backticks than it holds."""
    plain = escape_unprintable(" ".join(text.splitlines()))
    fence = "`" * (1 + longest_backticks(plain))
    return f"{fence} {plain} {fence}" if "`" in plain else f"{fence}{plain}{fence}"


def longest_backticks(text: str) -> int:
    """Return how many backticks stand side by side at most."""
    return max(map(len, re.findall("`+", text)), default=0)


def mark_verdict(verdict: str, exploratory: str | None) -> str:
    """Return a verdict, told apart where it was not planned at the first run."""
    return f"{verdict} (exploratory: {exploratory})" if exploratory else verdict


def write_section(section: Section, pictures: dict[str, str]) -> list[str]:
    """Return one factor's section."""
    e = escape_markdown
    lines = ["", f"## {e(section.label)}"]
    for text in (section.sentence, section.how_sure):
        if text:
            lines += ["", e(text)]
    if section.notes:
        lines += ["", *(f"- {e(note)}" for note in section.notes)]
    lines += ["", *write_table(section.table)]
    for figure in section.figures.values():
        lines += ["", show_picture(figure.title, pictures.get(figure.name))]
    if section.kinds:
        lines += ["", *(f"- {e(text)}" for text in section.kinds)]
    for table in (section.convergence, section.proposals, *(section.errors.tables if section.errors else ())):
        lines += write_listing(table) if table else []
    name = f"{section.anchor}-gallery"
    if name in pictures:
        lines += ["", show_picture(f"Predictions on validation images: {section.label}", pictures[name])]
        lines += ["", "Red: false positives at IoU 0.5; dashed yellow: missed objects; grey: regions to ignore."]
    return lines


def write_listing(table: Listing) -> list[str]:
    """Return a plain table under its caption."""
    return ["", f"{escape_markdown(table.caption)}:", "", *format_table(table.header, table.rows)]


def write_table(table: FactorTable) -> list[str]:
    """Return a factor's table and its footnotes."""
    header = ("level", "", *AP_NAMES, "training time", "peak memory", "seeds", "difference", "95 % interval")
    rows: list[tuple[str, ...]] = []
    for level in table.levels:
        name = f"{level.level}{' ← take this' if level.chosen else ''}"
        if level.absence:
            rows.append((name, level.absence, *[""] * len(AP_NAMES), "", level.memory, level.seeds, "", "", ""))
        for row in level.rows:
            cells = [cell.text + cell.sd for cell in row.cells]
            costs = (level.seconds.text, level.memory, level.seeds)
            verdict = mark_verdict(row.verdict, row.exploratory)
            rows.append((name, row.kind, *cells, *costs, row.difference, row.interval, verdict))
    lines = format_table((*header, "verdict"), rows)
    return [*lines, "", *(f"- – {escape_markdown(note)}" for note in table.footnotes)]


def write_inventory(inventory: Inventory) -> list[str]:
    """Return what was run where, the data, and the study file."""
    e = escape_markdown
    header = ("run", "setting", "seed", "outcome", "reason", "tries", "time", "memory", "host", "device", "started")
    rows = [
        (r.id, r.setting, r.seed, r.outcome, reason, r.attempts, r.seconds, r.memory, r.host, r.device, r.started)
        for r in inventory.runs
        for reason in ("; ".join(filter(None, (r.reason, *r.earlier))),)
    ]
    lines = ["", "## What was run where", "", *format_table(header, rows), ""]
    lines += [f"- {e(text)} ({count} runs)" for text, count in inventory.software]
    lines += [f"- seeds {e(inventory.seeds)}; of the baseline {e(inventory.baseline_seeds)}"]
    lines += [f"- data {e(inventory.data_format)}, fingerprint {e(inventory.fingerprint)}, units: {e(inventory.units)}"]
    columns = ("split", "images", "sequences", *inventory.classes, "to ignore")
    splits = [(s.name, s.images, s.sequences, *s.objects, s.ignored) for s in inventory.splits]
    lines += ["", *format_table(columns, splits)]
    if inventory.effective:
        lines += ["", "What really happened:", ""]
        lines += format_table(("run", *inventory.effective_names), [(name, *v) for name, v in inventory.effective])
    fence = "`" * max(3, 1 + longest_backticks(inventory.source))
    return [*lines, "", "The study file:", "", f"{fence}yaml", escape_unprintable(inventory.source.rstrip("\n")), fence]
