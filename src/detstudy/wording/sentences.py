"""What was learned and what was not, as sentences: verdict first, then the setting, the number and what it rests on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from detstudy.analysis.contrasts.arm import IDENTICAL
from detstudy.analysis.evidence.confounding import name_setting
from detstudy.analysis.records import Conclusion, Contrast, Factorial, SettingSummary, TradeOff
from detstudy.analysis.statistics.contrast import LEVEL
from detstudy.analysis.statistics.variance import SeedNoise
from detstudy.ledger import RunRecord
from detstudy.numbers import describe_interval, format_ap, format_change, format_p
from detstudy.wording.labels import count, label_measure
from detstudy.wording.say import say

SETTINGS = "settings"
"""Where the evidence of what concerns no single factor stands."""


def write_learned(
    settings: Sequence[SettingSummary], objective: str, margin: float, noise: SeedNoise
) -> list[Conclusion]:
    """Return a sentence for each setting with a verdict, for each that changed nothing, and for the seeds' noise."""
    found = []
    for summary in settings:
        contrast = summary.contrasts.get(objective)
        if contrast is None:
            continue
        evidence = find_evidence(summary)
        if contrast.reason == IDENTICAL:
            text = f"Nothing changed: {say(summary.label)} predicts exactly what the baseline does."
            found.append(Conclusion(text, evidence))
        elif contrast.verdict is not None and contrast.verdict != "cannot tell":
            found.append(Conclusion(state_verdict(say(summary.label), contrast, margin), evidence))
    if noise.pooled:
        freedom = count(round(noise.pooled.degrees_of_freedom), "degree") + " of freedom"
        spread = format_ap(math.sqrt(noise.pooled.variance))
        text = (
            f"The seed alone moves {label_measure(objective)} by {spread} (standard deviation, {freedom}): "
            "a difference of that size between two single trainings says nothing."
        )
        found.append(Conclusion(text, SETTINGS))
    return found


def write_test(runs: Sequence[RunRecord], objective: str) -> list[Conclusion]:
    """Return what the runs evaluated on the test split reached there, as one sentence; [] where none was."""
    values: dict[str, list[float]] = {}
    for run in runs:
        measure = run.measures.get(objective) if run.outcome == "finished" else None
        if measure is not None and measure.value is not None:
            values.setdefault(say(name_setting(run.levels, [run])), []).append(measure.value)
    if not values:
        return []
    parts = [
        f"{label} {format_ap(statistics.fmean(found))} ({count(len(found), 'seed')})" for label, found in values.items()
    ]
    text = f"On the test split, which picked nothing, {label_measure(objective)} is: {', '.join(parts)}."
    return [Conclusion(text, "runs")]


def write_unknown(settings: Sequence[SettingSummary], objective: str, margin: float) -> list[Conclusion]:
    """Return a sentence for each setting without an answer in the objective: why not, and what would tell."""
    found = []
    for summary in settings:
        contrast = summary.contrasts.get(objective)
        text = None
        if not summary.seeds_finished:
            text = f"No result: {say(summary.label)}: {summary.reason}."
        elif contrast is None:
            if objective in summary.undefined:
                text = f"Undefined: {label_measure(objective)} of the baseline: {summary.undefined[objective]}."
        elif contrast.verdict == "cannot tell":
            text = state_verdict(say(summary.label), contrast, margin)
        elif contrast.verdict is None and contrast.reason != IDENTICAL:
            text = state_missing(say(summary.label), contrast)
        if text:
            found.append(Conclusion(text, find_evidence(summary)))
    return found


def write_interactions(factorial: Factorial | None) -> tuple[list[Conclusion], list[Conclusion]]:
    """Return what a grid tells of factors that depend on each other: what was learned, and what was not."""
    learned: list[Conclusion] = []
    unknown: list[Conclusion] = []
    if factorial and factorial.reason:
        unknown.append(Conclusion(f"Interactions: {factorial.reason}", "interactions"))
    for effect in factorial.effects if factorial else ():
        if len(effect.factors) == 2:
            certain = effect.p_holm is not None and max(effect.p_holm, effect.p_images or 0.0) < LEVEL
            (learned if certain else unknown).append(Conclusion(effect.sentence, "interactions"))
    return learned, unknown


