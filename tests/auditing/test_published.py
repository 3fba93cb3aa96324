"""Tables as people write them, read to the same numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from detstudy.auditing import audit_table
from detstudy.auditing.heading import find_levels, find_measure, read_headings
from detstudy.auditing.published import PublishedTable, TableError, read_table

DECK = Path(__file__).parent / "deck.csv"


def read(tmp_path: Path, text: str | bytes) -> PublishedTable:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path)


@pytest.mark.parametrize(
    ("heading", "measure"),
    [
        ("AP", "AP"),
        ("mAP@[.5:.95]", "AP"),
        ("mAP50-95", "AP"),
        ("mAP@0.5", "AP50"),
        ("AP@.75", "AP75"),
        ("box AP", "box/AP"),
        ("Box mAP (%)", "box/AP"),
        ("bbox_AP50", "box/AP50"),
        ("segm/APl", "mask/APl"),
        ("AP50 (mask)", "mask/AP50"),
        ("AP^b_75", "box/AP75"),
        ("$AP^{mask}_{75}$", "mask/AP75"),
        ("AP^m", "mask/AP"),
        ("APm50", "mask/AP50"),
        ("APm", "APm"),
        ("AP_S", "APs"),
        ("AP small", "APs"),
        ("AR@100", "AR100"),
        ("learning rate", None),
        ("map loss", None),
        ("APIs", None),
    ],
)
def test_measures_are_known_under_their_usual_names(heading: str, measure: str | None) -> None:
    assert find_measure(heading) == measure


@pytest.mark.parametrize(
    ("heading", "role", "name", "unit"),
    [
        ("Time (s)", "time", "", 1),
        ("train time [h]", "time", "", 3600),
        ("minutes", "time", "", 60),
        ("Base LR", "factor", "learning_rate", 1),
        ("Top K Train", "factor", "top_k", 1),
        ("backbone", "factor", "backbone", 1),
        ("Iterations", "budget", "iterations", 1),
        ("warmup iterations", "factor", "warmup_iterations", 1),
        ("seed", "seed", "", 1),
        ("# seeds", "seeds", "", 1),
        ("FPS", "other", "", 1),
        ("box AP std", "spread", "box/AP", 1),
        ("Setting", "label", "", 1),
    ],
)
def test_columns_are_told_from_their_headings(heading: str, role: str, name: str, unit: float) -> None:
    (found,) = read_headings([heading])
    assert (found.role, found.name, found.unit) == (role, name, unit)


def test_measures_take_the_kind_of_those_to_their_left() -> None:
    names = [heading.name for heading in read_headings(["box AP", "AP50", "APm", "mask AP", "AP50"])]
    assert names == ["box/AP", "box/AP50", "box/APm", "mask/AP", "mask/AP50"]
    assert [heading.name for heading in read_headings(["APb", "APm"])] == ["box/AP", "mask/AP"]


def test_labels_name_levels() -> None:
    label = "learning rate 0.0025 = batch 4 = multi-step = top-k 6000"
    levels = {"learning_rate": 0.0025, "batch_size": 4.0, "schedule": "multi-step", "top_k": 6000.0}
    assert find_levels(label) == levels
    assert find_levels("lr=1e-4, bs: 8, RPN top-k 9,000") == {"learning_rate": 1e-4, "batch_size": 8, "top_k": 9000}
    assert find_levels("top-k 12k, Cosine") == {"top_k": 12000, "schedule": "cosine"}
    assert find_levels("Mask R-CNN R50") == {}


def test_the_deck_is_read_as_it_stands() -> None:
    table = read_table(DECK)
    assert len(table.rows) == 8
    assert len(table.measures) == 12
    assert not table.fractions
    first, missing = table.rows[0], table.rows[4]
    assert first.values["mask/APl"] == 38.4
    assert first.seconds == 6972
    assert missing.values == {}
    assert missing.cells["box/AP"].text == "no result"
    assert missing.seconds is None


def test_every_way_to_write_the_deck_gives_the_same_numbers(tmp_path: Path) -> None:
    text = DECK.read_text()
    lines = [line.split(",") for line in text.splitlines()]
    expected = [row.values for row in read_table(DECK).rows]
    decimal_commas = "\n".join(";".join(cell.replace(".", ",") for cell in line) for line in lines)
    fractions = [
        [f"{float(cell) / 100:.3f}" if 0 < k < 13 and n and cell[0].isdigit() else cell for k, cell in enumerate(line)]
        for n, line in enumerate(lines)
    ]
    bar = "|" + "|".join("---" for _ in lines[0]) + "|"
    markdown = "\n".join(["A title", "", "| " + " | ".join(lines[0]) + " |", bar])
    markdown += "\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines[1:]) + "\n\nA footnote."
    for written in (
        text.encode("utf-8-sig"),
        text.encode("utf-16"),
        text.replace(",", "\t").replace("\n", "\r\n"),
        text.replace(",", ";"),
        decimal_commas,
        "\n".join(",".join(line) for line in fractions),
        markdown,
        text.replace("box ", "bbox_").replace("mask ", "segm_").replace("39.3", "**39.3**").replace("56.0", "56.0 %"),
        text.replace("no result", "OOM").replace(",cosine", "\n\n,cosine"),
    ):
        table = read(tmp_path, written)
        assert [row.values for row in table.rows] == expected
        assert [row.seconds for row in table.rows][:2] == [6972, 8494]


def test_headings_may_list_measures_and_cells_as_many_numbers(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "| setting | box AP, AP50, AP75 | mask | seconds |\n| --- | --- | --- | --- |\n"
        "| a | 39.3 55.3 44.8 | 33.0 52.3 33.8 | 6972 |\n| b | no result | no result | |\n",
    )
    assert table.rows[0].values["mask/AP50"] == 52.3
    assert table.rows[1].values == {}
    with pytest.raises(TableError, match=r"table\.csv:3: '39.3 55.3' has 2 numbers under 3 measures"):
        read(tmp_path, "| s | box AP, AP50, AP75 |\n|---|---|\n| a | 39.3 55.3 |\n| b | 1 2 3 |")


def test_spreads_stand_in_cells_or_columns_of_their_own(tmp_path: Path) -> None:
    table = read(
        tmp_path, 'setting,box AP,mask AP,mask AP std,seeds\na,39.3 ± 0.4,33.0,0.5,3\nb,40.1 (0.3),34,,"0, 1"\n'
    )
    (a, b) = table.rows
    assert (a.cells["box/AP"].spread, a.cells["mask/AP"].spread, a.seeds) == (0.4, 0.5, 3)
    assert (b.cells["box/AP"].spread, b.cells["mask/AP"].spread, b.seeds) == (0.3, None, 2)
    assert a.cells["box/AP"].step == pytest.approx(0.1)
    assert b.cells["mask/AP"].step == 1
    assert read(tmp_path, "setting,AP\na,39.3 (+0.4)\n").rows[0].cells["AP"].spread is None
    assert read(tmp_path, "setting;AP\na;39,3 ± 0,4\n".encode("cp1252")).rows[0].cells["AP"].spread == 0.4


@pytest.mark.parametrize(
    ("heading", "text", "seconds"),
    [
        ("seconds", "6,972", 6972),
        ("seconds", "10383 s", 10383),
        ("time", "1:56:12", 6972),
        ("time", "1h 56min 12s", 6972),
        ("time (h)", "1:56", 6960),
        ("time (h)", "1.5", 5400),
        ("minutes", "90", 5400),
        ("time", "90 min", 5400),
        ("time", "2 days", 172800),
        ("time", "-", None),
        ("time", "soon", None),
        ("time", "0", None),
    ],
)
def test_times_are_seconds(tmp_path: Path, heading: str, text: str, seconds: float | None) -> None:
    assert read(tmp_path, f'setting,AP,{heading}\na,39.3,"{text}"\n').rows[0].seconds == seconds


def test_a_table_with_measures_in_its_first_column_is_turned(tmp_path: Path) -> None:
    table = read(tmp_path, "measure,lr 0.1,lr 0.01\nbox AP,30.1,35.2\nbox AP50,50.0,55.1\nseconds,100,200\n")
    assert [row.label for row in table.rows] == ["lr 0.1", "lr 0.01"]
    assert table.rows[1].values == {"box/AP": 35.2, "box/AP50": 55.1}
    assert table.rows[1].seconds == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"setting,box AP\n", "has no rows"),
        (b"setting,score\na,3\n", "no column of a known measure among setting, score; name some as box AP"),
        (b"setting,AP,AP\na,3,4\n", "two columns are AP; put box or mask before"),
        (b"setting,AP\na,none\nb,OOM\n", "no measure has a number in any row"),
        (b"setting,AP\na,39,3\n", r"table\.csv:2: 3 cells under 2 headings; quote cells .*decimal commas"),
        (gzip.compress(b"setting,AP\na,3\n", mtime=0), "not a text file; save the table as CSV"),
        (b"\0\1\2", "not a text file"),
        (b"setting,AP\na," + b"9" * 60_000 + b"\n", r"table\.csv:2: a cell has 60,000 characters; at most 1,000"),
        (b"setting,AP\n" + b"a,3\n" * 500, "501 rows; a published table has up to 400"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("time", ["9" * 900 + ":10", "9" * 900, "1." + "9" * 900, "1e" + "0" * 900, "1e-300", "1e308h"])
def test_times_with_absurdly_many_digits_are_no_crash(tmp_path: Path, time: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"setting,AP,time\na,39.0,{time}\nb,38.0,{time}\n")
    assert len(audit_table(path).findings) > 0
