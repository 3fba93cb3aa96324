"""The answer in the terminal: every setting in one table, then which to take."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detstudy.analysis.records import Analysis
from detstudy.plan import BASELINE
from detstudy.reporting.answer import Answer, gather_answer

STYLES = {
    "better": "bold green",
    "worse": "red",
    "no difference that matters": "blue",
    "cannot tell": "yellow",
    "no result": "bold red",
}


def format_answer(analysis: Analysis) -> Table:
    """Return every setting with its result, difference from the baseline, verdict and costs."""
    return tabulate_answer(gather_answer(analysis))


def tabulate_answer(answer: Answer) -> Table:
    """Return the answer's rows as a table for the terminal."""
    table = Table(title=Text(answer.study), title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("setting", overflow="fold", min_width=12)
    for name in ("box AP", "mask AP", f"difference in {answer.objective}"):
        table.add_column(name, justify="right", max_width=22)
    table.add_column("verdict", max_width=16)
    for name in ("time", "memory", "false pos./image"):
        table.add_column(name, justify="right", max_width=10)
    for row in answer.rows:
        difference = f"{row.difference} ({row.interval})" if row.interval else row.difference
        verdict = Text(row.absence or row.verdict, style=STYLES.get(row.verdict, "dim"))
        label = Text(f"→ {row.label}" if row.chosen else row.label, style="bold" if row.chosen else "")
        texts = (row.box_ap, row.mask_ap, "" if row.setting_id == BASELINE else difference)
        costs = (row.seconds, row.memory, row.false_positives)
        table.add_row(label, *map(Text, texts), verdict, *map(Text, costs))
    return table


def print_answer(analysis: Analysis, console: Console) -> None:
    """Print the table of all settings, then the answer with its warnings."""
    answer = gather_answer(analysis)
    console.print(tabulate_answer(answer))
    console.print(Text(answer.headline, style="bold"))
    for text in (answer.sentence, answer.how_sure):
        if text:
            console.print(Text(text))
    for text in answer.warnings:
        console.print(Text(f"! {text}", style="yellow"))
