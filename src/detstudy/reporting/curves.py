"""A factor's learning curves: did each level converge, at what price in images and in time?

`gather_curves` holds the verdicts on convergence in words, too; the figure marks what they were judged on.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detstudy.analysis import Analysis, FactorSummary
from detstudy.analysis.facts.convergence import LOSSES
from detstudy.analysis.findings.convergence import judge_runs
from detstudy.analysis.records import Convergence
from detstudy.ledger import CurvePoint, RunRecord, read_curve
from detstudy.numbers import DASH, format_interval
from detstudy.plan import BASELINE
from detstudy.reporting.figure import colour_levels, finish_chart, inline_rows
from detstudy.reporting.listing import Listing
from detstudy.reporting.standing import caption_level
from detstudy.wording import say
from detstudy.wording.convergence import format_gain
from detstudy.wording.labels import label_measure

LOSS_POINTS = 160  # a line; more is noise on 400 pixels
MOST_POINTS = 400
WIDTH, HEIGHT = 400, 230
Point = tuple[float, float, float]  # images seen, seconds, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One run's curve. Points are (images seen, training seconds, value)."""

    label: str  # the level
    seed: int
    kind: str  # "training" or "validation"
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergenceRow:
    """Whether a level was still improving when its iterations ended, over its finished seeds, in words."""

    label: str
    by: str  # what was judged: "mask AP", "training loss"; a dash where too little was logged
    points: str  # judged
    gain: str  # of half as many iterations again: "+1.3 AP", "12 %"
    interval: str  # 90 %, of the gain
    state: str  # "rising", "flat", "unclear"
    verdict: str  # the same, with what the schedule did to it
    seeds: str  # each seed's own curve: "2 rising, 1 unclear"
    reason: str  # why it is unclear, and what to set


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of a factor's levels, those of failed runs up to where they failed."""

    objective: str
    labels: tuple[str, ...]  # in the factor's order
    baseline: str | None  # the baseline's label
    loss: tuple[Line, ...]
    objective_lines: tuple[Line, ...]
    learning_rate: tuple[Line, ...]
    averaged: int  # logged points that one drawn point of the loss is the mean of, at most
    judged_loss: tuple[Line, ...] = ()  # the stretches that the levels' convergence was judged on
    judged_objective: tuple[Line, ...] = ()
    convergence: tuple[ConvergenceRow, ...] = ()  # of the levels with a finished run


