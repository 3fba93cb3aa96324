"""What was learned, what was not, and what to run next, in words: verdict first, then the setting and the numbers."""

from __future__ import annotations

import shlex

from detstudy.analysis.facts import conclusion as facts
from detstudy.analysis.facts.reason import NoVerdict
from detstudy.analysis.records import Conclusion
from detstudy.numbers import format_ap, format_time
from detstudy.wording.contrast import state_missing, state_verdict
from detstudy.wording.labels import count, label_measure, list_names
from detstudy.wording.say import phrase, say

phrase(facts.NoResult, "No result: {setting}: {reason}.")
phrase(facts.NoInteractions, "Interactions: {reason}")


@say.register
def _(fact: Conclusion) -> str:
    """Return the finding, and the line to type where it proposes something."""
    return f"{say(fact.fact)} {say(fact.command)}" if fact.command else say(fact.fact)


@say.register
def _(fact: facts.Judged) -> str:
    label, contrast = say(fact.setting), fact.contrast
    if contrast.reason is NoVerdict.IDENTICAL:
        return f"Nothing changed: {label} predicts exactly what the baseline does."
    return (
        state_verdict(label, fact.contrast, fact.margin)
        if fact.contrast.verdict
        else state_missing(label, fact.contrast)
    )


@say.register
def _(fact: facts.SeedNoiseFound) -> str:
    freedom = count(round(fact.degrees_of_freedom), "degree") + " of freedom"
    return (
        f"The seed alone moves {label_measure(fact.measure)} by {format_ap(fact.sd)} (standard deviation, {freedom}): "
        "a difference of that size between two single trainings says nothing."
    )


@say.register
def _(fact: facts.ReachedOnTest) -> str:
    reached = ", ".join(
        f"{say(name)} {format_ap(mean)} ({count(seeds, 'seed')})" for name, mean, seeds in fact.settings
    )
    looks = "; ".join(map(say, fact.openings))
    noted = all(opening.date for opening in fact.openings)
    if len(fact.openings) == 1 and noted:
        seal = f"opened once ({looks}), so that it picked nothing"
    else:
        times = f"{'' if noted else 'at least '}{count(len(fact.openings), 'time')}"
        seal = f"opened {times} ({looks}), so that choices after the first may rest on it"
    text = f"On the test split, {seal}, {label_measure(fact.measure)} is: {reached}."
    if fact.unseen is None:
        return text
    return f"{text} The choice, {say(fact.unseen)}, was not among them; `--open-test-again` opens it once more."


@say.register
def _(fact: facts.OpenedTest) -> str:
    names = " and ".join(map(say, fact.settings))
    return f"{fact.date} for {names}" if fact.date else f"on an unknown date for {names}"


@say.register
def _(fact: facts.Finish) -> str:
    return f"Finish what is planned ({count(fact.runs, 'run')} left):"


@say.register
def _(fact: facts.RepeatForNoise) -> str:
    who = "every setting" if fact.everything else "the baseline"
    return f"Repeat {who}, so that the noise between seeds is known:"


@say.register
def _(fact: facts.MoreSeeds) -> str:
    cost = count(fact.trainings, "more training")
    if fact.seconds is not None:
        cost += f", about {format_time(fact.seconds)} of training"
    listed = "; ".join(f"{say(setting)} needs {seeds}" for setting, seeds in fact.needs)
    return (
        f"Train {count(fact.seeds, 'seed')} of every setting ({cost}): if the differences stay as they are, that tells "
        f"({listed}). Seeds added after a look make those verdicts exploratory."
    )


@say.register
def _(fact: facts.MoreUnits) -> str:
    listed = "; ".join(f"{say(setting)}: {units:,}" for setting, units in fact.needs)
    return f"Annotate more validation {fact.noun}s (now {fact.now:,}) where seeds alone won't tell: {listed}."


@say.register
def _(fact: facts.TrainLonger) -> str:
    if len(fact.settings) > 1:
        why = "they or the baseline were"
    else:
        why = "both were" if fact.itself and fact.baseline else "it was" if fact.itself else "the baseline was"
    listed = list_names([say(setting) for setting in fact.settings])
    return f"Train {listed} and the baseline twice as long, since {why} still improving:"


@say.register
def _(fact: facts.RunTogether) -> str:
    return f"Run {', '.join(map(say, fact.settings))} together, which this study did not:"


@say.register
def _(fact: facts.Command) -> str:
    """Return the line to type."""
    parts = ["detstudy", "run", str(fact.study_file)]
    if fact.out is not None:
        parts += ["--out", str(fact.out)]
    return shlex.join([*parts, *(part for override in fact.overrides for part in ("--set", override))])
