"""What a published table lets one conclude, what it does not, and what to run to know."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from detstudy.auditing.finding import BeyondSeeds, Finding, Kind, OtherCost, ReadAgain, ToRun, TrainSeeds, find
from detstudy.auditing.labelling import COST_FREE, find_baseline, identify_settings, list_differing
from detstudy.auditing.published import PublishedTable, Row

SCENES_SD = 1.6
NUCLEI_SD = 6.0
"""Seed standard deviations of AP that this project measured: its drawn scenes, and 260 microscopy images."""

_BY_CELL = ("impossible_cells", "out_of_line", "repeated_cells", "repeated_times", "swapped", "unreadable_cells")
"""Rules that cast doubt on their cells alone, not on the whole row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A setting's mean in one measure. `sd` over seeds and their number are None where the table does not tell them."""

    label: str
    rows: tuple[Row, ...]
    mean: float
    sd: float | None
    seeds: int | None


def list_objectives(table: PublishedTable) -> list[str]:
    """Return the measures that conclusions are about: AP of each kind, else the first measure."""
    return [name for name in ("box/AP", "mask/AP", "AP") if name in table.measures] or [table.measures[0]]


def gather_results(table: PublishedTable, measure: str) -> list[Result]:
    """Return each setting's result; rows of one setting are taken together."""
    keys = identify_settings(table)
    groups: dict[object, list[Row]] = {}
    for row in table.rows:
        if measure in row.values:
            groups.setdefault(keys.get(row.line, row.line), []).append(row)
    results = []
    for rows in groups.values():
        values = [row.values[measure] for row in rows]
        sd, seeds = rows[0].cells[measure].spread, rows[0].seeds
        if len(rows) > 1:
            sd, seeds = statistics.stdev(values), len(rows)
        result = Result(label=rows[0].label, rows=tuple(rows), mean=statistics.fmean(values), sd=sd, seeds=seeds)
        results.append(result)
    return results


def find_limits(table: PublishedTable, seed_sd: float | None) -> list[Finding]:
    """Return what can't be concluded from the table, the gravest first."""
    measure = list_objectives(table)[0]
    results = gather_results(table, measure)
    baseline = find_baseline(table)
    found = [
        _miss_seeds(results, baseline, measure, seed_sd),
        *_miss_results(table),
        *_miss_budgets(table),
        _pick_best(results, measure, seed_sd),
        _miss_convergence(table),
        _miss_interactions(table, baseline),
        find(Kind.IMAGES_UNKNOWN),
    ]
    return [finding for finding in found if finding]


def draw_conclusions(
    table: PublishedTable, wrong: Sequence[Finding], seed_sd: float | None
) -> list[BeyondSeeds | OtherCost]:
    """Return what stands: differences from the baseline that the seeds' noise does not explain, and costs.

    The interval is Welch's t where both rows tell sd and seeds, else normal with the user's `seed_sd`, Bonferroni over
    the comparisons. What `wrong` says looks wrong is left out. Empty where nothing can be concluded.
    """
    baseline = find_baseline(table)
    if baseline is None:
        return []
    found: list[BeyondSeeds | OtherCost] = []
    for measure in list_objectives(table):
        results = gather_results(table, measure)
        own = next((result for result in results if baseline in result.rows), None)
        others = [result for result in results if result is not own]
        for other in others:
            if own is None or any(_is_doubtful(row, measure, wrong) for row in (*own.rows, *other.rows)):
                continue
            half = _find_half_width(other, own, seed_sd, len(others))
            if half is None:
                continue
            change = other.mean - own.mean
            if abs(change) > half:
                found.append(BeyondSeeds(other.label, measure, change, own.label, half, len(others)))
    return [*found, *_conclude_costs(table, baseline, wrong)]


def suggest_runs(findings: Sequence[Finding], seed_sd: float | None) -> list[ReadAgain | TrainSeeds | ToRun]:
    """Return what to do and to run, in order."""
    suggested: list[ReadAgain | TrainSeeds | ToRun] = []
    wrong = [finding for finding in findings if finding.kind.weight == "looks wrong"]
    if wrong:
        labels = dict.fromkeys(label for finding in wrong if finding.kind.rule != "swapped" for label in finding.rows)
        swapped = [name for finding in wrong if finding.kind.rule == "swapped" for name in finding.cells]
        suggested.append(ReadAgain(tuple(labels), tuple(swapped)))
    rules = {finding.kind.rule for finding in findings}
    if "no_seeds" in rules:
        sd = seed_sd or SCENES_SD
        suggested.append(TrainSeeds(sd, math.ceil(2 * (1.96 + 0.84) ** 2 * sd**2)))
    steps = {
        ToRun.WHAT_HAS_NO_RESULT: {"missing_results"},
        ToRun.EQUAL_BUDGETS: {"unequal_budgets", "budget_unknown", "unequal_times"},
        ToRun.LONGER: {"not_converged"},
        ToRun.FRESH_IMAGES: {"best_of_many"},
        ToRun.CROSSED_FACTORS: {"no_interactions"},
    }
    return [*suggested, *(step for step, causes in steps.items() if rules & causes), ToRun.RESULT_FILES]


