"""A study whose every name is an attack: its pages show the names and act on none, on a terminal or in a browser."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detstudy.analysis import analyse_study
from detstudy.console import PlainConsole
from detstudy.execution import list_tasks
from detstudy.execution.events import Started
from detstudy.ledger import Ledger
from detstudy.ledger.codec import read_record, write_record
from detstudy.plan import plan_study
from detstudy.reporting import print_answer, print_runs, write_report
from detstudy.reporting.html import render_html
from detstudy.reporting.markdown import quote_code, render_markdown
from detstudy.reporting.page import Page, gather_page
from detstudy.reporting.progress import TerminalProgress
from detstudy.testing import run_here

SCRIPT = '<script>document.title="owned"</script>'
PRINTABLE = (
    SCRIPT,
    '"><img src=x onerror="document.title=\'owned\'">',
    "</script><b>",
    "javascript:alert(1)",
    "{{7*7}}",
    "a|b`c``d",
    "[x](javascript:alert(1))",
    "[red]x[/red] [link=http://x]y[/link] [/] :smile:",
    "__proto__",
    "x" * 300,
)
UNPRINTABLE = ("\x1b[2J\x1b]0;owned\x07", "\u202edesrever", "nul\x00\ufffe", "two\n\n# lines")
HOSTILE = (*PRINTABLE, *UNPRINTABLE)
ACTED_ON = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
STUDY = """\
study: tiny # %s
data:
  format: coco
  root: %s
  sequence_field: sequence
  train: {annotations: train.json, images: train}
  validation: {annotations: validation.json, images: validation}
model: {name: compact, image_min_size: null}
trainer: {python: "detstudy.testing:FakeTrainer"}
baseline: {learning_rate: 0.004, batch_size: 4, iterations: 10}
factors: {weights: %s}
seeds: [0]
monitoring: {log_every: 5}
"""


def draw_data(folder: Path, names: list[str]) -> None:
    """Write two splits of three images each, with an object of every class in each."""
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    for first, split in ((1, "train"), (11, "validation")):
        (folder / split).mkdir(parents=True)
        images: list[dict[str, Any]] = []
        objects: list[dict[str, Any]] = []
        for number, name in zip(range(first, first + 3), names, strict=False):
            file = f"{name.replace('/', '-')}{number}.png"
            image = cv2.imencode(".png", np.full((48, 160, 3), number, np.uint8))[1]
            (folder / split / file).write_bytes(image.tobytes())
            images.append({"id": number, "file_name": file, "width": 160, "height": 48, "sequence": f"{name}{number}"})
            for category in range(1, len(names) + 1):
                x = 12 * category
                polygon = [x, 10, x + 9, 10, x + 9, 30, x, 30]
                row = {"id": len(objects) + 1, "image_id": number, "category_id": category, "iscrowd": 0}
                objects.append({**row, "bbox": [x, 10, 9, 20], "area": 180, "segmentation": [polygon]})
        document = {"images": images, "annotations": objects, "categories": categories}
        (folder / f"{split}.json").write_text(json.dumps(document))


def make_study(folder: Path, names: list[str], levels: list[str], comment: str) -> Path:
    draw_data(folder, names)
    path = folder / "study.yaml"
    path.write_text(STUDY % (comment, json.dumps(str(folder)), json.dumps(["none", *levels])))
    run_here(path, folder / "out")
    return folder / "out"


def poison(folder: Path) -> None:
    """Write into the ledger's files what no reader of data lets in."""
    data = read_record(folder / "data.json", dict)
    del data["files"]
    splits = {**data["splits"], HOSTILE[1]: data["splits"]["validation"]}
    faults = [{"kind": text, "message": text, "where": text, "fatal": False} for text in HOSTILE]
    classes = [*data["classes"], *UNPRINTABLE]
    data |= {"classes": classes, "root": UNPRINTABLE[0], "splits": splits, "faults": faults}
    write_record(folder / "data.json", data)
    truth = read_record(folder / "ground_truth" / "validation.json", dict)
    for category, text in zip(truth["categories"], UNPRINTABLE, strict=False):
        category["name"] += text
    write_record(folder / "ground_truth" / "validation.json", truth)
    gallery = read_record(folder / "gallery" / "index.json", dict)
    for image, text in zip(gallery["images"], UNPRINTABLE, strict=False):
        image["name"] += text
    write_record(folder / "gallery" / "index.json", gallery)
    for number, run in enumerate(sorted((folder / "runs").iterdir())):
        started, result = read_record(run / "run.json", dict), read_record(run / "result.json", dict)
        versions = dict.fromkeys(HOSTILE, "1")
        machine = {"host": HOSTILE[number], "gpu": HOSTILE[1], "started": SCRIPT, "versions": versions}
        started["provenance"][0].update(machine)
        result["reason"] = "\n".join(HOSTILE)
        result["effective"] |= {SCRIPT: HOSTILE[1], "a|b": [UNPRINTABLE[0]], "accumulation": UNPRINTABLE[0]}
        if number == 0:
            result |= {"outcome": "crashed", "measures": []}
        write_record(run / "run.json", started)
        write_record(run / "result.json", result)


