"""A whole report, from the study's folder alone."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import Conclusion
from detstudy.reporting import write_report
from detstudy.reporting.html import render_html
from detstudy.reporting.markdown import escape_markdown, format_table, render_markdown
from detstudy.reporting.page import gather_page

HOSTILE = '<script>alert("x")</script>|`a`\n# [b](c)'


def find_fetched(html: str) -> list[str]:
    """Return what a browser would fetch: sources, links, imports, urls in style."""
    found = re.findall(r"""(?:src|href|srcset|action)\s*=\s*["']?([^"'\s>]+)""", html.split("<script>")[0])
    return [address for address in found if not address.startswith(("data:", "#"))]


def test_a_report_is_one_page_and_markdown_with_pictures(finished: Any) -> None:
    shutil.rmtree(finished.folder / "nowhere", ignore_errors=True)
    files = write_report(finished.folder, finished.analyse())
    assert files == [finished.folder / "report.html", finished.folder / "report.md"]
    html, markdown = (file.read_text() for file in files)
    assert find_fetched(html) == []
    assert "default-src 'none'" in html
    assert len(html) < 15_000_000
    order = ["Keep the baseline", "All settings", "Learning rate</h2>", "Batch size</h2>", "What was run where"]
    places = [html.index(text, html.index("<main>")) for text in order]
    assert places == sorted(places)
    assert html.count("vegaEmbed=") == 1
    assert len(re.findall(r"<script type=.application/json. data-chart", html)) == 6
    pictures = re.findall(r"\]\((report_files/[^)]+)\)", markdown)
    assert len(pictures) == 8
    assert all((finished.folder / picture).stat().st_size > 1000 for picture in pictures)
    assert "| 16 | out of memory at 11.2 GiB |" in markdown


@pytest.fixture
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detstudy.reporting.html.load_runtime", lambda: "")


def render(hand_made: Any, analysis: Any) -> tuple[str, str]:
    page = gather_page(hand_made.ledger, analysis)
    return render_html(page), render_markdown(page, {})


@pytest.mark.usefixtures("no_runtime")
def test_names_from_outside_are_shown_and_never_run(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(classes=("car", HOSTILE)))
    analysis = hand_made.analyse(learned=(Conclusion(HOSTILE, "settings"),), unknown=(Conclusion(HOSTILE, "settings"),))
    odd = dataclasses.replace(analysis.settings["learning_rate=0.04"], label=HOSTILE, reason=HOSTILE)
    analysis = dataclasses.replace(analysis, settings={**analysis.settings, odd.id: odd})
    html, markdown = render(hand_made, analysis)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "\\u003cscript\\u003ealert" in html  # in the charts' data
    assert "box&lt;1&gt;" in html
    body = markdown.split("The study file:")[0]
    assert "<script" not in body
    rows = [line for line in body.splitlines() if line.startswith("|") and "alert" in line]
    assert rows
    assert all("\\|" in line for line in rows)


@pytest.mark.usefixtures("no_runtime")
def test_nothing_finished_still_gives_a_report(hand_made: Any) -> None:
    hand_made.plan()
    html, markdown = render(hand_made, hand_made.analyse())
    for text in (html, markdown):
        assert "No answer yet: 0 of 4 runs finished" in text
        assert "planned" in text
    assert "data-chart=" not in html


@pytest.mark.usefixtures("no_runtime")
def test_a_study_without_factors_shows_its_baseline(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(factors="{}"))
    html, markdown = render(hand_made, hand_made.analyse())
    assert "The baseline alone reaches mask AP 40.0 ± 0.5" in html
    assert "## baseline" in markdown


@pytest.mark.usefixtures("no_runtime")
def test_a_grid_has_a_table_of_all_combinations(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(design="grid"))
    analysis = hand_made.analyse()
    html, markdown = render(hand_made, analysis)
    assert len(analysis.settings) == 4
    assert "All combinations</h2>" in html
    assert "| learning rate | batch size | box AP | mask AP |" in markdown
    assert "| 0.04 | 4 | 30.0 | 30.0 | −10.0 | −12.0 to −8.0 | worse |" in markdown


def test_markdown_shows_text_as_it_is() -> None:
    assert escape_markdown("a_b | <c> & *d*\n# e") == "a\\_b \\| &lt;c&gt; &amp; \\*d\\* \\# e"
    assert format_table(("a", "b"), [("1|2", None)]) == ["| a | b |", "| --- | --- |", "| 1\\|2 | None |"]


@pytest.mark.usefixtures("no_runtime")
def test_the_study_file_is_quoted_whole(hand_made: Any) -> None:
    hand_made.plan()
    study = dataclasses.replace(hand_made.analyse().study, source="study: x # ```` fence\n</code><b>\n")
    html, markdown = render(hand_made, hand_made.analyse(study=study))
    assert "`````yaml\nstudy: x # ```` fence\n</code><b>\n`````" in markdown
    assert "&lt;/code&gt;&lt;b&gt;" in html


def test_a_folder_without_a_study_is_refused(hand_made: Any, tmp_path: Path) -> None:
    hand_made.plan()
    analysis = hand_made.analyse()
    with pytest.raises(ValueError, match="missing or damaged"):
        write_report(tmp_path / "empty", analysis)


def test_a_name_that_no_encoding_can_write_is_shown_as_an_escape(finished: Any) -> None:
    finished.ledger.store_gallery([(1, "val/caf\udce9.png", 1.0, finished.ledger.read_gallery()[0].path.read_bytes())])
    write_report(finished.folder, finished.analyse())
    assert "val/caf\\udce9.png" in (finished.folder / "report.html").read_text(encoding="utf-8")
