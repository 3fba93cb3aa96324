"""Which setting to take, in words: a headline, what follows it, and how sure it is."""

from __future__ import annotations

from detstudy.analysis.facts.choice import Certainty, Choice, Ground
from detstudy.numbers import (
    describe_interval,
    format_ap,
    format_change,
    format_ratio,
    format_size,
    format_time,
    rounds_to_nothing,
)
from detstudy.wording.labels import count, label_factor, label_measure
from detstudy.wording.say import say
from detstudy.wording.setting import say_in_text

KEPT = (Ground.ONLY_RESULT, Ground.NOTHING_BETTER)

WHY = {
    Ground.ONLY_RESULT: "no other setting has a result",
    Ground.NOTHING_BETTER: "nothing else is shown to be better",
    Ground.BEST_MEAN: "the baseline has no result, so this is only the best mean",
}


@say.register
def _(fact: Choice) -> str:
    """Return "Keep the baseline, 40.0 mask AP: nothing else is shown to be better; ...", headline and reasons."""
    return f"{head_choice(fact)}{', ' if fact.ground in WHY else ': '}{reason_choice(fact)}"


def head_choice(fact: Choice) -> str:
    """Return "Keep the baseline", "Take learning rate 0.001"."""
    who = say_in_text(fact.setting)
    if fact.ground in KEPT:
        return f"Keep {who}"
    return f"Take {who} for now" if fact.ground is Ground.BEST_MEAN else f"Take {who}"


def reason_choice(fact: Choice) -> str:
    """Return why, what one may lose by it, what it costs, and what is cheaper."""
    clauses = "; ".join(filter(None, (_say_why(fact), _say_loss(fact), _say_cost(fact))))
    sentences = [f"{clauses}."]
    if fact.cheaper:
        setting, ratio = fact.cheaper
        sentences.append(f"Cheaper, with no difference that matters: {say(setting)} ({format_ratio(ratio)} the time).")
    if fact.apart:
        named = " and ".join(map(label_factor, fact.apart))
        sentences.append(f"The better levels of {named} were not run together: their gains need not add up.")
    return " ".join(sentences)


def _say_why(fact: Choice) -> str:
    measure = label_measure(fact.measure)
    if fact.ground in WHY:
        return f"{format_ap(fact.mean)} {measure}: {WHY[fact.ground]}"
    contrast = fact.contrast
    assert contrast is not None
    assert contrast.estimate is not None
    assert contrast.low is not None
    assert contrast.high is not None
    gain = f"{format_change(contrast.estimate)} {measure} over the baseline"
    interval = describe_interval(contrast.low, contrast.high)
    unsure = ", not shown to be better, but what one loses least by" if fact.ground is Ground.LOSES_LEAST else ""
    return f"{gain} ({interval}){unsure}"


def _say_loss(fact: Choice) -> str:
    if fact.compared < 2:
        return ""
    if fact.loses_at_most is None:
        return "what you may lose by it can't be bounded yet"
    if rounds_to_nothing(fact.loses_at_most):
        return "at 95 % you lose nothing by it"
    return f"at 95 % you lose at most {format_ap(fact.loses_at_most)} {label_measure(fact.measure)} by it"


def _say_cost(fact: Choice) -> str:
    parts = []
    if fact.time_ratio is not None:
        parts.append(f"{format_ratio(fact.time_ratio)} the baseline's time")
    elif fact.seconds is not None:
        parts.append(f"{format_time(fact.seconds)} of training")
    if fact.memory_bytes is not None:
        parts.append(format_size(fact.memory_bytes))
    return ", ".join(parts)


@say.register
def _(fact: Certainty) -> str:
    parts = [count(fact.baseline_seeds, "baseline seed")]
    if fact.seeds:
        least, most = fact.seeds
        parts.append(f"{count(least, 'seed') if least == most else f'{least} to {most} seeds'} a setting")
    parts.append(say(fact.units))
    measure = label_measure(fact.measure)
    noise = "seed noise unknown: no setting gave two different results"
    if fact.seed_sd is not None:
        noise = f"from seed to seed {measure} varies by {format_ap(fact.seed_sd)} (standard deviation)"
    if fact.detectable is not None:
        noise += f"; a difference of {format_ap(fact.detectable)} {measure} would be found in 80 % of such studies"
    return f"{', '.join(parts)}; {noise}."
