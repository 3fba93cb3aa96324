"""Whether a run was still improving when its iterations ended: rising, flat under its schedule, or unclear.

docs/benchmarks/convergence.md has the error rates and what the rule says on real curves.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.conclusion import Command
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.convergence import (
    LOSSES,
    BothImproving,
    Gain,
    GainUnclear,
    OneImproving,
    TooFewPoints,
)
from detstudy.analysis.records import Convergence, SettingSummary
from detstudy.ledger import CurvePoint, RunRecord, read_curve
from detstudy.study.document import parse_document
from detstudy.study.setting import Setting
from detstudy.study.study import Study

Points = Sequence[CurvePoint]

LEAST_POINTS = 8
MOST_POINTS = 120  # more are averaged in blocks: their pairs take memory and add little
WINDOW = 2 / 3  # the stretch that is judged begins at this share of the iterations
LONGER = 1.5  # the projection goes to half as many iterations again
CONFIDENCE = 0.90  # so that each of the two claims is wrong in at most 5 %
LOSS_MARGIN = 5.0  # % of the loss's level that a longer training must still gain to count
LARGEST_AUTOCORRELATION = 0.9


def judge_runs(runs: Sequence[RunRecord], objective: str, margin: float) -> dict[str, Convergence]:
    """Return the verdict on each finished run's own curve, by run id; `margin` is in AP."""
    return {
        run.id: judge_curve(read_curve(run.folder / "curves.jsonl"), objective, margin, find_step(run.setting))
        for run in runs
        if run.outcome == "finished"
    }


def judge_setting(runs: Sequence[RunRecord], objective: str, margin: float) -> Convergence | None:
    """Return the verdict on the mean curve of a setting's finished runs; None where none finished.

    Contrasts compare means over seeds, so it is their curve that is judged; it is less noisy than any seed's own.
    """
    finished = [run for run in runs if run.outcome == "finished"]
    if not finished:
        return None
    curves = [read_curve(run.folder / "curves.jsonl") for run in finished]
    points = average_curves(curves, objective)
    return judge_curve(points, objective, margin, find_step(finished[0].setting))


def judge_curve(points: Points, objective: str, margin: float, step: float | None = None) -> Convergence:
    """Judge a curve by the Theil–Sen slope of its last third against the logarithm of the iteration.

    Judged is validation's objective where its last third has eight points, else validation's loss, else training's.
    Half as many iterations again are as far in the logarithm as the last third is, and learning curves bend less
    there: the projected gain is the change over the stretch, carried on once. `rising`: the 90 % interval lies above
    the margin; `flat`: below it, falling curves too; else `unclear`.

    `step` is the iteration from which the schedule lowers the rate at once: the curve is judged up to it, by the last
    third of that, since a step moves a curve by itself. A rate that falls smoothly is left as it is.
    """
    last = max((float(point.iteration) for point in points), default=0.0)
    stepped = step is not None and WINDOW * last < step < last
    end = step if stepped and step is not None else last
    start = WINDOW * end
    judged = functools.partial(
        Convergence, start=start, end=end, stepped=stepped, rate_left=find_rate_left(points, end)
    )
    for by in (objective, *LOSSES):
        series = read_series(points, by, start, end)
        if len(series) >= LEAST_POINTS:
            break
    else:
        return judged(state="unclear", margin=margin, reason=count_points(points, objective, start, end, stepped))
    iterations, values = (np.array(column) for column in zip(*series, strict=True))
    if by != objective:
        values = -100 * values / np.median(values)  # a falling loss is a gain, in % of its level
        margin = LOSS_MARGIN
    gain, low, high = (math.log(LONGER) * slope for slope in estimate_slope(np.log(iterations), values))
    state: Literal["rising", "flat", "unclear"] = "rising" if low > margin else "flat" if high < margin else "unclear"
    reason = GainUnclear(margin, by in LOSSES) if state == "unclear" else None
    return judged(state=state, by=by, gain=gain, low=low, high=high, margin=margin, points=len(series), reason=reason)


