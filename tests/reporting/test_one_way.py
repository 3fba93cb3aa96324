"""A study's page, Markdown and terminal say each time and size one way."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from detstudy.analysis import analyse_study
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.reporting.html import render_html
from detstudy.reporting.markdown import render_markdown
from detstudy.reporting.page import gather_page
from detstudy.reporting.progress import describe_end
from detstudy.reporting.terminal import print_answer, print_runs

TIME = re.compile(r"(?:\d[\d,.]* (?:d|h|min|s|ms)\b ?)+")


def test_one_time_is_said_one_way_wherever_it_stands(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.9, seconds=3.36) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.3, seconds=112.3)
    folder = write_ledger(runs, factors={"learning_rate": [0.04]})
    analysis, ledger = analyse_study(folder), Ledger(folder)
    page, records = gather_page(ledger, analysis), ledger.read_runs(plan_study(ledger.load_study()))
    shown = io.StringIO()
    terminal = Console(file=shown, width=400)
    print_answer(analysis, terminal)
    print_runs(records, terminal)
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", render_html(page))
    texts = [html, render_markdown(page, {}), shown.getvalue(), *map(describe_end, records)]
    said = {match.group().strip() for text in texts for match in TIME.finditer(text)}
    assert {"3.4 s", "1 min 52 s"} <= said
    others = {"1 min 49 s", "1 min 56 s"}  # what the dearer setting takes more, and two seeds more
    assert said <= {"3.4 s", "1 min 52 s", *others}
