"""The answer: which setting to take, how sure, at what cost, what one may lose by it; and the table of all settings."""

from __future__ import annotations

from dataclasses import dataclass

from detstudy.analysis import Analysis, Conclusion, Contrast, SettingSummary
from detstudy.analysis.evidence.confounding import list_accumulations
from detstudy.analysis.findings.sanity import list_pitfalls
from detstudy.numbers import (
    DASH,
    format_ap,
    format_change,
    format_interval,
    format_rate,
    format_ratio,
    format_size,
    format_time,
    rounds_to_nothing,
)
from detstudy.plan import BASELINE
from detstudy.reporting.standing import (
    NO_RESULT,
    error_kind,
    explain_absence,
    explain_verdict,
    mean_measure,
    name_verdict,
    read_cost,
    show_level,
    show_seeds,
)
from detstudy.wording.caveat import say_caveats
from detstudy.wording.choice import head_choice, reason_choice
from detstudy.wording.exploration import say_exploratory
from detstudy.wording.labels import label_factor, label_measure, label_outcome
from detstudy.wording.say import say
from detstudy.wording.setting import say_batch


@dataclass(frozen=True, slots=True)
class Item:
    """A conclusion in words, the line to type where it proposes something, and where in the report its numbers are."""

    text: str
    command: str | None
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number of the answer with what it is and what it compares with."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenValue:
    """A factor's value in the setting to take; `changed` where it differs from the baseline's."""

    label: str
    value: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """A setting in the table of all: texts ready to show, a dash where there is no value."""

    setting_id: str
    label: str
    levels: tuple[str, ...]  # one a factor, in the study's order
    box_ap: str
    mask_ap: str
    difference: str
    interval: str
    verdict: str
    explanation: str
    exploratory: str | None  # why its verdict was not planned at the first run
    caveats: str  # how its batches were trained in parts, and what its verdict carries; "" where there is none
    seconds: str
    memory: str
    false_positives: str  # per image
    false_negatives: str  # per image
    seeds: str
    absence: str | None  # why there is no result
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader must know within ten seconds, and the table beneath it."""

    study: str
    objective: str  # "mask AP"
    margin: str
    threshold: str  # the operating score threshold
    headline: str
    verdict: str | None  # of the setting to take, against the baseline
    sentence: str
    how_sure: str
    values: tuple[ChosenValue, ...]
    tiles: tuple[Tile, ...]
    learned: tuple[Item, ...]
    unknown: tuple[Item, ...]
    next: tuple[Item, ...]
    warnings: tuple[str, ...]
    factor_labels: tuple[str, ...]
    rows: tuple[SettingRow, ...]
    failures: tuple[str, ...]  # "batch size 16: of 3 runs 1 crashed (disk full)"


def gather_answer(analysis: Analysis) -> Answer:
    """Put an analysis into the words and rows of its answer."""
    study = analysis.study
    headline = write_headline(analysis)
    chosen = analysis.settings.get(analysis.choice.setting_id) if analysis.choice else None
    factors = [factor.name for factor in study.factors]
    values = (
        [
            ChosenValue(
                label=label_factor(name), value=show_level(analysis, chosen, name), changed=name in chosen.levels
            )
            for name in factors
        ]
        if chosen
        else []
    )
    return Answer(
        study=study.name,
        objective=label_measure(study.objective),
        margin=f"{study.smallest_difference_that_matters:g}",
        threshold=f"{study.operating_score_threshold:g}",
        headline=headline,
        verdict=name_verdict(chosen, study.objective) if chosen and chosen.id != BASELINE else None,
        sentence=write_sentence(analysis),
        how_sure=say(analysis.choice.certainty) if analysis.choice else "",
        values=tuple(values),
        tiles=gather_tiles(analysis, chosen) if chosen else (),
        learned=tuple(map(say_item, analysis.learned)),
        unknown=tuple(map(say_item, analysis.unknown)),
        next=tuple(map(say_item, analysis.next)),
        warnings=tuple(map(say, (*analysis.warnings, *list_pitfalls(analysis)))),
        factor_labels=tuple(label_factor(name) for name in factors),
        rows=tuple(gather_row(analysis, setting) for setting in analysis.settings.values()),
        failures=list_failures(analysis),
    )


def write_headline(analysis: Analysis) -> str:
    """Return the answer in a few words."""
    runs = [run for setting in analysis.settings.values() for run in setting.runs]
    if analysis.choice is None:
        if any(run.state != "ended" for run in runs):
            finished = sum(setting.seeds_finished for setting in analysis.settings.values())
            return f"No answer yet: {finished} of {len(runs)} runs finished"
        return "No answer: nothing that could be compared finished"
    setting = analysis.settings[analysis.choice.setting_id]
    if not analysis.study.factors:
        spread = setting.measures.get(analysis.study.objective)
        value = format_ap(spread.mean, spread.sd) if spread else DASH
        return f"The baseline alone reaches {label_measure(analysis.study.objective)} {value}"
    return head_choice(analysis.choice)


def write_sentence(analysis: Analysis) -> str:
    """Return what stands below the headline: why, what one may lose by it and what it costs."""
    if analysis.choice is None:
        return ""
    if not analysis.study.factors:
        return say(analysis.choice)
    reason = reason_choice(analysis.choice)
    return f"{reason[:1].upper()}{reason[1:]}"


def say_item(conclusion: Conclusion) -> Item:
    """Return a conclusion in words."""
    command = say(conclusion.command) if conclusion.command else None
    return Item(say(conclusion.fact), command, conclusion.section)


def gather_tiles(analysis: Analysis, chosen: SettingSummary) -> tuple[Tile, ...]:
    """Return the numbers of the setting to take: result, possible loss, time, memory, errors."""
    study = analysis.study
    baseline = analysis.settings.get(BASELINE)
    other = baseline if chosen.id != BASELINE else None
    spread = chosen.measures.get(study.objective)
    tiles = []
    if spread:
        contrast = chosen.contrasts.get(study.objective)
        detail = f"mean of {len(spread.values)} seeds" if len(spread.values) > 1 else "one seed"
        if contrast and contrast.estimate is not None:
            interval = format_interval(contrast.low, contrast.high)
            interval = f" ({interval})" if interval else ""
            detail = f"{format_change(contrast.estimate)}{interval} against the baseline"
        tiles.append(Tile(label=label_measure(study.objective), value=format_ap(spread.mean, spread.sd), detail=detail))
    if analysis.choice and analysis.choice.loses_at_most is not None and len(analysis.settings) > 1:
        loss = max(0.0, analysis.choice.loses_at_most)
        worst = "nothing" if rounds_to_nothing(loss) else f"at most {format_ap(loss)} AP"
        tiles.append(Tile(label="you may lose by it", value=worst, detail="against any other setting, at 95 %"))
    for label, measure, form in (
        ("training time", "train/seconds", format_time),
        ("peak memory", "train/peak_memory_bytes", format_size),
    ):
        value, base = mean_measure(chosen, measure), mean_measure(other, measure)
        if value is not None:
            detail = f"{format_ratio(value / base)} the baseline's ({form(base)})" if base else "the baseline's own"
            tiles.append(Tile(label=label, value=form(value), detail=detail))
    errors = chosen.errors.get(error_kind(analysis))
    if errors:
        base_errors = other.errors.get(error_kind(analysis)) if other else None
        detail = f"at score ≥ {study.operating_score_threshold:g}"
        if base_errors:
            detail += f"; the baseline {format_rate(base_errors.counts['false_positives'].mean)}"
        detail += f"; {format_rate(errors.counts['false_negatives'].mean)} false negatives"
        tiles.append(
            Tile(
                label="false positives an image",
                value=format_rate(errors.counts["false_positives"].mean),
                detail=detail,
            )
        )
    return tuple(tiles)


def gather_row(analysis: Analysis, setting: SettingSummary) -> SettingRow:
    """Return a setting's row in the table of all settings."""
    objective = analysis.study.objective
    contrast = setting.contrasts.get(objective)
    errors = setting.errors.get(error_kind(analysis))
    absence = explain_absence(setting)
    verdict = NO_RESULT if absence else name_verdict(setting, objective)
    ap = {
        kind: format_ap(spread.mean, spread.sd) if (spread := setting.measures.get(f"{kind}/AP")) else DASH
        for kind in ("box", "mask")
    }
    return SettingRow(
        setting_id=setting.id,
        label=say(setting.label),
        levels=show_levels(analysis, setting),
        box_ap=ap["box"],
        mask_ap=ap["mask"],
        difference=format_change(contrast.estimate) if contrast else DASH,
        interval=format_interval(contrast.low, contrast.high) if contrast else "",
        verdict=verdict,
        explanation=explain_verdict(contrast),
        exploratory=say_exploratory(contrast.exploratory) if contrast else None,
        caveats="" if absence else write_caveats(setting, contrast),
        seconds=format_time(read_cost(setting, "train/seconds")),
        memory=format_size(read_cost(setting, "train/peak_memory_bytes")),
        false_positives=format_rate(errors.counts["false_positives"].mean if errors else None),
        false_negatives=format_rate(errors.counts["false_negatives"].mean if errors else None),
        seeds=show_seeds(setting),
        absence=absence,
        chosen=bool(analysis.choice and analysis.choice.setting_id == setting.id),
    )