def write_savings(trade_offs: Sequence[TradeOff]) -> list[Conclusion]:
    """Return where more time or memory is not worth it: a sentence for each cost that a cheaper setting saves."""
    return [Conclusion(found.sentence, "costs") for found in trade_offs if found.choice not in (None, found.best)]


def find_evidence(summary: SettingSummary) -> str:
    """Return where a setting's numbers stand: with the only factor in which it differs, else with all settings."""
    return next(iter(summary.levels)) if len(summary.levels) == 1 else SETTINGS


def state_verdict(label: str, contrast: Contrast, margin: float) -> str:
    """Return a contrast with a verdict: "Worse: learning rate 0.04 loses 35.2 mask AP (95 %: ...).", then what goes
    with it: caveats, kinds of error, what would tell."""
    assert contrast.estimate is not None
    assert contrast.low is not None
    assert contrast.high is not None
    measure = label_measure(contrast.measure)
    interval = describe_interval(contrast.low, contrast.high)
    basis = describe_basis(contrast)
    if contrast.verdict == "worse":
        text = f"Worse: {label} loses {format_ap(-contrast.estimate)} {measure} ({interval}; {basis})."
    elif contrast.verdict == "better":
        text = f"Better: {label} gains {format_ap(contrast.estimate)} {measure} ({interval}; {basis})."
    else:
        change = f"{label} changes {measure} by {format_change(contrast.estimate)}"
        if contrast.verdict == "no difference that matters":
            text = f"No difference that matters: {change} ({interval}; at 90 % within ±{margin:g}; {basis})."
        else:
            text = f"Cannot tell: {change} ({interval}; {basis})."
    if contrast.exploratory:
        text = f"Exploratory ({contrast.exploratory}). {text}"
    kinds = contrast.kinds if contrast.verdict in ("better", "worse") else None  # else there is nothing to explain
    return " ".join([text, *map(end_sentence, filter(None, (*map(say, contrast.caveats), kinds, contrast.remedy)))])


def end_sentence(clause: str) -> str:
    """Return a clause with a capital and a full stop."""
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}."


def state_missing(label: str, contrast: Contrast) -> str:
    """Return a contrast without a verdict as one sentence."""
    if contrast.estimate is None:
        return f"No verdict: {label}: {contrast.reason}."
    change = f"{format_change(contrast.estimate)} {label_measure(contrast.measure)}"
    return f"No verdict: {label}: {change}, but {contrast.reason}."


def describe_basis(contrast: Contrast) -> str:
    """Return seeds and units: "1 against 3 seeds, 20 sequences"."""
    own, other = contrast.seeds
    seeds = f"{count(own, 'seed')} each" if own == other else f"{own} against {other} seeds"
    return f"{seeds}, {contrast.units}"


def describe_contrast(contrast: Contrast) -> str:
    """Return a contrast as one line: "mask/AP: 38.2 against 36.1, +2.1 (95 %: 0.4 to 3.8; p 0.03): better"."""
    if contrast.estimate is None or contrast.a_value is None or contrast.b_value is None:
        return f"{contrast.measure}: no result ({contrast.reason})"
    values = f"{format_ap(contrast.a_value)} against {format_ap(contrast.b_value)}"
    line = f"{contrast.measure}: {values}, {format_change(contrast.estimate)}"
    if contrast.low is not None and contrast.high is not None and contrast.p is not None:
        line += f" ({describe_interval(contrast.low, contrast.high)}; {format_p(contrast.p)})"
    if contrast.p_randomisation is not None:  # of two files, which have no verdicts
        return f"{line}; {format_p(contrast.p_randomisation)} by swapping"
    return f"{line}: {contrast.verdict or f'no verdict ({contrast.reason})'}"
