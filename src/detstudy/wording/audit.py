"""What the audit of a published table finds, in words."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.auditing import facts
from detstudy.auditing.conclusion import NUCLEI_SD, SCENES_SD
from detstudy.numbers import format_ap, format_change, format_ratio, quote_seconds
from detstudy.wording.labels import count, join_words, label_factor, label_measure
from detstudy.wording.say import say


@say.register
def _(fact: facts.LabelsDisagree) -> str:
    listed = " and ".join(dict.fromkeys(f"{text!r} (column {column})" for text, column in fact.claims))
    return f"{fact.row}: {label_factor(fact.factor)} is given as {listed}: which one was trained?"


@say.register
def _(fact: facts.OneResultTwice) -> str:
    return (
        f"{fact.row} stands {fact.times} times with the same numbers: it is one result, not {fact.times}, and says "
        "nothing of the noise between trainings."
    )


@say.register
def _(fact: facts.OneSettingTwice) -> str:
    values = " and ".join(map(format_ap, fact.values))
    return (
        f"{join_labels(fact.rows)} (lines {', '.join(map(str, fact.lines))}) are one setting by their labels, with "
        f"different numbers ({label_measure(fact.measure)} {values}): a label is wrong, something that differs is not "
        "told, or that is the noise between trainings."
    )


@say.register
def _(fact: facts.TimesWithoutCause) -> str:
    listed = ", ".join(
        f"{row} {quote_seconds(seconds)} ({format_ratio(seconds / fact.baseline)})" for row, seconds in fact.seconds
    )
    return (
        f"Times differ without a cause: {listed}, against {quote_seconds(fact.baseline)} of the baseline, though a "
        "learning rate or schedule changes no iteration's work. They were not trained equally long, or the machine was "
        "shared; then no time in this table is clean."
    )


@say.register
def _(fact: facts.OutsideScale) -> str:
    return f"{fact.row}: {label_measure(fact.measure)} is {fact.text}; AP lies between 0 and 100."


@say.register
def _(fact: facts.AboveItsBound) -> str:
    return (
        f"{fact.row}: {label_measure(fact.measure)} {fact.value:g} is above {fact.bound} {fact.most:g}, which can't be."
    )


@say.register
def _(fact: facts.OutsideBounds) -> str:
    ap, ap50, ap75 = fact.values
    return (
        f"{fact.row}: {label_measure(fact.measure)} {ap:g} can't be with AP50 {ap50:g} and AP75 {ap75:g}: as a mean "
        f"over ten IoU thresholds it lies between {format_ap(fact.low)} and {format_ap(fact.high)}."
    )


@say.register
def _(fact: facts.FractionsAmongPercents) -> str:
    return f"{fact.row}: its AP are written as fractions of 1, the other rows' in percent."


@say.register
def _(fact: facts.OutOfLine) -> str:
    ap, ap50, ap75 = map(format_ap, fact.values)
    return (
        f"{fact.row}: {label_measure(fact.measure)} {ap} does not go with its AP50 {ap50} and AP75 {ap75}: by the rows "
        f"beside it {format_ap(fact.expected)} would ({say_chance(fact.chance)} by chance). A digit may be wrong."
    )


@say.register
def _(fact: facts.RowSwapped) -> str:
    return f"{fact.row}: box and mask stand the other way round than in all other rows: were they swapped?"


@say.register
def _(fact: facts.ColumnsSwapped) -> str:
    return (
        f"{fact.leads} {fact.measure} stands over {fact.trails} {fact.measure} in every row, by {format_ap(fact.low)} "
        f"to {format_ap(fact.high)}, where each of the other {fact.others} measures has it the other way round: were "
        "the two columns swapped?"
    )


@say.register
def _(fact: facts.LargeUnderMedium) -> str:
    return (
        f"{label_measure(fact.large)} is {format_ap(fact.low)} to {format_ap(fact.high)} under "
        f"{label_measure(fact.medium)} in every row; large objects are commonly the easier ones. Few large objects, "
        "objects cut by the frame, or columns in another order would do that."
    )


@say.register
def _(fact: facts.OutsideBands) -> str:
    return (
        f"{fact.row}: {label_measure(fact.measure)} {format_ap(fact.value)} lies outside its size bands' range "
        f"({format_ap(fact.low)} to {format_ap(fact.high)})."
    )


@say.register
def _(fact: facts.Unreadable) -> str:
    listed = ", ".join(f"{label_measure(measure)} {text!r}" for measure, text in fact.cells)
    return f"{fact.row}: cannot be read as a number, and left out: {listed}."


@say.register
def _(fact: facts.RowsRepeat) -> str:
    differ = ", ".join(
        f"{label_measure(measure)} {' against '.join(map(format_ap, values))}" for measure, values in fact.differ
    )
    differ = f" (they differ in {differ})" if differ else ""
    text = (
        f"{join_labels(fact.rows)} share {fact.shared} of {fact.common} cells{differ}: by chance "
        f"{say_chance(fact.chance)}. One row was copied over the other, or the setting changed nothing."
    )
    if not fact.alike_times:
        return text
    return f"{text} Their times, {' and '.join(map(quote_seconds, fact.alike_times))}, end in the same three digits."


@say.register
def _(fact: facts.CellsRepeat) -> str:
    listed = "; ".join(
        f"{label_measure(measure)} {format_ap(value)} in {join_labels(rows)}" for measure, value, rows in fact.cells
    )
    return (
        f"{fact.pairs} pairs of cells repeat where about {fact.expected:.0f} would by chance "
        f"({say_chance(fact.chance)}): {listed}."
    )


@say.register
def _(fact: facts.BlockCopied) -> str:
    return (
        f"{fact.row}: box and mask show the same number in {fact.same} of {fact.measures} measures: one block was "
        "copied over the other."
    )


@say.register
def _(fact: facts.TimesRepeat) -> str:
    return (
        f"{join_labels(fact.rows)} took the same {quote_seconds(fact.seconds)}: by chance {say_chance(fact.chance)}, "
        "taking times of equal work to scatter by 1 %. One time was copied, or the rows are of one training."
    )


@say.register
def _(fact: facts.SeedsUntold) -> str:
    return f"A spread is told for {join_labels(fact.rows)}, but not of how many seeds."


@say.register
def _(fact: facts.NoSeeds) -> str:
    which = "No row tells" if fact.settings == fact.of else f"{count(fact.settings, 'setting')} of {fact.of} don't tell"
    source = f"with the seed's standard deviation of {fact.sd:g} AP that you state"
    if not fact.stated:
        other = format_ap(fact.limit / fact.sd * NUCLEI_SD)
        source = (
            f"where the seed's standard deviation is {SCENES_SD:g} AP, as this project measured on its drawn scenes "
            f"({other} with the {NUCLEI_SD:g} AP of 260 microscopy images); yours is not known, give it with --seed-sd"
        )
    return (
        f"{which} its seeds or their spread: one training each, as far as told. Two trainings of one setting differ by "
        f"up to {format_ap(fact.limit)} AP in 19 of 20 cases {source}. {fact.small} of {fact.differences} differences "
        f"in {label_measure(fact.measure)} from {fact.baseline} are smaller, and say nothing alone."
    )


@say.register
def _(fact: facts.ResultsMissing) -> str:
    has = "has" if len(fact.rows) == 1 else "have"
    return (
        f"{join_labels(fact.rows)} {has} no result ({fact.text or 'empty cells'}): nothing is known of it, least of "
        "all that it is worse."
    )


@say.register
def _(fact: facts.UnequalBudgets) -> str:
    listed = "; ".join(f"{name} from {low:,g} to {high:,g}" for name, low, high in fact.ranges)
    return f"The rows were not trained equally long: {listed}. Their AP compare lengths as well as settings."


@say.register
def _(fact: facts.BudgetUntold) -> str:
    length = "How long each row was trained is not told (iterations, epochs)."
    batches = (
        "Batch sizes are compared: whether iterations or images were held the same, and whether the learning rate "
        "followed, is not told."
    )
    return " ".join([length] * fact.length + [batches] * fact.batches)


@say.register
def _(fact: facts.BestOfMany) -> str:
    return (
        f"{fact.row} has the highest {label_measure(fact.measure)} of {fact.results}, {format_ap(fact.mean)}. The best "
        f"of {fact.results} equal settings stands about {format_ap(fact.luck)} AP above their mean by luck (standard "
        f"error {fact.error:.2g} AP): a winner picked on validation images looks better there than it is."
    )


@say.register
def _(fact: facts.Untold) -> str:
    if fact is facts.Untold.IMAGES:
        return "How many validation images or sequences there were can't be seen: their noise comes on top."
    return (
        "Learning rates are compared without their curves: a small one may still have been improving when training "
        "ended, and then the table compares speed, not the end result."
    )


@say.register
def _(fact: facts.FactorsVaryAlone) -> str:
    return (
        f"Each factor varies alone ({', '.join(map(label_factor, fact.factors))}): whether the best level of one "
        "depends on another can't be read off, and their gains need not add up."
    )


@say.register
def _(fact: facts.BeyondSeeds) -> str:
    return (
        f"{fact.row}: {format_change(fact.change)} {label_measure(fact.measure)} against {fact.baseline}, beyond what "
        f"seeds do (±{format_ap(fact.half)} at 95 %, {count(fact.comparisons, 'comparison')} together); over these "
        "validation images, and if both were trained equally long."
    )


@say.register
def _(fact: facts.OtherCost) -> str:
    idle = f"; times differ here by up to {format_ratio(fact.idle)} without a cause" if fact.idle else ""
    return (
        f"{fact.row} took {format_ratio(fact.ratio)} the time of {fact.baseline} ({quote_seconds(fact.seconds)}, timed "
        f"once{idle})."
    )


@say.register
def _(fact: facts.ReadAgain) -> str:
    named = "; ".join(dict.fromkeys([*fact.rows, *map(label_measure, fact.measures)]))
    return f"Read these again from their logs or result files, before anything else: {named}."


@say.register
def _(fact: facts.TrainSeeds) -> str:
    return (
        "Train the baseline with three seeds or more (`baseline_seeds: [0, 1, 2]`) and what you mean to claim with "
        f"two or more: the spread is the yardstick of every difference. With a standard deviation of {fact.sd:g} AP, "
        f"1 AP needs about {count(fact.seeds, 'seed')} a setting to be found in four studies of five."
    )


@say.register
def _(fact: facts.ToRun) -> str:
    return {
        facts.ToRun.WHAT_HAS_NO_RESULT: (
            "Run what has no result so that it fits (micro-batches, smaller images), or say why it can't."
        ),
        facts.ToRun.EQUAL_BUDGETS: (
            "Train all rows for the same number of iterations, or of images where the batch size varies, and print it; "
            "time each setting alone on the machine."
        ),
        facts.ToRun.LONGER: (
            "Train the smallest learning rate twice as long: if it still gains, the table compares speed."
        ),
        facts.ToRun.FRESH_IMAGES: "Evaluate the winner and the baseline once on images that picked nothing.",
        facts.ToRun.CROSSED_FACTORS: (
            "Cross the two factors that matter most (`design: grid`): one may depend on the other."
        ),
        facts.ToRun.RESULT_FILES: (
            "With the result files at hand, `detstudy compare --gt GT.json A.json B.json` tells how much of a "
            "difference the validation images make."
        ),
    }[fact]


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
