"""What the audit of a published table finds, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from detstudy.auditing.conclusion import NUCLEI_SD, SCENES_SD
from detstudy.auditing.finding import BeyondSeeds, Finding, Kind, OtherCost, ReadAgain, ToRun, TrainSeeds
from detstudy.numbers import format_ap, format_change, format_ratio, quote_seconds
from detstudy.wording.labels import count, join_words, label_factor, label_measure
from detstudy.wording.say import Template, say


@say.register
def _(fact: Finding) -> str:
    """Return the kind's words with the finding's numbers."""
    where = {"row": fact.rows[0] if fact.rows else "", "named": join_labels(fact.rows)}
    odds = {} if fact.chance is None else {"odds": say_chance(fact.chance)}
    clauses = _CLAUSES[fact.kind](fact.numbers) if fact.kind in _CLAUSES else {}
    return Template().format(_WORDS[fact.kind], **where, **odds, **fact.numbers, **clauses)


def join_labels(labels: Sequence[str]) -> str:
    """Return rows in a sentence: "batch 8 and cosine"; the first three of more than four."""
    if len(labels) > 4:
        return f"{', '.join(labels[:3])} and {len(labels) - 3} others"
    return join_words(labels)


def say_chance(chance: float) -> str:
    """Return "about 1 in 120", "less than 1 in a million"."""
    if chance < 1e-6:
        return "less than 1 in a million"
    if chance > 0.5:
        return "more than 1 in 2"
    inverse = 1 / chance
    digits = max(0, len(str(int(inverse))) - 2)
    return f"about 1 in {round(inverse, -digits):,.0f}"


_WORDS = {
    Kind.ROWS_REPEAT: (
        "{named} share {shared} of {common} cells{they_differ}: by chance {odds}. One row was copied over "
        "the other, or the setting changed nothing.{alike}"
    ),
    Kind.CELLS_REPEAT: ("{pairs} pairs of cells repeat where about {expected:.0f} would by chance ({odds}): {listed}."),
    Kind.BLOCK_COPIED: (
        "{row}: box and mask show the same number in {same} of {measures} measures: one block was copied over "
        "the other."
    ),
    Kind.TIMES_REPEAT: (
        "{named} took the same {seconds:seconds}: by chance {odds}, taking times of equal work to scatter "
        "by 1 %. One time was copied, or the rows are of one training."
    ),
    Kind.OUTSIDE_SCALE: "{row}: {measure:measure} is {text}; AP lies between 0 and 100.",
    Kind.ABOVE_BOUND: "{row}: {measure:measure} {value:g} is above {bound} {most:g}, which can't be.",
    Kind.OUTSIDE_BOUNDS: (
        "{row}: {measure:measure} {ap:g} can't be with AP50 {ap50:g} and AP75 {ap75:g}: as a mean over ten IoU "
        "thresholds it lies between {low:ap} and {high:ap}."
    ),
    Kind.FRACTIONS: "{row}: its AP are written as fractions of 1, the other rows' in percent.",
    Kind.OUT_OF_LINE: (
        "{row}: {measure:measure} {ap:ap} does not go with its AP50 {ap50:ap} and AP75 {ap75:ap}: by the rows beside "
        "it {expected:ap} would ({odds} by chance). A digit may be wrong."
    ),
    Kind.LABELS_DISAGREE: "{row}: {factor:factor} is given as {listed}: which one was trained?",
    Kind.ONE_SETTING_TWICE: (
        "{named} are one setting by their labels, with different numbers ({measure:measure} {listed}): a label is "
        "wrong, something that differs is not told, or that is the noise between trainings."
    ),
    Kind.ONE_RESULT_TWICE: (
        "{row} stands {times} times with the same numbers: it is one result, not {times}, and says nothing of the "
        "noise between trainings."
    ),
    Kind.ROW_SWAPPED: "{row}: box and mask stand the other way round than in all other rows: were they swapped?",
    Kind.COLUMNS_SWAPPED: (
        "{leads} {measure} stands over {trails} {measure} in every row, by {low:ap} to {high:ap}, where each of the "
        "other {others} measures has it the other way round: were the two columns swapped?"
    ),
    Kind.UNREADABLE: "{row}: cannot be read as a number, and left out: {listed}.",
    Kind.IDLE_TIMES: (
        "Times differ without a cause: {listed}, against {baseline:seconds} of the baseline, though a learning rate or "
        "schedule changes no iteration's work. They were not trained equally long, or the machine was shared; then no "
        "time in this table is clean."
    ),
    Kind.LARGE_UNDER_MEDIUM: (
        "{large:measure} is {low:ap} to {high:ap} under {medium:measure} in every row; large objects are commonly the "
        "easier ones. Few large objects, objects cut by the frame, or columns in another order would do that."
    ),
    Kind.OUTSIDE_BANDS: (
        "{row}: {measure:measure} {value:ap} lies outside its size bands' range ({low:ap} to {high:ap})."
    ),
    Kind.SEEDS_UNTOLD: "A spread is told for {named}, but not of how many seeds.",
    Kind.NO_SEEDS: (
        "{which} its seeds or their spread: one training each, as far as told. Two trainings of one setting differ by "
        "up to {limit:ap} AP in 19 of 20 cases {source}. {small} of {differences} differences in {measure:measure} "
        "from {baseline} are smaller, and say nothing alone."
    ),
    Kind.RESULTS_MISSING: ("{named}: no result ({said}): nothing is known of it, least of all that it is worse."),
    Kind.UNEQUAL_BUDGETS: (
        "The rows were not trained equally long: {listed}. Their AP compare lengths as well as settings."
    ),
    Kind.BUDGET_UNTOLD: "{untold}",
    Kind.BEST_OF_MANY: (
        "{best} has the highest {measure:measure} of {results}, {mean:ap}. The best of {results} equal settings stands "
        "about {luck:ap} AP above their mean by luck (standard error {error:.2g} AP): a winner picked on validation "
        "images looks better there than it is."
    ),
    Kind.NO_CURVES: (
        "Learning rates are compared without their curves: a small one may still have been improving when training "
        "ended, and then the table compares speed, not the end result."
    ),
    Kind.NOT_CROSSED: (
        "Each factor varies alone ({listed}): whether the best level of one depends on another can't be read "
        "off, and their gains need not add up."
    ),
    Kind.IMAGES_UNKNOWN: "How many validation images or sequences there were can't be seen: their noise comes on top.",
}

Numbers = Mapping[str, Any]


def _compare_rows(found: Numbers) -> dict[str, str]:
    differ = ", ".join(
        f"{label_measure(name)} {' against '.join(map(format_ap, row))}" for name, row in found["differ"]
    )
    times = " and ".join(map(quote_seconds, found["times"]))
    return {
        "they_differ": f" (they differ in {differ})" if differ else "",
        "alike": f" Their times, {times}, end in the same three digits." if times else "",
    }


def _list_repeats(found: Numbers) -> dict[str, str]:
    texts = (
        f"{label_measure(name)} {format_ap(value)} in {join_labels(rows)}" for name, value, rows in found["repeats"]
    )
    return {"listed": "; ".join(texts)}


def _list_claims(found: Numbers) -> dict[str, str]:
    return {"listed": " and ".join(dict.fromkeys(f"{text!r} (column {column})" for text, column in found["claims"]))}


def _list_times(found: Numbers) -> dict[str, str]:
    base = found["baseline"]
    texts = (f"{row} {quote_seconds(seconds)} ({format_ratio(seconds / base)})" for row, seconds in found["times"])
    return {"listed": ", ".join(texts)}


def _weigh_seeds(found: Numbers) -> dict[str, str]:
    told = f"{count(found['settings'], 'setting')} of {found['of']} don't tell"
    source = f"with the seed's standard deviation of {found['sd']:g} AP that you state"
    if not found["stated"]:
        other = format_ap(found["limit"] / found["sd"] * NUCLEI_SD)
        source = (
            f"where the seed's standard deviation is {SCENES_SD:g} AP, as this project measured on its drawn scenes "
            f"({other} with the {NUCLEI_SD:g} AP of 260 microscopy images); yours is not known, give it with --seed-sd"
        )
    return {"which": "No row tells" if found["settings"] == found["of"] else told, "source": source}


def _name_untold(found: Numbers) -> dict[str, str]:
    length = "How long each row was trained is not told (iterations, epochs)."
    batches = (
        "Batch sizes are compared: whether iterations or images were held the same, and whether the learning rate "
        "followed, is not told."
    )
    return {"untold": " ".join([length] * found["length"] + [batches] * found["batches"])}


_CLAUSES: dict[Kind, Callable[[Numbers], dict[str, str]]] = {
    Kind.ROWS_REPEAT: _compare_rows,
    Kind.CELLS_REPEAT: _list_repeats,
    Kind.LABELS_DISAGREE: _list_claims,
    Kind.ONE_SETTING_TWICE: lambda found: {"listed": " and ".join(map(format_ap, found["values"]))},
    Kind.UNREADABLE: lambda found: {"listed": ", ".join(f"{label_measure(m)} {text!r}" for m, text in found["texts"])},
    Kind.IDLE_TIMES: _list_times,
    Kind.NO_SEEDS: _weigh_seeds,
    Kind.RESULTS_MISSING: lambda found: {"said": found["text"] or "empty cells"},
    Kind.UNEQUAL_BUDGETS: lambda found: {
        "listed": "; ".join(f"{name} from {low:,g} to {high:,g}" for name, low, high in found["ranges"])
    },
    Kind.BUDGET_UNTOLD: _name_untold,
    Kind.NOT_CROSSED: lambda found: {"listed": ", ".join(map(label_factor, found["factors"]))},
}


@say.register
def _(fact: BeyondSeeds) -> str:
    return (
        f"{fact.row}: {format_change(fact.change)} {label_measure(fact.measure)} against {fact.baseline}, beyond what "
        f"seeds do (±{format_ap(fact.half)} at 95 %, {count(fact.comparisons, 'comparison')} together); over these "
        "validation images, and if both were trained equally long."
    )


@say.register
def _(fact: OtherCost) -> str:
    idle = f"; times differ here by up to {format_ratio(fact.idle)} without a cause" if fact.idle else ""
    return (
        f"{fact.row} took {format_ratio(fact.ratio)} the time of {fact.baseline} ({quote_seconds(fact.seconds)}, timed "
        f"once{idle})."
    )


@say.register
def _(fact: ReadAgain) -> str:
    named = "; ".join(dict.fromkeys([*fact.rows, *map(label_measure, fact.measures)]))
    return f"Read these again from their logs or result files, before anything else: {named}."


@say.register
def _(fact: TrainSeeds) -> str:
    return (
        "Train the baseline with three seeds or more (`baseline_seeds: [0, 1, 2]`) and what you mean to claim with "
        f"two or more: the spread is the yardstick of every difference. With a standard deviation of {fact.sd:g} AP, "
        f"1 AP needs about {count(fact.seeds, 'seed')} a setting to be found in four studies of five."
    )


@say.register
def _(fact: ToRun) -> str:
    return {
        ToRun.WHAT_HAS_NO_RESULT: (
            "Run what has no result so that it fits (micro-batches, smaller images), or say why it can't."
        ),
        ToRun.EQUAL_BUDGETS: (
            "Train all rows for the same number of iterations, or of images where the batch size varies, and print it; "
            "time each setting alone on the machine."
        ),
        ToRun.LONGER: "Train the smallest learning rate twice as long: if it still gains, the table compares speed.",
        ToRun.FRESH_IMAGES: "Evaluate the winner and the baseline once on images that picked nothing.",
        ToRun.CROSSED_FACTORS: "Cross the two factors that matter most (`design: grid`): one may depend on the other.",
        ToRun.RESULT_FILES: (
            "With the result files at hand, `detstudy compare --gt GT.json A.json B.json` tells how much of a "
            "difference the validation images make."
        ),
    }[fact]
