"""The answer: which setting to take, how sure, at what cost, what one may lose by it; and the table of all settings."""

from __future__ import annotations

from dataclasses import dataclass

from detstudy.analysis import Analysis, Conclusion, Contrast, SettingSummary
from detstudy.analysis.evidence.confounding import list_accumulations
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
from detstudy.wording.labels import label_factor, label_measure, label_outcome
from detstudy.wording.say import say
from detstudy.wording.setting import say_batch, say_in_text


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
    caveats: tuple[str, ...]  # how its batches were trained in parts, and what its verdict carries
    seconds: str
    memory: str
    false_positives: str  # per image
    not_found: str  # per image
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
    learned: tuple[Conclusion, ...]
    unknown: tuple[Conclusion, ...]
    next: tuple[Conclusion, ...]
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
        sentence=drop_headline(analysis.choice.sentence, headline) if analysis.choice else "",
        how_sure=analysis.choice.how_sure if analysis.choice else "",
        values=tuple(values),
        tiles=gather_tiles(analysis, chosen) if chosen else (),
        learned=analysis.learned,
        unknown=analysis.unknown,
        next=analysis.next,
        warnings=list_warnings(analysis),
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
    if setting.id != BASELINE:
        return f"Take {say(setting.label)}"
    return f"Keep {say_in_text(setting.label)}"


def drop_headline(sentence: str, headline: str) -> str:
    """Return the sentence without the words that stand as a headline above it."""
    if not sentence.startswith(headline):
        return sentence
    rest = sentence[len(headline) :].lstrip(" ,:;.")
    return rest[:1].upper() + rest[1:]


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
        detail += f"; {format_rate(errors.counts['not_found'].mean)} objects not found"
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
        exploratory=contrast.exploratory if contrast else None,
        caveats=list_caveats(setting, contrast) if not absence else (),
        seconds=format_time(read_cost(setting, "train/seconds")),
        memory=format_size(read_cost(setting, "train/peak_memory_bytes")),
        false_positives=format_rate(errors.counts["false_positives"].mean if errors else None),
        not_found=format_rate(errors.counts["not_found"].mean if errors else None),
        seeds=show_seeds(setting),
        absence=absence,
        chosen=bool(analysis.choice and analysis.choice.setting_id == setting.id),
    )


def list_caveats(setting: SettingSummary, contrast: Contrast | None) -> tuple[str, ...]:
    """Return what goes with a setting's result: how its batches were trained in parts, whatever its verdict carries."""
    parts = list_accumulations([run for run in setting.runs if run.outcome == "finished"])
    return tuple(dict.fromkeys(map(say, (*parts, *(contrast.caveats if contrast else ())))))


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
            reason = f" ({setting.reason})" if setting.reason else ""
            found.append(f"{say(setting.label)}: of {sum(setting.outcomes.values())} runs {runs}{reason}")
    return tuple(found)


def split_command(text: str) -> tuple[str, str]:
    """Return a proposal's words and the command that it ends with, "" where it has none."""
    words, start, rest = text.partition("detstudy run ")
    return words.rstrip(), start + rest


def name_caveats(row: SettingRow) -> str:
    """Return what a setting's verdict carries as one sentence that names the setting once."""
    text = "; ".join(row.caveats)
    said = text.lower().startswith(row.label.lower())
    return f"{text[:1].upper()}{text[1:]}." if said else f"{row.label}: {text}."


def list_departures(analysis: Analysis) -> list[str]:
    """Return what was not planned at the first run, with the settings that it concerns where it is not all of them."""
    compared = [setting for setting in analysis.settings.values() if setting.contrasts]
    labels: dict[str, list[str]] = {}
    for setting in compared:
        reasons = "; ".join(contrast.exploratory or "" for contrast in setting.contrasts.values())
        for reason in dict.fromkeys(part for part in reasons.split("; ") if part):
            labels.setdefault(reason, []).append(say(setting.label))
    return [
        reason if len(named) == len(compared) > 1 else f"{', '.join(named)}: {reason}"
        for reason, named in labels.items()
    ]


def list_warnings(analysis: Analysis) -> tuple[str, ...]:
    """Return what may mislead a reader of the answer, one sentence each."""
    study = analysis.study
    runs = [run for setting in analysis.settings.values() for run in setting.runs]
    later = list_departures(analysis)
    unfinished = [run for run in runs if run.state != "ended"]
    compared = [s for s in analysis.settings.values() if study.objective in s.measures]
    found = list(analysis.warnings)
    if later:
        found.append(
            f"Exploratory: not all of this was planned at the first run ({'; '.join(later)}). What is chosen after a "
            "look at results claims more than its 5 %: take such verdicts as a reason to look again, not as a result."
        )
    if unfinished:
        found.append(f"Preliminary: {len(unfinished)} of {len(runs)} runs have not ended. `detstudy run` goes on.")
    if compared and analysis.seed_sd is None and len(compared) > 1:
        found.append(
            "Seed noise unknown: no setting gave two different results, so a difference may be luck of the draw. "
            "Give baseline_seeds: [0, 1, 2] to measure it."
        )
    untested = study.data.test is None
    if len(compared) > 2 and analysis.choice and analysis.choice.setting_id != BASELINE:
        found.append(
            f"Winner's optimism: this is a pick among {len(compared)} settings, by the images that measured it, so its "
            "AP here is likely a little higher than what it will reach on new data"
            f"{'; there is no test split to tell by how much' if untested else ''}."
        )
    elif analysis.choice and len(compared) > 1 and untested:
        found.append("Validation picked: the images that picked the setting also measured it; there is no test split.")
    return tuple(found)
