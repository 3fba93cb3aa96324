"""What looks wrong in a study, and what may mislead a reader of its answer, in words."""

from __future__ import annotations

from collections.abc import Sequence

from detstudy.analysis.facts import warning as facts
from detstudy.analysis.facts.warning import Pitfall
from detstudy.numbers import format_time
from detstudy.wording.labels import label_measure, list_names
from detstudy.wording.say import phrase, say

_WORDS = {
    Pitfall.NO_SEED_NOISE: "Seed noise unknown: no setting gave two different results, so a difference may be luck of "
    "the draw. Give baseline_seeds: [0, 1, 2] to measure it.",
    Pitfall.PICKED_BY_VALIDATION: "Validation picked: the images that picked the setting also measured it; there is no "
    "test split.",
}

say.register(Pitfall, _WORDS.__getitem__)
phrase(facts.MoreSameTimes, "More training times that several trainings share to the last digit: {times}.")
phrase(facts.Preliminary, "Preliminary: {left} of {runs} runs have not ended. `detstudy run` goes on.")


@say.register
def _(fact: facts.IdleSeeds) -> str:
    named = [f"{say(setting)} (seeds {', '.join(map(str, seeds))})" for setting, seeds in fact.groups]
    return (
        f"The seed changed nothing: {_join(named)} gave the same AP measures to the last digit. A trainer that "
        "ignores the seed, or copied runs? Each such result counts once, so the seeds' noise is not known from them."
    )


@say.register
def _(fact: facts.SameResults) -> str:
    what = "the same predictions, byte for byte" if fact.predictions else "the same AP measures to the last digit"
    return f"{_join([*map(say, fact.runs)])} have {what}: a level that did nothing, or a copied result."


@say.register
def _(fact: facts.AllButOneSame) -> str:
    return (
        f"{_join([*map(say, fact.runs)])} share {fact.measures - 1} of {fact.measures} AP measures to the last "
        f"digit, all but {label_measure(fact.unlike)}: a copied result?"
    )


@say.register
def _(fact: facts.SameTimes) -> str:
    runs = _join([*map(say, fact.runs)])
    return (
        f"Training took {format_time(fact.seconds)}, the same to the last digit, in {runs}: a copied time, or one that "
        "was not measured."
    )


@say.register
def _(fact: facts.NotPlanned) -> str:
    listed = "; ".join(
        f"{', '.join(map(say, settings))}: {say(reason)}" if settings else say(reason)
        for settings, reason in fact.departures
    )
    return (
        f"Exploratory: not all of this was planned at the first run ({listed}). What is chosen after a look at results "
        "claims more than its 5 %: take such verdicts as a reason to look again, not as a result."
    )


@say.register
def _(fact: facts.WinnersCurse) -> str:
    return (
        f"Winner's curse: this is a pick among {fact.settings} settings, by the images that measured it, so its AP "
        "here is likely a little higher than what it will reach on new data"
        f"{'' if fact.tested else '; there is no test split to tell by how much'}."
    )


def _join(names: Sequence[str]) -> str:
    return list_names(names, " and ")
