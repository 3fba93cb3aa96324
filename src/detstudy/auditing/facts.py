"""What the audit finds, as records with their numbers; `wording.audit` has the words of each. Rows are labels."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelsDisagree:
    """A factor to which a row's columns give several levels. `claims`: the text and its column."""

    row: str
    factor: str
    claims: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OneResultTwice:
    """A setting that stands several times with the same numbers."""

    row: str
    times: int


@dataclass(frozen=True, slots=True)
class OneSettingTwice:
    """Rows that are one setting by their labels, and a measure in which they differ."""

    rows: tuple[str, ...]
    lines: tuple[int, ...]
    measure: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TimesWithoutCause:
    """Rows whose time is not the baseline's though only factors differ that change no iteration's work."""

    seconds: tuple[tuple[str, float], ...]  # by row
    baseline: float


@dataclass(frozen=True, slots=True)
class OutsideScale:
    """An AP outside 0 to 100, as it is printed."""

    row: str
    measure: str
    text: str


@dataclass(frozen=True, slots=True)
class AboveItsBound:
    """A measure above one that bounds it, as AP above AP50."""

    row: str
    measure: str
    value: float
    bound: str  # without the kind
    most: float


@dataclass(frozen=True, slots=True)
class OutsideBounds:
    """An AP that no precisions with such an AP50 and AP75 have as their mean."""

    row: str
    measure: str
    values: tuple[float, float, float]  # AP, AP50, AP75
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FractionsAmongPercents:
    """A row written as fractions of 1."""

    row: str


@dataclass(frozen=True, slots=True)
class OutOfLine:
    """An AP that does not go with the AP50 and AP75 of its row."""

    row: str
    measure: str
    values: tuple[float, float, float]  # AP, AP50, AP75
    expected: float  # by the rows beside it
    chance: float


@dataclass(frozen=True, slots=True)
class RowSwapped:
    """A row whose box and mask stand the other way round than in all other rows."""

    row: str


@dataclass(frozen=True, slots=True)
class ColumnsSwapped:
    """A measure whose box and mask stand the other way round than those of all `others`."""

    measure: str  # without the kind
    leads: str  # "box" or "mask"
    trails: str
    low: float
    high: float
    others: int


@dataclass(frozen=True, slots=True)
class LargeUnderMedium:
    """Large objects' AP is so much lower than medium ones' in every row."""

    large: str
    medium: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OutsideBands:
    """An AP outside the range of its size bands."""

    row: str
    measure: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Cells with digits that make no number: measure and text."""

    row: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowsRepeat:
    """Rows that share more cells than chance gives."""

    rows: tuple[str, ...]
    shared: int
    common: int
    differ: tuple[tuple[str, tuple[float, ...]], ...]  # a measure, and its value in each row
    chance: float
    alike_times: tuple[float, ...]  # that end in the same three digits; () where none do


@dataclass(frozen=True, slots=True)
class CellsRepeat:
    """Pairs of cells that repeat where fewer would by chance."""

    pairs: int
    expected: float
    chance: float
    cells: tuple[tuple[str, float, tuple[str, ...]], ...]  # measure, value, rows


@dataclass(frozen=True, slots=True)
class BlockCopied:
    """A row that shows the same numbers for box and mask."""

    row: str
    same: int
    measures: int


@dataclass(frozen=True, slots=True)
class TimesRepeat:
    """Rows that took the same time to the last digit."""

    rows: tuple[str, ...]
    seconds: float
    chance: float


@dataclass(frozen=True, slots=True)
class SeedsUntold:
    """Spreads without the number of seeds that they are over."""

    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoSeeds:
    """Results of one training each, as far as told, and how many differences from the baseline that leaves open."""

    settings: int  # that tell no seeds or spread
    of: int
    stated: bool  # the deviation is the user's, else an example's
    sd: float
    limit: float  # AP that two trainings of one setting differ by in 19 of 20 cases
    small: int  # differences below it
    differences: int
    measure: str
    baseline: str


@dataclass(frozen=True, slots=True)
class ResultsMissing:
    """Rows without a number, and what stands there, None for empty cells."""

    rows: tuple[str, ...]
    text: str | None


@dataclass(frozen=True, slots=True)
class UnequalBudgets:
    """Budgets that differ over rows: name, least and most."""

    ranges: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class BudgetUntold:
    """What the table does not say of how long its rows were trained."""

    length: bool  # iterations, epochs
    batches: bool  # what was held fixed as the batch size changed


@dataclass(frozen=True, slots=True)
class BestOfMany:
    """The highest of several means, and how far the highest of as many equal ones would be above theirs."""

    row: str
    measure: str
    mean: float
    results: int
    luck: float
    error: float  # standard error of a mean


class Untold(enum.Enum):
    """What a table of results can't show."""

    CONVERGENCE = enum.auto()  # learning rates are compared without their curves
    IMAGES = enum.auto()  # how many there were


@dataclass(frozen=True, slots=True)
class FactorsVaryAlone:
    """Factors whose interaction the table can't show."""

    factors: tuple[str, ...]


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
