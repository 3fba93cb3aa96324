"""What the verbs print on a terminal: a study's answer, its runs, the measures of a result file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detstudy.analysis import Analysis, Contrast
from detstudy.analysis.evidence.confounding import find_accumulation
from detstudy.auditing import Audit
from detstudy.data import CheckResult
from detstudy.evaluation import Summary
from detstudy.ledger import RunRecord
from detstudy.numbers import format_ap, format_size, format_time
from detstudy.plan import BASELINE
from detstudy.reporting.answer import Answer, gather_answer
from detstudy.reporting.inventory import list_earlier
from detstudy.wording import say
from detstudy.wording.contrast import describe_contrast
from detstudy.wording.labels import label_outcome, labelled_by

STYLES = {
    "better": "bold green",
    "worse": "red",
    "no difference that matters": "blue",
    "cannot tell": "yellow",
    "no result": "bold red",
}


def tabulate_answer(answer: Answer) -> Table:
    """Return every setting with its result, difference from the baseline, verdict and costs."""
    table = Table(title=Text(answer.study), title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("setting", overflow="fold", min_width=12)
    for name in ("box AP", "mask AP", f"difference in {answer.objective}"):
        table.add_column(name, justify="right", max_width=22)
    table.add_column("verdict", max_width=16)
    for name in ("time", "memory", "false pos./image"):
        table.add_column(name, justify="right", max_width=11)
    for row in answer.rows:
        difference = f"{row.difference} ({row.interval})" if row.interval else row.difference
        verdict = Text(row.absence or row.verdict, style=STYLES.get(row.verdict, "dim"))
        if row.exploratory:
            verdict.append(" (exploratory)", style="dim")
        label = Text(f"→ {row.label}" if row.chosen else row.label, style="bold" if row.chosen else "")
        texts = (row.box_ap, row.mask_ap, "" if row.setting_id == BASELINE else difference)
        costs = (row.seconds, row.memory, row.false_positives)
        table.add_row(label, *map(Text, texts), verdict, *map(Text, costs))
    return table


def print_answer(analysis: Analysis, console: Console) -> None:
    """Print the table of all settings, then the answer with its warnings."""
    with labelled_by(analysis.study.baseline):
        answer = gather_answer(analysis)
    console.print(tabulate_answer(answer))
    console.print(Text(answer.headline, style="bold"))
    for text in (answer.sentence, answer.how_sure):
        if text:
            console.print(Text(text))
    for title, found in (("Learned", answer.learned), ("Not learned", answer.unknown), ("Next", answer.next)):
        if found:
            console.print(Text(title, style="bold"))
        for item in found:
            console.print(Text(f"- {item.text}{f' {item.command}' if item.command else ''}"))
    for text in answer.warnings:
        console.print(Text(f"! {text}", style="yellow"))


def print_runs(records: Sequence[RunRecord], console: Console) -> None:
    """Print one row a run: its setting and its batches in parts, seed, state, outcome, AP, failed attempts."""
    table = Table("setting", "seed", "state", "outcome", "box AP", "mask AP", "reason")
    table.columns[0].overflow = "fold"
    for record in records:
        outcome = label_outcome(record.outcome or "")
        if record.again and record.outcome != "interrupted":
            outcome += ", to be tried again"
        measures = [record.measures.get(name) for name in ("box/AP", "mask/AP")]
        values = [format_ap(measure.value if measure else None) for measure in measures]
        accumulation, said = find_accumulation([record]), say(record.reason or "")
        reason = "; ".join(filter(None, (said, *list_earlier(record))))
        setting = f"{record.setting_id} ({say(accumulation)})" if accumulation else record.setting_id
        cells = (setting, str(record.seed), record.state, outcome, *values, reason)
        table.add_row(*map(Text, cells))
    console.print(table)


def print_forecast(forecast: Mapping[str, Any], console: Console) -> None:
    """Print what a study will take and what it can tell, from the plain values that `--json` gives."""
    table = Table("setting", "seed", "training", "in all", "memory", "")
    table.columns[0].overflow = "fold"
    for run in forecast["runs"]:
        setting_id, seed = run["runs"][0]
        memory = run["peak_memory_bytes"]
        cells = [
            setting_id,
            str(seed),
            _say_range(run["training_seconds"], format_time) if run["fits"] else "",
            _say_range(run["seconds"], format_time),
            _say_range(memory, format_size) if memory and run["fits"] else "",
            run["accumulation"] or (run["reason"] and f"does not fit: {run['reason']}") or "",
        ]
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    workers, total = forecast["workers"], _say_range(forecast["total_seconds"], format_time)
    ended = f"; {forecast['ended']} have ended" if forecast["ended"] else ""
    at_once = f"{workers} at a time" if workers > 1 else "one after the other"
    console.print(Text(f"{len(forecast['runs'])} trainings, {at_once}: {total}{ended}", style="bold"))
    if forecast["peak_memory_bytes"]:
        console.print(Text(f"peak memory of a run: {_say_range(forecast['peak_memory_bytes'], format_size)}"))
    console.print(Text(f"measured in {format_time(forecast['probe_seconds'])}, nothing else was spent"))
    console.print(Text("What it will be able to tell", style="bold"))
    for foresight in forecast["detectable"].values():
        console.print(Text(f"- {foresight['sentence']}"))
    for source in dict.fromkeys(foresight["source"] for foresight in forecast["detectable"].values()):
        console.print(Text(f"  ({source})"))
    for suggestion in forecast["suggestions"]:
        console.print(Text(suggestion["sentence"], style="bold"))
        if suggestion["set"]:
            console.print(Text("  " + " ".join(f"--set {shlex.quote(each)}" for each in suggestion["set"])))
    for note in forecast["notes"]:
        console.print(Text(f"note: {note}"))


def print_check(result: CheckResult, console: Console) -> None:
    """Print what a check of a data set found: what is usable of each split, every fault, and how many."""
    for name, counts in result.splits.items():
        objects = ", ".join(f"{count} {label}" for label, count in counts.objects.items())
        console.print(
            Text(f"{name}: {counts.images} images, {objects or 'no objects'}, {counts.ignore} ignore regions")
        )
    for fault in result.faults:
        console.print(Text(f"{'fault' if fault.fatal else 'warning'}: {fault.where}: {fault.message}"))
    fatal = sum(fault.fatal for fault in result.faults)
    console.print(f"faults: {fatal}, warnings: {len(result.faults) - fatal}")


def print_measures(summary: Summary, console: Console) -> None:
    """Print one row a measure: all classes together, then each class; below it why a measure is undefined."""
    table = Table("measure")
    for name in ("all classes", *summary.per_class):
        table.add_column(Text(name), justify="right")
    for name, value in summary.measures.items():
        values = (value, *(measures.get(name) for measures in summary.per_class.values()))
        table.add_row(name, *(format_ap(each) for each in values))
    console.print(table)
    for name, reason in summary.undefined.items():
        console.print(Text(f"{name} is undefined: {reason}"))


def print_comparison(opening: str, contrasts: Mapping[str, Contrast], console: Console) -> None:
    """Print a comparison in plain words, then a line for each measure, then what must be known with them."""
    console.print(Text(opening, style="bold"))
    for contrast in contrasts.values():
        console.print(Text(describe_contrast(contrast)))
    for fact in (fact for contrast in contrasts.values() for fact in (contrast.kinds, contrast.remedy) if fact):
        console.print(Text(say(fact)))
    for caveat in dict.fromkeys(say(fact) for contrast in contrasts.values() for fact in contrast.caveats):
        console.print(Text(f"but: {caveat}"))
    for note in dict.fromkeys(say(fact) for contrast in contrasts.values() for fact in contrast.notes):
        console.print(Text(f"note: {note}"))


def print_audit(audit: Audit, console: Console) -> None:
    """Print what an audit found, worst first, then what can be concluded and what to run."""
    titles = {"looks wrong": "Looks wrong", "unusual": "Unusual", "cannot be concluded": "Can't be concluded"}
    styles = {"looks wrong": "bold red", "unusual": "yellow", "cannot be concluded": "bold"}
    console.print(Text(f"{audit.source}: {audit.rows} rows, {audit.results} with a result"))
    for weight, title in titles.items():
        found = [finding for finding in audit.findings if finding.kind.weight == weight]
        if found:
            console.print(Text(title, style=styles[weight]))
        for finding in found:
            noun = "line" if len(finding.lines) == 1 else "lines"
            where = f" ({noun} {', '.join(map(str, finding.lines))} of the file)" if finding.lines else ""
            console.print(Text(f"- {say(finding)}{where}"))
    console.print(Text("Can be concluded", style="bold"))
    for sentence in map(say, audit.conclusions or ("Nothing, by this table alone.",)):
        console.print(Text(f"- {sentence}"))
    console.print(Text("Next", style="bold"))
    for step in audit.to_run:
        console.print(Text(f"- {say(step)}"))


def _say_range(numbers: Mapping[str, float], say: Callable[[float], str]) -> str:
    """Return "7 min (6 min to 9 min)"; the number alone where all three read the same."""
    low, expected, high = (say(numbers[name]) for name in ("low", "expected", "high"))
    return expected if low == high else f"{expected} ({low} to {high})"
