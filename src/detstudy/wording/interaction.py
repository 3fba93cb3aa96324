"""What the factors of a grid do, alone and together, in words."""

from __future__ import annotations

from detstudy.analysis.facts.interaction import (
    BatchesInParts,
    BestLevels,
    EffectVerdict,
    LeftOut,
    NoAnalysis,
    TooFewLevels,
    TrainsNothing,
    UnlikeNoise,
    VarianceBasis,
)
from detstudy.analysis.records import Effect
from detstudy.numbers import describe_interval, format_ap, format_change, format_p
from detstudy.wording.labels import count, label_factor, label_level, label_measure, name_level
from detstudy.wording.say import phrase, say


@say.register
def _(fact: Effect) -> str:
    """Return what a factor, or two together, do, verdict first."""
    return _say_main(fact) if len(fact.factors) == 1 else _say_interaction(fact)


def _say_main(fact: Effect) -> str:
    label, measure = label_factor(fact.factors[0]), label_measure(fact.objective)
    if fact.p_holm is None:
        return f"The effect of the {label} can't be told from those of the other factors: too few cells have a result."
    p, others = format_p(fact.p_all), "averaged over the other factors' levels"
    size = f"partial ω² {fact.omega_squared:.2f}"
    if fact.verdict is EffectVerdict.NOT_FOUND:
        return f"No effect of the {label} on {measure} was found, {others} ({p}); that is not proof of none."
    if fact.verdict is EffectVerdict.ON_THESE_IMAGES:
        return (
            f"The {label} changes {measure} on these validation images, {others} ({format_p(fact.p_holm)}, {size}), "
            f"but on others it may not ({p})."
        )
    return f"The {label} changes {measure}, {others} ({p}, {size})."


def _say_interaction(fact: Effect) -> str:
    first, second = map(label_factor, fact.factors)
    if fact.p_holm is None:
        return f"Whether {first} and {second} interact can't be told: too few of their combinations have a result."
    p = format_p(fact.p_all)
    if fact.verdict is EffectVerdict.NOT_FOUND:
        return f"No interaction was found between {first} and {second} ({p}); that is not proof of none."
    if fact.verdict is EffectVerdict.ON_THESE_IMAGES:
        return (
            f"No interaction between {first} and {second} is certain: there is one on these validation images "
            f"({format_p(fact.p_holm)}), but on others it may be gone ({p})."
        )
    assert fact.best is not None
    return _say_best(fact.best, label_measure(fact.objective), p)


def _say_best(fact: BestLevels, measure: str, p: str) -> str:
    """Return how the best level of a factor moves with the other, and what the wrong one costs."""
    first, second = label_factor(fact.factor), label_factor(fact.other)
    best = dict(fact.best)
    listed = ", ".join(f"{name_level(level)} at {name_level(at)}" for at, level in fact.best)
    if fact.exchange:
        changes = " and ".join(
            f"{format_change(made.estimate)} {measure} at {name_level(made.at)} "
            f"({describe_interval(made.low, made.high)})"
            for made in fact.exchange
        )
        one, two = (name_level(best[made.at]) for made in fact.exchange)
        return f"The best {first} depends on the {second}: {listed} ({p}). {one} in place of {two} makes {changes}."
    depends = f"What the {first} does depends on the {second} ({p})"
    if fact.moves:
        return f"{depends}. The highest means are {listed}, but which level is best is not certain at each."
    return f"{depends}, though {name_level(fact.best[0][1])} has the highest mean at each."


phrase(TrainsNothing, "{factor:factor} trains nothing: settings that share their trainings are not independent")


@say.register
def _(fact: TooFewLevels) -> str:
    if fact.level is None:
        return f"no level of {label_factor(fact.factor)} has a result"
    return f"only {label_level(fact.factor, fact.level)} has a result"


@say.register
def _(fact: NoAnalysis) -> str:
    return {
        NoAnalysis.NO_GRID: (
            "the settings are no grid, since learning rate or iterations follow the batch size; let "
            "when_batch_size_changes hold what is a factor itself"
        ),
        NoAnalysis.ONE_SEED: (
            "one seed a setting leaves no noise to hold it against; give each two or more (seeds: [0, 1, 2])"
        ),
        NoAnalysis.NO_NOISE: "nothing varies over seeds, so there is no noise to hold it against",
    }[fact]


@say.register
def _(fact: VarianceBasis) -> str:
    freedom = count(fact.degrees_of_freedom, "degree") + " of freedom"
    return (
        f"Analysis of variance, type II, of {label_measure(fact.objective)} over {count(fact.runs, 'run')} in "
        f"{count(fact.settings, 'setting')}; each p is Holm's over {count(fact.effects, 'effect')}. Its noise is the "
        f"seeds' ({format_ap(fact.noise)}, {freedom}) on these validation images; what is said to hold holds for other "
        f"images too ({say(fact.units)}), and its p counts both."
    )


@say.register
def _(fact: LeftOut) -> str:
    return f"Without a result, and left out: {'; '.join(map(say, fact.settings))}."


@say.register
def _(fact: BatchesInParts) -> str:
    return f"Batches in parts: {'; '.join(map(say, fact.settings))} ({'; '.join(dict.fromkeys(map(say, fact.how)))})."


phrase(
    UnlikeNoise,
    "The seeds' noise is not the same in all settings (Bartlett's test, {p:p}); the analysis of "
    "variance takes one for all, so its own p are rough.",
)