def write_caveats(setting: SettingSummary, contrast: Contrast | None) -> str:
    """Return what goes with a setting's result: how its batches were trained in parts, whatever its verdict carries."""
    parts = list_accumulations([run for run in setting.runs if run.outcome == "finished"])
    facts = dict.fromkeys((*parts, *(contrast.caveats if contrast else ())))
    return say_caveats(setting.label, tuple(facts)) if facts else ""


def show_levels(analysis: Analysis, setting: SettingSummary) -> tuple[str, ...]:
    """Return a setting's level of each factor; the last with its batch in parts where no level says so."""
    names = [factor.name for factor in analysis.study.factors]
    levels = [show_level(analysis, setting, name) for name in names]
    if levels and setting.accumulation and "batch_size" not in names:
        levels[-1] += f" ({say_batch(setting.accumulation)})"
    return tuple(levels)


def list_failures(analysis: Analysis) -> tuple[str, ...]:
    """Return which seeds failed beside finished ones, a sentence a setting; who has no result says so in its row."""
    found = []
    for setting in analysis.settings.values():
        failed = {k: n for k, n in setting.outcomes.items() if k not in ("finished", "planned", "running")}
        if failed and setting.seeds_finished:
            runs = ", ".join(f"{n} {label_outcome(outcome)}" for outcome, n in failed.items())
            reason = f" ({say(setting.reason)})" if setting.reason else ""
            found.append(f"{say(setting.label)}: of {sum(setting.outcomes.values())} runs {runs}{reason}")
    return tuple(found)