class Elements(HTMLParser):
    """Counts scripts, and collects what would run or fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts = 0
        self.found: list[tuple[str, str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            fetched = name in ("href", "src", "action", "srcset", "data")
            outside = fetched and not str(value).startswith(("#", "data:image/"))
            if name.startswith("on") or outside or tag in ("iframe", "object", "embed", "base", "form", "link"):
                self.found.append((tag, name, value))


@pytest.fixture(scope="module")
def hostile_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [text for text in PRINTABLE if len(text) < 200]
    levels = [HOSTILE[0], HOSTILE[1], HOSTILE[5], HOSTILE[7], "../../x", *UNPRINTABLE]
    folder = make_study(tmp_path_factory.mktemp("hostile"), names, levels, f"{SCRIPT} ```` {PRINTABLE[1]}")
    poison(folder)
    return folder


@pytest.fixture(scope="module")
def hostile_page(hostile_study: Path) -> Page:
    return gather_page(Ledger(hostile_study), analyse_study(hostile_study))


@pytest.fixture(autouse=True)
def _no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detstudy.reporting.html.load_runtime", lambda: "")


def test_a_page_of_hostile_names_has_the_scripts_of_any_other(hostile_page: Page) -> None:
    html = render_html(hostile_page)
    elements = Elements(html)
    assert elements.found == []
    assert elements.scripts == 3 + len(hostile_page.list_figures())
    assert len(hostile_page.list_figures()) >= 3
    assert ACTED_ON.findall(html) == []
    assert "&lt;script&gt;document.title" in html  # it is shown
    assert "{{7*7}}" in html  # no second template
    islands = re.findall(r"<script type=.application/json.[^>]*>(.*)</script>", html)
    assert len(islands) == len(hostile_page.list_figures())
    assert "script\\u003e" in "".join(islands)
    assert [island for island in islands if "<" in island] == []


def list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from list_texts(entry)


def test_charts_hold_no_text_that_their_renderer_dies_of(hostile_page: Page) -> None:
    """vl-convert aborts the whole process on a character that no XML may hold."""
    texts = [text for figure in hostile_page.list_figures() for text in list_texts(figure.spec)]
    assert any("\\x1b[2J" in text for text in texts)
    assert [text for text in texts if ACTED_ON.search(text)] == []


def test_markdown_of_hostile_names_is_text(hostile_page: Page) -> None:
    markdown = render_markdown(hostile_page, {})
    body, source = markdown.split("The study file:")
    assert ACTED_ON.findall(markdown) == []
    outside = re.sub(r"(`+).*?[^`]\1(?!`)", "", re.sub(r"\\`", "", body))  # without code
    assert re.findall(r"<\w|</|(?<!\\)\]\(", outside) == []
    assert "&lt;script&gt;" in outside
    for block in body.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
    assert body.count("\n# ") == 0
    fence = re.search("`{3,}", source)
    assert fence is not None
    assert len(fence[0]) == 5
    assert source.count(f"\n{fence[0]}") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b", "`a b`"), ("a `b`", "`` a `b` ``"), ("``", "``` `` ```"), ("a\nb\x1b", "`a b\\x1b`")],
)
def test_code_ends_where_it_should(text: str, shown: str) -> None:
    assert quote_code(text) == shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(draw: Callable[[PlainConsole], object]) -> str:
    """Return what a terminal gets, without rich's own codes of colour."""
    file = Terminal()
    draw(PlainConsole(file, width=200))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def test_a_terminal_shows_hostile_names_and_obeys_none(hostile_study: Path) -> None:
    ledger, analysis = Ledger(hostile_study), analyse_study(hostile_study)
    text = show(lambda console: print_answer(analysis, console))
    text += show(lambda console: print_runs(ledger.read_runs(), console))
    assert ACTED_ON.findall(text) == []
    for part in ("[red]x[/red]", "[link=http://x]y[/link]", ":smile:", "\\x1b[2J", "\\u202e"):
        assert part in text
    plain = show(lambda console: console.print("[red]x[/] :smile: \x1b[2J", str(hostile_study)))
    assert plain.startswith("[red]x[/] :smile: \\x1b[2J")