def _miss_seeds(results: Sequence[Result], baseline: Row | None, measure: str, seed_sd: float | None) -> Finding | None:
    bare = [result for result in results if result.sd is None or not result.seeds or result.seeds < 2]
    if not bare or baseline is None:
        return None
    told = [result for result in bare if result.sd is not None]
    if len(told) == len(bare):
        rows = [row for result in told for row in result.rows]
        return find(Kind.SEEDS_UNTOLD, rows)
    sd = seed_sd or SCENES_SD
    limit = 1.96 * math.sqrt(2) * sd
    middle = baseline.values.get(measure)
    changes = [result.mean - middle for result in results if middle is not None and baseline not in result.rows]
    return find(
        Kind.NO_SEEDS,
        [row for result in bare for row in result.rows],
        [measure],
        settings=len(bare),
        of=len(results),
        stated=seed_sd is not None,
        sd=sd,
        limit=limit,
        small=sum(abs(change) < limit for change in changes),
        differences=len(changes),
        measure=measure,
        baseline=baseline.label,
    )


def _miss_results(table: PublishedTable) -> list[Finding]:
    empty = [row for row in table.rows if not row.values]
    if not empty:
        return []
    texts = dict.fromkeys(cell.text for row in empty for cell in row.cells.values())
    return [find(Kind.RESULTS_MISSING, empty, text=next(filter(None, texts), None))]


def _miss_budgets(table: PublishedTable) -> list[Finding]:
    rows = [row for row in table.rows if row.values]
    levels = {name: {row.levels[name] for row in rows if name in row.levels} for row in rows for name in row.levels}
    told = {name: {row.budget[name] for row in rows if name in row.budget} for row in rows for name in row.budget}
    unequal = {name: values for name, values in told.items() if len(values) > 1}
    if unequal:
        ranges = tuple((name, min(values), max(values)) for name, values in unequal.items())
        return [find(Kind.UNEQUAL_BUDGETS, rows, tuple(unequal), ranges=ranges)]
    batches = "batch_size" in levels
    return [] if told and not batches else [find(Kind.BUDGET_UNTOLD, rows, length=not told, batches=batches)]


def _pick_best(results: Sequence[Result], measure: str, seed_sd: float | None) -> Finding | None:
    """Source of the expected largest of n normal values: Blom (1958)."""
    from scipy.special import ndtri

    if len(results) < 3:
        return None
    best = max(results, key=_read_mean)
    errors = [result.sd / math.sqrt(result.seeds) for result in results if result.sd is not None and result.seeds]
    error = statistics.fmean(errors) if errors else seed_sd or SCENES_SD
    number = len(results)
    gain = error * float(ndtri((number - 0.375) / (number + 0.25)))
    numbers = {"mean": best.mean, "results": number, "luck": gain, "error": error}
    return find(Kind.BEST_OF_MANY, best.rows, [measure], best=best.label, measure=measure, **numbers)


def _miss_convergence(table: PublishedTable) -> Finding | None:
    rows = [row for row in table.rows if row.values and "learning_rate" in row.levels]
    if len({row.levels["learning_rate"] for row in rows}) < 2:
        return None
    return find(Kind.NO_CURVES, rows, ["learning_rate"])


def _miss_interactions(table: PublishedTable, baseline: Row | None) -> Finding | None:
    differing = [list_differing(row, baseline) for row in table.rows if baseline is not None]
    factors = sorted({name for names in differing for name in names})
    if len(factors) < 2 or any(len(names) > 1 for names in differing):
        return None
    return find(Kind.NOT_CROSSED, (), factors, factors=tuple(factors))


def _find_half_width(a: Result, b: Result, seed_sd: float | None, comparisons: int) -> float | None:
    """Return half the interval of the difference of two means over seeds, at 95 % for all comparisons together."""
    from scipy.special import ndtri, stdtrit

    level = 1 - 0.025 / comparisons
    parts = [
        (result.sd**2 / result.seeds, result.seeds - 1)
        for result in (a, b)
        if result.sd is not None and result.seeds is not None and result.seeds > 1
    ]
    if len(parts) == 2:
        variance = sum(part for part, _ in parts)
        if not variance:
            return 0.0
        freedom = variance**2 / sum(part**2 / own for part, own in parts)
        return math.sqrt(variance) * float(stdtrit(freedom, level))
    if seed_sd is None:
        return None
    return seed_sd * math.sqrt(1 / (a.seeds or 1) + 1 / (b.seeds or 1)) * float(ndtri(level))


def _conclude_costs(table: PublishedTable, baseline: Row, wrong: Sequence[Finding]) -> list[OtherCost]:
    """Return rows whose time is further from the baseline's than times differ here without a cause, and 10 %."""
    if not baseline.seconds or _is_doubtful(baseline, "time", wrong):
        return []
    ratios = {row.line: row.seconds / baseline.seconds for row in table.rows if row.seconds and row is not baseline}
    idle = [
        max(ratios[row.line], 1 / ratios[row.line])
        for row in table.rows
        if row.line in ratios and frozenset() < list_differing(row, baseline) <= COST_FREE
    ]
    least = max([1.1, *idle])
    return [
        OtherCost(row.label, row.seconds, baseline.label, ratios[row.line], least if idle else None)
        for row in table.rows
        if row.seconds
        and row.line in ratios
        and not _is_doubtful(row, "time", wrong)
        and max(ratios[row.line], 1 / ratios[row.line]) > least
    ]


def _read_mean(result: Result) -> float:
    return result.mean


def _is_doubtful(row: Row, cell: str, wrong: Sequence[Finding]) -> bool:
    """Whether something that looks wrong concerns this cell of the row, or the whole row."""
    return any(
        row.line in finding.lines and (finding.kind.rule not in _BY_CELL or cell in finding.cells)
        for finding in wrong
        if finding.kind.weight == "looks wrong"
    )
