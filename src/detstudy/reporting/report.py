"""A study's folder → report.html and report.md, from the ledger alone."""

from __future__ import annotations

from pathlib import Path

from detstudy.analysis import Analysis
from detstudy.ledger import Ledger
from detstudy.ledger.files import write_atomically
from detstudy.reporting.figure import draw_png
from detstudy.reporting.html import render_html
from detstudy.reporting.markdown import render_markdown
from detstudy.reporting.page import Page, gather_page
from detstudy.reporting.sheet import draw_sheet
from detstudy.wording.labels import labelled_by

PICTURES = "report_files"


def write_report(folder: Path, analysis: Analysis) -> list[Path]:
    """Write `report.html` (one self-contained file) and `report.md` with `report_files/` into a study's folder.

    Reads the folder only; the data set may be gone. Returns the two files. Raises StudyError where the folder holds no
    study.
    """
    with labelled_by(analysis.study.baseline):
        page = gather_page(Ledger(folder), analysis)
    html, markdown = folder / "report.html", folder / "report.md"
    # The name of a file may hold bytes that are no text, which UTF-8 can't write.
    write_atomically(html, render_html(page).encode(errors="backslashreplace"))
    pictures = draw_pictures(page, folder / PICTURES)
    write_atomically(markdown, render_markdown(page, pictures).encode(errors="backslashreplace"))
    return [html, markdown]


def draw_pictures(page: Page, folder: Path) -> dict[str, str]:
    """Draw figures and galleries as PNG, in place of an earlier report's; return their paths in the report by name."""
    import cv2

    if folder.is_symlink():
        folder.unlink()  # what it leads to is not the report's
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    drawn = []
    for figure in page.list_figures():
        draw_png(figure.spec, folder / f"{figure.name}.png")
        drawn.append(figure.name)
    for section in page.sections:
        if section.gallery:
            sheet = draw_sheet(section.gallery)
            name = f"{section.anchor}-gallery"
            (folder / f"{name}.png").write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
            drawn.append(name)
    return {name: f"{folder.name}/{name}.png" for name in drawn}
