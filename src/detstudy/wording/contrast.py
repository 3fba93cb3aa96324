"""A contrast in words: as a sentence of the report, as a line of a comparison, and what opens a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detstudy.analysis.facts.contrast import Contrast
from detstudy.numbers import describe_interval, format_ap, format_change, format_interval, format_p
from detstudy.wording.exploration import say_exploratory
from detstudy.wording.labels import count, label_measure
from detstudy.wording.say import say


def state_verdict(label: str, contrast: Contrast, margin: float) -> str:
    """Return "Worse: learning rate 0.04 changes mask AP by −35.2 (95 %: ...).", then what goes with the verdict.

    That are caveats, kinds of error, and what would settle it.
    """
    assert contrast.estimate is not None
    assert contrast.low is not None
    assert contrast.high is not None
    measure = label_measure(contrast.measure)
    interval = describe_interval(contrast.low, contrast.high)
    basis = describe_basis(contrast)
    change = f"{label} changes {measure} by {format_change(contrast.estimate)}"
    within = f"; at 90 % within ±{margin:g}" if contrast.verdict == "no difference that matters" else ""
    text = f"{str(contrast.verdict).capitalize()}: {change} ({interval}{within}; {basis})."
    if contrast.exploratory:
        text = f"Exploratory ({say_exploratory(contrast.exploratory)}). {text}"
    kinds = contrast.kinds if contrast.verdict in ("better", "worse") else None  # else there is nothing to explain
    caveats = [make_sentence(say(caveat)) for caveat in contrast.caveats]
    return " ".join([text, *caveats, *map(say, filter(None, (kinds, contrast.remedy)))])


def make_sentence(clause: str) -> str:
    """Return a clause with a capital and a full stop."""
    return f"{clause[:1].upper()}{clause[1:]}."


def state_missing(label: str, contrast: Contrast) -> str:
    """Return a contrast without a verdict as one sentence."""
    if contrast.estimate is None:
        return f"No verdict: {label}: {say(contrast.reason)}."
    change = f"{format_change(contrast.estimate)} {label_measure(contrast.measure)}"
    return f"No verdict: {label}: {change}, but {say(contrast.reason)}."


def describe_basis(contrast: Contrast) -> str:
    """Return seeds and units: "1 against 3 seeds, 20 sequences"."""
    own, other = contrast.seeds
    seeds = f"{count(own, 'seed')} each" if own == other else f"{own} against {other} seeds"
    return f"{seeds}, {say(contrast.units)}"


def describe_contrast(contrast: Contrast) -> str:
    """Return a contrast as one line: "mask/AP: 38.2 against 36.1, +2.1 (95 %: +0.4 to +3.8; p 0.03): better"."""
    if contrast.estimate is None or contrast.a_value is None or contrast.b_value is None:
        return f"{contrast.measure}: no result ({say(contrast.reason)})"
    values = f"{format_ap(contrast.a_value)} against {format_ap(contrast.b_value)}"
    line = f"{contrast.measure}: {values}, {format_change(contrast.estimate)}"
    if contrast.low is not None and contrast.high is not None and contrast.p is not None:
        line += f" ({describe_interval(contrast.low, contrast.high)}; {format_p(contrast.p)})"
    if contrast.p_randomisation is not None:  # of two files, which have no verdicts
        return f"{line}; {format_p(contrast.p_randomisation)} by swapping"
    return f"{line}: {contrast.verdict or f'no verdict ({say(contrast.reason)})'}"


def introduce_comparison(contrasts: Mapping[str, Contrast], objective: str | None = None) -> str:
    """Return in plain words what differs, by how much, how sure that is, and what it does not say.

    The measure is `objective`, else mask AP where it can be had, else box AP.
    """
    defined = [name for name in (objective, "mask/AP", "box/AP") if name and contrasts[name].estimate is not None]
    if not defined:
        first = next(iter(contrasts.values()))
        return "{} and {} can't be compared: {}.".format(*_name_arms(first), say(first.reason))
    contrast = contrasts[defined[0]]
    if contrast.p_randomisation is not None:
        return _introduce_files(contrast)
    a, b = _name_arms(contrast)
    measure = label_measure(contrast.measure)
    assert contrast.estimate is not None
    if contrast.low is None or contrast.high is None or contrast.verdict is None:
        return f"No verdict on {a} against {b} ({format_change(contrast.estimate)} {measure}): {say(contrast.reason)}."
    interval, basis = describe_interval(contrast.low, contrast.high), describe_basis(contrast)
    change = f"{format_change(contrast.estimate)} {measure}"
    if contrast.exploratory:
        basis += f"; exploratory: {say_exploratory(contrast.exploratory)}"
    if contrast.verdict == "cannot tell":
        return f"Whether {a} is better than {b} can't be told: {change} ({interval}; {basis})."
    if contrast.verdict == "no difference that matters":
        text = f"Between {a} and {b} is no difference that matters: {change} ({interval}; {basis})."
    else:
        text = f"{a} is {contrast.verdict} than {b}: {change} ({interval}; {basis})."
    return f"{text} It holds for this data and this length of training."


def _name_arms(contrast: Contrast) -> tuple[str, ...]:
    """Return both names with how batches were trained in parts: "batch_size=16 (as 2 × 8)"."""
    named = zip((contrast.a, contrast.b), contrast.accumulations, strict=True)
    return tuple(f"{name} ({say(parts)})" if parts else name for name, parts in named)


def shorten_paths(a: str, b: str) -> tuple[str, str]:
    """Return what tells two paths apart: their file names, else the first folders that differ."""
    first, second = Path(a), Path(b)
    if first.name != second.name:
        return first.name, second.name
    for one, other in zip(reversed(first.parts), reversed(second.parts), strict=False):
        if one != other:
            return one, other
    return a, b


def _introduce_files(contrast: Contrast) -> str:
    """Return the words for two result files."""
    a, b = shorten_paths(contrast.a, contrast.b)
    measure, estimate = label_measure(contrast.measure), contrast.estimate
    assert estimate is not None
    assert contrast.a_value is not None
    assert contrast.b_value is not None
    values = f"{format_ap(contrast.a_value)} against {format_ap(contrast.b_value)}"
    if not estimate:
        text = f"{a} and {b} have the same {measure}, {format_ap(contrast.a_value)}."
    else:
        words = "more" if estimate > 0 else "less"
        text = f"{a} has {format_ap(abs(estimate))} {measure} {words} than {b} ({values})."
    if contrast.low is not None and contrast.high is not None and contrast.p is not None:
        sure = "no more than the images' noise" if contrast.low <= 0 <= contrast.high else "more than the images' noise"
        text += (
            f" That is {sure}: for these two files, other images of this kind would give "
            f"{format_interval(contrast.low, contrast.high)} (95 %, {say(contrast.units)})."
        )
    return (
        f"{text} It says nothing about the settings behind the files: each is one training, and another seed may "
        "differ by more."
    )
