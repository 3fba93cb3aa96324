"""A factor's table in the reference study's form: a row each for box and mask at every level, the baseline marked."""

from __future__ import annotations

from dataclasses import dataclass

from detstudy.analysis import Analysis, FactorSummary, SettingSummary
from detstudy.analysis.facts.reason import NotMeasured
from detstudy.numbers import DASH, format_ap, format_change, format_interval, format_size, format_time
from detstudy.plan import BASELINE
from detstudy.reporting.standing import (
    caption_level,
    explain_absence,
    explain_verdict,
    name_verdict,
    read_cost,
    show_seeds,
)
from detstudy.wording.exploration import say_exploratory
from detstudy.wording.say import say

AP_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value with its seed standard deviation ("" where unknown), and why it is a dash or what stands behind it."""

    text: str
    sd: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """A level's row for boxes or masks."""

    kind: str
    cells: tuple[Cell, ...]  # AP, AP50, AP75, APs, APm, APl
    difference: str
    interval: str
    verdict: str
    explanation: str
    exploratory: str | None  # why its verdict was not planned at the first run


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """A level. `absence` says why there are no measures; then `rows` is empty."""

    level: str
    setting_id: str
    baseline: bool
    chosen: bool
    absence: str | None
    rows: tuple[MeasureRow, ...]
    seconds: Cell
    memory: str
    seeds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorTable:
    """A factor's levels and the reasons behind its dashes."""

    levels: tuple[LevelRow, ...]
    footnotes: tuple[str, ...]


def gather_table(analysis: Analysis, factor: FactorSummary) -> FactorTable:
    """Return a factor's table."""
    choice = factor.choice.setting_id if factor.choice else None
    levels = tuple(
        gather_level(analysis.settings[key], caption_level(analysis, factor, key), choice) for _, key in factor.levels
    )
    reasons: dict[str, list[str]] = {}
    for _, key in factor.levels:
        for measure, reason in analysis.settings[key].undefined.items():
            if measure.split("/")[-1] in AP_NAMES:
                measures = reasons.setdefault(say(reason), [])
                if measure not in measures:
                    measures.append(measure)
    footnotes = tuple(f"{', '.join(measures)}: {reason}" for reason, measures in reasons.items())
    return FactorTable(levels=levels, footnotes=footnotes)


def gather_level(setting: SettingSummary, level: str, choice: str | None) -> LevelRow:
    """Return a level with its two rows, or with the reason why it has none."""
    absence = explain_absence(setting)
    seconds = setting.measures.get("train/seconds")
    return LevelRow(
        level=level,
        setting_id=setting.id,
        baseline=setting.id == BASELINE,
        chosen=setting.id == choice,
        absence=absence,
        rows=() if absence else tuple(gather_measures(setting, kind) for kind in ("box", "mask")),
        seconds=Cell(
            text=format_time(read_cost(setting, "train/seconds")),
            title=f"seed sd {format_time(seconds.sd)}" if seconds and seconds.sd is not None else "",
        ),
        memory=format_size(read_cost(setting, "train/peak_memory_bytes")),
        seeds=show_seeds(setting),
    )


def gather_measures(setting: SettingSummary, kind: str) -> MeasureRow:
    """Return a level's row for boxes or masks."""
    cells = []
    for name in AP_NAMES:
        measure = f"{kind}/{name}"
        spread = setting.measures.get(measure)
        if spread:
            sd = "" if spread.sd is None else f" ± {spread.sd:.1f}"
            cells.append(Cell(text=format_ap(spread.mean), sd=sd))
        else:
            cells.append(Cell(text=DASH, title=say(setting.undefined.get(measure, NotMeasured(measure)))))
    contrast = setting.contrasts.get(f"{kind}/AP")
    return MeasureRow(
        kind=kind,
        cells=tuple(cells),
        difference=format_change(contrast.estimate) if contrast else "",
        interval=format_interval(contrast.low, contrast.high) if contrast else "",
        verdict=name_verdict(setting, f"{kind}/AP") if setting.id != BASELINE else BASELINE,
        explanation=explain_verdict(contrast),
        exploratory=say_exploratory(contrast.exploratory) if contrast else None,
    )