def gather_curves(analysis: Analysis, factor: FactorSummary) -> Curves | None:
    """Read the curves of a factor's runs; None where there are none, or where all levels share their trainings."""
    loss: list[Line] = []
    objective: list[Line] = []
    rate: list[Line] = []
    judged: dict[bool, list[Line]] = {True: [], False: []}  # of a loss, or of the objective
    rows: dict[str, ConvergenceRow] = {}
    averaged = 1
    judged_by = analysis.study.objective, analysis.study.smallest_difference_that_matters
    levels = [(analysis.settings[key], caption_level(analysis, factor, key)) for _, key in factor.levels]
    folders = [{run.folder for run in setting.runs} for setting, _ in levels]
    most = max(folders, key=len, default=set())
    if len(levels) > 1 and all(group <= most for group in folders):
        return None
    for setting, label in levels:
        verdict = analysis.convergences.get(setting.id)
        if verdict:
            alone = judge_runs(setting.runs, *judged_by)
            rows.setdefault(label, show_convergence(label, verdict, [own.state for own in alone.values()]))
        for run in setting.runs:
            points = read_curve(run.folder / "curves.jsonl")
            train = [point for point in points if point.kind == "train"]
            validation = [point for point in points if point.kind == "validation"]
            lines = [
                (loss, make_line(run, label, "training", train, read_loss)),
                (loss, make_line(run, label, "validation", validation, read_loss)),
                (objective, make_line(run, label, "validation", validation, read_objective(analysis))),
                (rate, make_line(run, label, "training", train, lambda point: point.learning_rate, most=MOST_POINTS)),
            ]
            for group, line in lines:
                if line.points:
                    group.append(line)
            if verdict and verdict.by and run.outcome == "finished":
                of_loss = verdict.by in LOSSES
                kind, source = ("training", train) if verdict.by == "training/loss" else ("validation", validation)
                stretch = [point for point in source if verdict.start < point.iteration <= verdict.end]
                read = read_loss if of_loss else read_objective(analysis)
                judged[of_loss].append(make_line(run, label, kind, stretch, read, most=LOSS_POINTS // 3))
            averaged = max(averaged, -(-len(train) // LOSS_POINTS))
    if not loss:
        return None
    return Curves(
        objective=label_measure(analysis.study.objective),
        labels=tuple(dict.fromkeys(label for _, label in levels)),
        baseline=next((label for setting, label in levels if setting.id == BASELINE), None),
        loss=tuple(loss),
        objective_lines=tuple(objective),
        learning_rate=tuple(rate),
        averaged=averaged,
        judged_loss=tuple(judged[True]),
        judged_objective=tuple(judged[False]),
        convergence=tuple(rows.values()),
    )


def list_convergence(curves: Curves) -> Listing | None:
    """Return whether each level had converged, or None where no run of it finished."""
    if not curves.convergence:
        return None
    return Listing(
        caption="Still improving when the iterations ended?",
        header=("level", "verdict", "judged by", "points", "gain of half as many iterations again", "90 % interval"),
        rows=tuple(
            (
                row.label,
                f"{row.verdict} ({row.reason})" if row.reason else row.verdict,
                f"{row.by}; seeds: {row.seeds}" if row.seeds else row.by,
                row.points,
                row.gain,
                row.interval,
            )
            for row in curves.convergence
        ),
    )


def show_convergence(label: str, verdict: Convergence, alone: list[str]) -> ConvergenceRow:
    """Return a level's verdict in words; `alone` are those on its seeds' own curves."""
    by, gain, interval = DASH, DASH, ""
    if verdict.by and verdict.gain is not None and verdict.low is not None and verdict.high is not None:
        by = label_measure(verdict.by)
        form = functools.partial(format_gain, by=verdict.by)
        gain = f"{form(verdict.gain)}{'' if verdict.by in LOSSES else ' AP'}"
        interval = format_interval(verdict.low, verdict.high, form)
    return ConvergenceRow(
        label=label,
        by=by,
        points=str(verdict.points),
        gain=gain,
        interval=interval,
        state=verdict.state,
        verdict=say(verdict),
        seeds=", ".join(f"{number} {state}" for state, number in Counter(alone).items()),
        reason=say(verdict.reason) if verdict.reason else "",
    )


def read_loss(point: CurvePoint) -> float | None:
    """Return a point's loss."""
    return point.loss


def read_objective(analysis: Analysis) -> Callable[[CurvePoint], float | None]:
    """Return what reads the objective out of a validation point."""
    return lambda point: point.measures.get(analysis.study.objective)


def make_line(
    run: RunRecord,
    label: str,
    kind: str,
    points: list[CurvePoint],
    read: Callable[[CurvePoint], float | None],
    most: int = LOSS_POINTS,
) -> Line:
    """Return a run's curve, thinned to at most `most` points; points without the value are left out."""
    values = [(point.images, point.seconds, value) for point in points if (value := read(point)) is not None]
    return Line(label=label, seed=run.seed, kind=kind, points=thin_points(values, most))


def thin_points(points: list[Point], most: int) -> tuple[Point, ...]:
    """Return at most `most` points, each the mean of as many neighbours; few points stay as they are."""
    size = -(-len(points) // most)
    if size <= 1:
        return tuple(points)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return tuple(tuple(sum(column) / len(group) for column in zip(*group, strict=True)) for group in groups)


def draw_curves(curves: Curves) -> dict[str, Any]:
    """Return loss against images and against time; below, where known, the objective and the learning rate."""
    import altair as alt

    values = [value for line in curves.loss for *_, value in line.points]
    logarithmic = min(values) > 0 and max(values) / min(values) > 12
    loss_title = "loss (log scale)" if logarithmic else "loss"
    panels = [
        mark_panel(curves, curves.loss, curves.judged_loss, x, loss_title, logarithmic, title)
        for x, title in (("images", "Loss against images seen"), ("seconds", "Loss against training time"))
    ]
    more = []
    if curves.objective_lines:
        more.append(
            mark_panel(
                curves,
                curves.objective_lines,
                curves.judged_objective,
                "images",
                curves.objective,
                False,
                "Validation during training",
            )
        )
    if curves.learning_rate:
        more.append(
            draw_panel(curves, curves.learning_rate, "images", "learning rate", False, "Learning rate that was applied")
        )
    rows = [alt.hconcat(*panels)]
    if more:
        rows.append(alt.hconcat(*more))
    chart = alt.vconcat(*rows)
    return finish_chart(chart, f"Learning curves of {', '.join(curves.labels)}")


def mark_panel(
    curves: Curves, lines: tuple[Line, ...], judged: tuple[Line, ...], x: str, y: str, logarithmic: bool, title: str
) -> Any:
    """Return a panel of lines with the judged stretches behind them as broad bands."""
    import altair as alt

    panel = draw_panel(curves, lines, x, y, logarithmic, title)
    if not judged:
        return panel
    behind = draw_panel(curves, judged, x, y, logarithmic, title).mark_line(opacity=0.25, strokeWidth=9)
    return alt.layer(behind, panel)


def draw_panel(curves: Curves, lines: tuple[Line, ...], x: str, y: str, logarithmic: bool, title: str) -> Any:
    """Return one panel of lines, named with their levels' convergence; validation is dashed where both stand in it."""
    import altair as alt

    states = {row.label: row.state for row in curves.convergence}
    captions = {label: f"{label}: {states[label]}" if label in states else label for label in curves.labels}

    column = 0 if x == "images" else 1
    rows = [
        {
            "label": captions[line.label],
            "run": f"{line.label} seed {line.seed} {line.kind}",
            "kind": line.kind,
            "x": float(f"{point[column]:.5g}"),
            "value": float(f"{point[2]:.5g}"),
        }
        for line in lines
        for point in line.points
    ]
    both = len({line.kind for line in lines}) > 1
    several = len({line.seed for line in lines}) > 1
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(zero=False)
    if lines is curves.learning_rate:
        peaks = [max(point[2] for point in line.points) for line in lines]
        # Rates of levels that lie decades apart end at 0: a root shows all of them.
        scale = alt.Scale(type="sqrt" if max(peaks) > 4 * min(peaks) else "linear", zero=True)
    dashes = alt.Scale(domain=["training", "validation"], range=[[1, 0], [5, 3]])
    kind = "line" if max(len(line.points) for line in lines) > 1 else "point"
    mark = alt.Chart(inline_rows(rows), title=title)
    marked = (
        mark.mark_line(opacity=0.7 if several else 0.9, strokeWidth=1.6)
        if kind == "line"
        else mark.mark_point(filled=True, size=50)
    )
    encoded = marked.encode(
        x=alt.X(
            field="x",
            type="quantitative",
            title="images seen" if x == "images" else "training time, s",
            scale=alt.Scale(zero=True, nice=False),
        ).axis(tickCount=5),
        y=alt.Y(field="value", type="quantitative", scale=scale, title=y).axis(minExtent=34),
        color=alt.Color(
            field="label",
            type="nominal",
            title=None,
            scale=colour_levels(list(captions.values()), captions.get(curves.baseline or "")),
            legend=alt.Legend(orient="bottom", columns=3, symbolOpacity=1),
        ),
        detail=alt.Detail(field="run", type="nominal"),
    )
    if both and kind == "line":
        encoded = encoded.encode(
            strokeDash=alt.StrokeDash(
                field="kind", type="nominal", title=None, scale=dashes, legend=alt.Legend(orient="bottom")
            )
        )
    of_loss = lines is curves.loss or lines is curves.judged_loss
    return encoded.properties(width=WIDTH, height=HEIGHT if of_loss else HEIGHT - 70)
