"""What the audit finds, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detstudy.auditing import audit_table
from detstudy.auditing.finding import BeyondSeeds, Finding, Kind, ToRun, TrainSeeds
from detstudy.wording import say
from detstudy.wording.audit import join_labels

DECK = Path(__file__).parents[1] / "auditing" / "deck.csv"
MEASURED: dict[str, Any] = {"measure": "mask/AP", "low": 1.0, "high": 2.0, "value": 9.0}
THREE = {"ap": 44.4, "ap50": 57.9, "ap75": 45.8}
NUMBERS: dict[Kind, dict[str, Any]] = {
    Kind.ROWS_REPEAT: {"shared": 11, "common": 12, "differ": (("box/APs", (25.9, 25.5)),), "times": (5383.0, 10383.0)},
    Kind.CELLS_REPEAT: {"pairs": 9, "expected": 2.2, "repeats": (("box/AP", 39.3, ("a", "b")),)},
    Kind.BLOCK_COPIED: {"same": 6, "measures": 6},
    Kind.TIMES_REPEAT: {"seconds": 5383.0},
    Kind.OUTSIDE_SCALE: {"measure": "AP50", "text": "155.0"},
    Kind.ABOVE_BOUND: {**MEASURED, "bound": "AP50", "most": 5.0},
    Kind.OUTSIDE_BOUNDS: {**MEASURED, **THREE},
    Kind.FRACTIONS: {},
    Kind.OUT_OF_LINE: {**MEASURED, **THREE, "expected": 39.9},
    Kind.LABELS_DISAGREE: {"factor": "learning_rate", "claims": (("lr 0.01", "setting"), ("0.001", "learning rate"))},
    Kind.ONE_SETTING_TWICE: {"measure": "AP", "values": (39.3, 38.7)},
    Kind.ONE_RESULT_TWICE: {"times": 2},
    Kind.ROW_SWAPPED: {},
    Kind.COLUMNS_SWAPPED: {**MEASURED, "leads": "box", "trails": "mask", "others": 5},
    Kind.UNREADABLE: {"texts": (("box/AP", "39.3.1"),)},
    Kind.IDLE_TIMES: {"times": (("a", 8494.0),), "baseline": 6972.0},
    Kind.LARGE_UNDER_MEDIUM: {**MEASURED, "large": "box/APl", "medium": "box/APm"},
    Kind.OUTSIDE_BANDS: MEASURED,
    Kind.SEEDS_UNTOLD: {},
    Kind.NO_SEEDS: {
        **{"settings": 3, "of": 3, "stated": False, "sd": 1.6, "limit": 4.43},
        **{"small": 5, "differences": 6, "measure": "box/AP", "baseline": "a"},
    },
    Kind.RESULTS_MISSING: {"text": None},
    Kind.UNEQUAL_BUDGETS: {"ranges": (("iterations", 5000.0, 9000.0),)},
    Kind.BUDGET_UNTOLD: {"length": True, "batches": True},
    Kind.BEST_OF_MANY: {"best": "a", "measure": "AP", "mean": 30.9, "results": 7, "luck": 1.35, "error": 1.0},
    Kind.NO_CURVES: {},
    Kind.NOT_CROSSED: {"factors": ("learning_rate", "batch_size")},
    Kind.IMAGES_UNKNOWN: {},
}


def make(kind: Kind, **changes: Any) -> str:
    numbers = {**NUMBERS[kind], **changes}
    return say(Finding(kind=kind, numbers=numbers, lines=(2, 4), rows=("a", "b"), cells=(), chance=0.008))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_for_its_numbers(kind: Kind) -> None:
    text = make(kind)
    assert text.endswith((".", "?"))
    assert "{" not in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            Kind.ROWS_REPEAT,
            "a and b share 11 of 12 cells (they differ in box APs 25.9 against 25.5): by chance about 1 in",
        ),
        (Kind.ROWS_REPEAT, "Their times, 5,383 s and 10,383 s, end in the same three digits."),
        (
            Kind.CELLS_REPEAT,
            "9 pairs of cells repeat where about 2 would by chance (about 1 in 120): box AP 39.3 in a and",
        ),
        (Kind.BLOCK_COPIED, "box and mask show the same number in 6 of 6 measures"),
        (
            Kind.OUT_OF_LINE,
            "mask AP 44.4 does not go with its AP50 57.9 and AP75 45.8: by the rows beside it 39.9 would",
        ),
        (Kind.LABELS_DISAGREE, "a: learning rate is given as 'lr 0.01' (column setting) and '0.001' (column learning"),
        (Kind.ONE_RESULT_TWICE, "a stands 2 times with the same numbers: it is one result, not 2"),
        (Kind.IDLE_TIMES, "a 8,494 s (×1.22), against 6,972 s of the baseline"),
        (
            Kind.NO_SEEDS,
            "by up to 4.4 AP in 19 of 20 cases where the seed's standard deviation is 1.6 AP, as this project",
        ),
        (Kind.NO_SEEDS, "(16.6 with the 6 AP of 260 microscopy images)"),
        (Kind.NO_SEEDS, "5 of 6 differences in box AP from a are smaller"),
        (Kind.RESULTS_MISSING, "a and b: no result (empty cells)"),
        (Kind.UNEQUAL_BUDGETS, "iterations from 5,000 to 9,000"),
        (Kind.BUDGET_UNTOLD, "is not told (iterations, epochs). Batch sizes are compared: "),
        (Kind.BEST_OF_MANY, "stands about 1.4 AP above their mean by luck (standard error 1 AP)"),
        (Kind.NOT_CROSSED, "(learning rate, batch size)"),
    ],
)
def test_findings_are_said_with_their_numbers(kind: Kind, words: str) -> None:
    assert words in make(kind)


def test_a_stated_deviation_is_the_users() -> None:
    text = make(Kind.NO_SEEDS, stated=True, sd=0.5, limit=1.386, settings=2)
    assert "2 settings of 3 don't tell its seeds" in text
    assert "up to 1.4 AP in 19 of 20 cases with the seed's standard deviation of 0.5 AP that you state" in text


def test_the_deck_is_explained_row_by_row() -> None:
    audited = audit_table(DECK)
    texts = [say(finding) for finding in audited.findings]
    assert any("batch 8 and top-k 9000 share 11 of 12 cells" in text for text in texts)
    assert any("batch 8 and cosine took the same 5,383 s: by chance" in text for text in texts)
    assert any("batch 16: no result" in text for text in texts)
    assert [say(fact).partition(" took ×1.79 ")[0] for fact in audited.conclusions] == ["top-k 12000"]


def test_what_stands_and_what_to_run_are_said() -> None:
    assert say(BeyondSeeds("b", "mask/AP", 5.6, "a", 1.2, 2)).startswith(
        "b: +5.6 mask AP against a, beyond what seeds do (±1.2 at 95 %, 2 comparisons together)"
    )
    assert "1 AP needs about 16 seeds a setting" in say(TrainSeeds(1.0, 16))
    assert len({say(step) for step in ToRun}) == len(ToRun)


def test_of_many_rows_three_are_named() -> None:
    assert join_labels(["a", "b"]) == "a and b"
    assert join_labels(list("abcde")) == "a, b, c and 2 others"