def test_bars_of_hostile_names_are_drawn_as_text(hostile_study: Path) -> None:
    ledger = Ledger(hostile_study)
    plan = plan_study(ledger.load_study())
    tasks = [task for task in list_tasks(plan, ledger.fingerprint) if "[red]" in task.runs[0].setting_id]

    def draw(console: PlainConsole) -> None:
        with TerminalProgress(console, ledger, plan) as progress:
            progress.begin(tasks)
            for task in tasks:
                progress.note(task, Started())
            console.print(progress.bars.get_renderable())

    assert "weights=[red]x[/red] [link=http://x]y[/link] [/] :smile:" in show(draw)


def test_a_picture_that_a_link_leads_to_is_not_shown(hostile_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(hostile_study, folder)
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(cv2.imencode(".jpg", np.full((48, 160, 3), 7, np.uint8))[1].tobytes())
    index = read_record(folder / "gallery" / "index.json", dict)
    for row in index["images"]:
        row["sum"] = None
        (folder / "gallery" / row["file"]).unlink()
        (folder / "gallery" / row["file"]).symlink_to(secret)
    write_record(folder / "gallery" / "index.json", index)
    assert len(index["images"]) == 3
    assert Ledger(folder).read_gallery() == []


def test_a_kept_image_that_would_fill_memory_is_left_out(hostile_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(hostile_study, folder)
    index = read_record(folder / "gallery" / "index.json", dict)
    small = cv2.imencode(".jpg", np.full((48, 160, 3), 7, np.uint8))[1].tobytes()
    frame = small.index(b"\xff\xc0") + 5
    for row in index["images"][1:]:
        row["sum"] = None
        (folder / "gallery" / row["file"]).write_bytes(small[:frame] + b"\xfd\xe8\xfd\xe8" + small[frame + 4 :])
    write_record(folder / "gallery" / "index.json", index)
    galleries = [section.gallery for section in gather_page(Ledger(folder), analyse_study(folder)).sections]
    assert [len(gallery.rows) for gallery in galleries if gallery] == [1]


def test_a_report_replaces_links_and_touches_nothing_behind_them(
    hostile_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detstudy.reporting.report.draw_png", lambda _, path: path.write_bytes(b"png"))
    before = {path for path in hostile_study.parent.rglob("*") if hostile_study not in path.parents}
    folder, outside = tmp_path / "linked", tmp_path / "outside"
    shutil.copytree(hostile_study, tmp_path / "copied")
    folder.symlink_to(tmp_path / "copied")  # a study may lie on another disk
    outside.mkdir()
    (outside / "mine.png").write_bytes(b"mine")
    (outside / "mine.html").write_text("mine")
    (folder / "report_files").symlink_to(outside)
    (folder / "report.html").symlink_to(outside / "mine.html")
    files = write_report(folder, analyse_study(folder))
    assert sorted(path.name for path in outside.iterdir()) == ["mine.html", "mine.png"]
    assert (outside / "mine.html").read_text() == "mine"
    assert not any(path.is_symlink() for path in (*files, folder / "report_files"))
    names = {path.name for path in (folder / "report_files").iterdir()}
    assert names
    assert all(re.fullmatch(r"[a-z0-9-]+\.png", name) for name in names)
    assert {path for path in hostile_study.parent.rglob("*") if hostile_study not in path.parents} == before
