"""What the rules of the audit find, and where; what stands and what to run. `wording.audit` has the words of each."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from detstudy.auditing.published import Row

Weight = Literal["looks wrong", "unusual", "cannot be concluded"]


class Kind(enum.Enum):
    """What a rule may find, with the rule's name and weight; a comment names the numbers that go with it."""

    ROWS_REPEAT = "repeated_rows", "looks wrong"  # shared, common, differ: measure and values, times: that end alike
    CELLS_REPEAT = "repeated_cells", "looks wrong", "in a column"  # pairs, expected, repeats: measure, value, rows
    BLOCK_COPIED = "repeated_cells", "looks wrong", "in a row"  # same, measures
    TIMES_REPEAT = "repeated_times", "looks wrong"  # seconds
    OUTSIDE_SCALE = "impossible_cells", "looks wrong", "scale"  # measure, text
    ABOVE_BOUND = "impossible_cells", "looks wrong", "order"  # measure, value, bound, most
    OUTSIDE_BOUNDS = "impossible_cells", "looks wrong", "mean"  # measure, ap, ap50, ap75, low, high
    FRACTIONS = "mixed_fractions", "looks wrong"
    OUT_OF_LINE = "out_of_line", "looks wrong"  # measure, ap, ap50, ap75, expected
    LABELS_DISAGREE = "labels_disagree", "looks wrong"  # factor, claims: text and column
    ONE_SETTING_TWICE = "one_setting_twice", "looks wrong"  # measure, values
    ONE_RESULT_TWICE = "one_setting_twice", "unusual"  # times
    ROW_SWAPPED = "swapped", "looks wrong", "row"
    COLUMNS_SWAPPED = "swapped", "looks wrong", "columns"  # measure, leads, trails, low, high, others
    UNREADABLE = "unreadable_cells", "looks wrong"  # texts: measure and text
    IDLE_TIMES = "unequal_times", "unusual"  # times: row and seconds, baseline
    LARGE_UNDER_MEDIUM = "unusual_bands", "unusual", "order"  # large, medium, low, high
    OUTSIDE_BANDS = "unusual_bands", "unusual", "range"  # measure, value, low, high
    SEEDS_UNTOLD = "seeds_unknown", "cannot be concluded"
    NO_SEEDS = (
        "no_seeds",
        "cannot be concluded",
    )  # settings, of, stated, sd, limit, small, differences, measure, baseline
    RESULTS_MISSING = "missing_results", "cannot be concluded"  # text: that stands there, None for empty cells
    UNEQUAL_BUDGETS = "unequal_budgets", "cannot be concluded"  # ranges: name, least and most
    BUDGET_UNTOLD = "budget_unknown", "cannot be concluded"  # length, batches: whether these are untold
    BEST_OF_MANY = "best_of_many", "cannot be concluded"  # best, measure, mean, results, luck, error
    NO_CURVES = "not_converged", "cannot be concluded"
    NOT_CROSSED = "no_interactions", "cannot be concluded"  # factors
    IMAGES_UNKNOWN = "images_unknown", "cannot be concluded"

    def __init__(self, rule: str, weight: Weight, _: str = "") -> None:
        self.rule = rule
        self.weight: Weight = weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `lines` and `rows` say where, `cells` in which measures, factors or "time"."""

    kind: Kind
    numbers: Mapping[str, Any]  # as the kind says
    lines: tuple[int, ...]
    rows: tuple[str, ...]  # labels
    cells: tuple[str, ...]
    chance: float | None  # of seeing it in trainings of their own


def find(
    kind: Kind, rows: Sequence[Row] = (), cells: Sequence[str] = (), chance: float | None = None, **numbers: Any
) -> Finding:
    """Return a finding at rows, in the table's order."""
    ordered = sorted(rows, key=lambda row: row.line)
    lines, labels = tuple(row.line for row in ordered), tuple(row.label for row in ordered)
    return Finding(kind=kind, numbers=numbers, lines=lines, rows=labels, cells=tuple(cells), chance=chance)


@dataclass(frozen=True, slots=True)
class BeyondSeeds:
    """A difference from the baseline that the seeds' noise does not explain."""

    row: str
    measure: str
    change: float
    baseline: str
    half: float  # of its interval at 95 %, all comparisons together
    comparisons: int


@dataclass(frozen=True, slots=True)
class OtherCost:
    """A time further from the baseline's than times differ without a cause."""

    row: str
    seconds: float
    baseline: str
    ratio: float
    idle: float | None  # by how much times differ without a cause; None where no row tells


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Rows, and measures of swapped columns, to be read again from their logs."""

    rows: tuple[str, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainSeeds:
    """How many seeds a setting would show a difference of 1 AP, at that standard deviation over seeds."""

    sd: float
    seeds: int


class ToRun(enum.Enum):
    """What else would settle something."""

    WHAT_HAS_NO_RESULT = enum.auto()
    EQUAL_BUDGETS = enum.auto()
    LONGER = enum.auto()
    FRESH_IMAGES = enum.auto()
    CROSSED_FACTORS = enum.auto()
    RESULT_FILES = enum.auto()