def estimate_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the Theil–Sen slope and its 90 % interval, widened where neighbours are alike.

    Source: Sen, JASA 63 (1968), the median of the pairs' slopes with Kendall's interval. Its variance is multiplied by
    (1 + r) / (1 − r), that of a mean of autoregressive noise, where the residuals' lag-1 autocorrelation r is positive
    once its bias in short series is added back (Hamed and Rao, J. Hydrology 204 (1998), correct Kendall's test alike).
    """
    if len(x) > MOST_POINTS:
        blocks = np.array_split(np.arange(len(x)), MOST_POINTS)
        x, y = (np.array([column[block].mean() for block in blocks]) for column in (x, y))
    n = len(x)
    i, j = np.triu_indices(n, 1)
    slopes = np.sort((y[j] - y[i]) / (x[j] - x[i]))
    slope = float(np.median(slopes))
    r = estimate_autocorrelation(y - slope * x)
    variance = n * (n - 1) * (2 * n + 5) / 18 * (1 + r) / (1 - r)
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * math.sqrt(variance)
    first = max(round((len(slopes) - reach) / 2) - 1, 0)
    return slope, float(slopes[first]), float(slopes[-1 - first])


def estimate_autocorrelation(residuals: NDArray[np.float64]) -> float:
    """Return the lag-1 autocorrelation of a line's residuals, between 0 and 0.9; 0 where nothing varies.

    A fitted line takes (2 + 4 r) / n from it on average.
    """
    centred = residuals - residuals.mean()
    power = float((centred**2).sum())
    if power == 0:
        return 0.0
    found = float((centred[1:] * centred[:-1]).sum()) / power
    return min(max(found + (2 + 4 * found) / len(residuals), 0.0), LARGEST_AUTOCORRELATION)


def read_series(points: Points, by: str, start: float, end: float) -> list[tuple[float, float]]:
    """Return (iteration, value) of the points after `start`, up to `end`; a loss that is not positive has no share."""
    found = []
    for point in points:
        if not start < point.iteration <= end:
            continue
        if by == "training/loss":
            value = point.loss if point.kind == "train" else None
        elif point.kind != "validation":
            value = None
        else:
            value = point.loss if by == "validation/loss" else point.measures.get(by)
        if value is not None and (value > 0 or by not in LOSSES):
            found.append((float(point.iteration), float(value)))
    return found


def average_curves(curves: Sequence[Points], objective: str) -> list[CurvePoint]:
    """Return the mean curve of several seeds, at the points that all have; a value that one lacks is None."""

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == len(values) else None

    tables = [{(point.kind, point.iteration): point for point in points} for points in curves]
    averaged = []
    for place in tables[0]:
        if all(place in table for table in tables):
            found = [table[place] for table in tables]
            loss, rate = mean([point.loss for point in found]), mean([point.learning_rate for point in found])
            measures = {objective: mean([point.measures.get(objective) for point in found])}
            kind, iteration = place
            averaged.append(
                CurvePoint(kind=kind, iteration=iteration, loss=loss, learning_rate=rate, measures=measures)
            )
    return averaged


def find_step(setting: Setting) -> float | None:
    """Return the first iteration in the run's last third from which the schedule lowers the rate at once, if any."""
    if setting.get("schedule") != "warmup_multistep" or setting.get("milestone_factor", 1) == 1:
        return None
    return next((share * setting["iterations"] for share in setting.get("milestones", ()) if share > WINDOW), None)


def find_rate_left(points: Points, end: float) -> float | None:
    """Return the last learning rate up to an iteration as a share of the largest; None where none was logged."""
    rates = [point.learning_rate for point in points if point.learning_rate is not None and point.iteration <= end]
    return rates[-1] / max(rates) if rates and max(rates) > 0 else None


def count_points(points: Points, objective: str, start: float, end: float, stepped: bool) -> TooFewPoints:
    """Return how many points a curve's last third has of each that it could be judged by."""
    counts = tuple((by, len(read_series(points, by, start, end))) for by in (objective, *LOSSES))
    every = int(end * (1 - WINDOW) / LEAST_POINTS)
    return TooFewPoints(counts, LEAST_POINTS, stepped, every or None)


def find_improving(
    names: Mapping[str, Fact], contrast: Contrast, convergences: Mapping[str, Convergence | None]
) -> OneImproving | BothImproving | None:
    """Return which arms of a contrast still rose, by setting id; None where neither did.

    The two are taken to differ in training; where they share their weights the caveat has no place.
    """
    if contrast.estimate is None:
        return None
    verdicts = {id_: convergences.get(id_) for id_ in (contrast.a, contrast.b)}
    rising = {id_: known for id_, known in verdicts.items() if known is not None and known.state == "rising"}
    if not rising:
        return None
    stepped = any(known.stepped for known in rising.values())
    if len(rising) == 2:
        return BothImproving((names[contrast.a], names[contrast.b]), stepped)
    ((id_, known),) = rising.items()
    assert known.by is not None
    assert known.gain is not None
    assert known.low is not None
    assert known.high is not None
    other = verdicts[contrast.b if id_ == contrast.a else contrast.a]
    ahead = {"better": contrast.a, "worse": contrast.b}.get(contrast.verdict or "")
    return OneImproving(
        arm=names[id_],
        stepped=stepped,
        gain=Gain(known.by, known.gain, known.low, known.high),
        standing="even" if ahead is None else "ahead" if ahead == id_ else "behind",
        other_flat=other is not None and other.state == "flat",
    )


def propose_longer(study: Study, settings: Sequence[SettingSummary], crossed: bool, study_file: Path) -> Command:
    """Return the command that trains settings, and the baseline beside them, for twice as many iterations.

    Several of a crossed design are trained with the rest of it, since their levels would cross anyway. The baseline
    too, since a verdict needs both at one length. The study file may be the one in the study's folder. What follows the
    length (milestones, a batch size's iterations) follows it in the new study; the warm-up keeps its iterations.
    """
    given = parse_document(study_file, study.source)["baseline"]
    name, length = ("images", given["images"]) if "images" in given else ("iterations", study.baseline["iterations"])
    doubled = f"baseline.{name}={2 * length}"
    found: dict[str, list[Any]] = {}
    if len(settings) > 1 and crossed:
        found = {factor.name: list(factor.levels) for factor in study.factors}
    for name, level in (pair for setting in settings for pair in setting.levels.items()):
        if level not in found.setdefault(name, []):
            found[name].append(level)
    levels = {name: [2 * level if name == "iterations" else level for level in known] for name, known in found.items()}
    own = f"-{settings[0].id}" if len(settings) == 1 else ""
    name = re.sub(r"[^\w.-]+", "-", f"{study.name}-longer{own}")
    return Command(study_file, None, (f"study={name}", doubled, f"factors={json.dumps(levels)}"))
