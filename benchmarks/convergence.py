"""How often a curve is called rising or flat wrongly, and what the rule says on real curves.

`python benchmarks/convergence.py [FOLDER]`: simulated curves always; real ones where the folder holds
`ultralytics_kitti_mots/*/results.csv` (AP an epoch) or `detectron2_lung/*/*.json` (losses every 20 iterations). Writes
docs/benchmarks/convergence.md; takes about two minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.signal import lfilter
from scipy.stats import theilslopes

from detstudy.analysis.findings.convergence import (
    LARGEST_AUTOCORRELATION,
    LEAST_POINTS,
    LOSS_MARGIN,
    estimate_autocorrelation,
    judge_curve,
)
from detstudy.analysis.records import Convergence
from detstudy.ledger import CurvePoint

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "convergence.md"
STATES = ("rising", "flat", "unclear")
MARGIN = 0.5  # AP
WHOLE = 3000  # iterations of a simulated run
NEAR = 0.1  # a level is the median of the points within this share of the iteration


RULE = f"""\
A finished run's curve (a setting's: the mean of its seeds' curves, which is less noisy than any of them) is judged
by the Theil–Sen slope of its last third and its 90 % interval. Judged is the study's objective on validation where
the last third has {LEAST_POINTS} points, else the validation loss, else the training loss.

- The slope is taken against the logarithm of the iteration. Half as many iterations again are as wide there as the
  last third, so the projected gain is the change over the judged stretch carried on once; a straight line would
  reach one and a half times as far and does not bend as real curves do (compared below).
- `rising`: the whole interval of that gain lies above what counts; `flat`: below it, so that a falling curve is
  flat too; else `unclear`. Each claim is meant to be wrong in at most 5 %. What counts is the study's
  `smallest_difference_that_matters` in AP, and {LOSS_MARGIN:g} % of its level for a loss: less drowns in the noise
  of a training loss.
- Neighbouring points of a training loss are alike. The interval is widened by their autocorrelation, estimated on
  the judged points themselves.
- A schedule that lowers the rate at once moves the curve by itself. Where it does so within the last third, the
  curve is judged up to that step, by the last third of what came before.
- A rate that falls smoothly is left as it is: `flat` means flat under its schedule, which flattens every curve in
  the end, and `rising` may be what the falling rate brings. The doubled run stretches the schedule, so it settles
  both.
- A falling training loss need not mean a rising AP. The cure is to validate often enough for the objective to be
  judged; the verdict names the interval to set. `flat` takes many points, or several seeds: eight rarely suffice."""


def draw_noise(rng: np.random.Generator, count: int, correlation: float, heavy: bool) -> np.ndarray:
    """Return autoregressive noise of standard deviation 1, normal or with the tails of t with 3 degrees of freedom."""
    steps = rng.standard_t(3, count + 60) / np.sqrt(3) if heavy else rng.normal(size=count + 60)
    return lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], steps)[60:]


def make_points(iterations: np.ndarray, values: np.ndarray) -> list[CurvePoint]:
    pairs = zip(iterations.tolist(), values.tolist(), strict=True)
    return [CurvePoint(kind="validation", iteration=i, measures={"mask/AP": value}) for i, value in pairs]


def simulate_errors(rng: np.random.Generator, studies: int) -> list[str]:
    """Judge curves whose gain is exactly the margin (either claim is an error), that stand still, that are steep."""
    lines = [
        "| points in the last third | autocorrelation | noise | called rising | called flat "
        "| standing still, called flat | gaining 6 margins, called rising |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for count in (8, 12, 24, 60):
        iterations = np.linspace(WHOLE * 2 / 3, WHOLE, count + 1)[1:]
        reach = np.log(iterations / WHOLE) / np.log(1.5)
        for correlation in (0.0, 0.3, 0.6):
            for heavy in (False, True):
                called: Counter[tuple[str, str]] = Counter()
                for _ in range(studies):
                    noise = 0.6 * draw_noise(rng, count, correlation, heavy)
                    for truth, gain in (("margin", MARGIN), ("still", 0.0), ("steep", 6 * MARGIN)):
                        points = make_points(iterations, 30 + gain * reach + noise)
                        called[truth, judge_curve(points, "mask/AP", MARGIN).state] += 1
                shares = [
                    f"{called[key] / studies:.1%}".replace("%", " %")
                    for key in (("margin", "rising"), ("margin", "flat"), ("still", "flat"), ("steep", "rising"))
                ]
                tails = "heavy tails" if heavy else "normal"
                lines.append(f"| {count} | {correlation} | {tails} | {' | '.join(shares)} |")
    return lines


def simulate_shapes(rng: np.random.Generator, studies: int) -> list[str]:
    """Curves that approach their end exponentially, which the projection does not assume."""
    lines = [
        "| curve, 36 points | gain of half as many iterations again | rising | flat | unclear |",
        "| --- | --- | --- | --- | --- |",
    ]
    epochs = np.arange(1, 37)
    for name, scale in (("converged", 5), ("nearly", 12), ("early", 20), ("very early", 40)):
        truth = 45 * (1 - np.exp(-epochs / scale))
        gain = 45 * (np.exp(-36 / scale) - np.exp(-54 / scale))
        called: Counter[str] = Counter(
            judge_curve(make_points(epochs, truth + rng.normal(0, 0.4, 36)), "mask/AP", MARGIN).state
            for _ in range(studies)
        )
        shares = " | ".join(f"{called[state] / studies:.0%}".replace("%", " %") for state in STATES)
        lines.append(f"| {name}: 45 AP × (1 − exp(−epoch / {scale})), noise 0.4 | {gain:.2f} AP | {shares} |")
    return lines


def read_epochs(folder: Path) -> dict[str, list[CurvePoint]]:
    """Return the AP curves of Ultralytics trainings, a point an epoch."""
    curves = {}
    for path in sorted(folder.glob("ultralytics_kitti_mots/*/results.csv")):
        points: list[CurvePoint] = []
        with path.open() as file:
            for row in csv.DictReader(file):
                values = {key.strip(): float(value) for key, value in row.items()}
                epoch = int(values["epoch"])
                points.append(CurvePoint(iteration=epoch, learning_rate=values["lr/pg2"]))
                ap = {"box/AP": 100 * values["metrics/mAP50-95(B)"]}
                loss = sum(values[f"val/{name}_loss"] for name in ("box", "cls", "dfl"))
                points.append(CurvePoint(kind="validation", iteration=epoch, measures=ap, loss=loss))
        curves[path.parent.name] = points
    return curves


def read_losses(folder: Path) -> dict[str, list[CurvePoint]]:
    """Return the loss curves of detectron2 trainings, a point every 20 iterations."""
    curves = {}
    for path in sorted(folder.glob("detectron2_lung/*/*.json")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        curves[f"{path.parent.name} {path.stem}"] = [
            CurvePoint(iteration=r["iteration"] + 1, loss=r["total_loss"], learning_rate=r["lr"])
            for r in rows
            if "total_loss" in r
        ]
    return curves


def cut(points: list[CurvePoint], iteration: float) -> list[CurvePoint]:
    return [point for point in points if point.iteration <= iteration]


def measure_level(points: list[CurvePoint], iteration: float) -> float:
    """Return the median loss near an iteration."""
    near = [p.loss for p in points if abs(p.iteration / iteration - 1) <= NEAR]
    return float(np.median(near))


def project_straight(points: list[CurvePoint]) -> float:
    """Return the gain of half as many iterations again, % of the loss's level, by Theil–Sen against the iteration."""
    last = points[-1].iteration
    found = [(p.iteration, p.loss) for p in points if p.iteration > last * 2 / 3]
    iterations, losses = np.array(found).T
    return float(-100 * theilslopes(losses, iterations).slope * last / 2 / np.median(losses))


def tabulate(rows: list[tuple[Convergence, float]], unit: str, enough: float) -> list[str]:
    """Return what curves of each verdict gained after it was given."""
    lines = [
        f"| verdict | cases | projected, {unit} | really gained, {unit}, mean | gained at all "
        f"| gained {enough:g} or more |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for state in STATES:
        found = [(c.gain, really) for c, really in rows if c.state == state and c.gain is not None]
        if not found:
            lines.append(f"| {state} | 0 | | | | |")
            continue
        projected, gained = np.array(found).T
        lines.append(
            f"| {state} | {len(found)} | {projected.mean():.1f} | {gained.mean():.1f} | {(gained > 0).sum()} of "
            f"{len(found)} | {(gained >= enough).sum()} of {len(found)} |"
        )
    return lines


def exchange_loss(curves: dict[str, list[CurvePoint]]) -> float:
    """Return AP gained for each % of validation loss, from epochs 11 to 15 to the last five, over all trainings."""
    gains, falls = [], []
    for points in curves.values():
        found = [point for point in points if point.kind == "validation"]
        if len(found) < 30:
            continue
        (early, loss), (late, less) = (
            (np.mean([p.measures["box/AP"] for p in part]), np.mean([np.log(p.loss) for p in part]))
            for part in (found[10:15], found[-5:])
        )
        gains.append(late - early)
        falls.append(100 * (loss - less))
    return float(np.mean(gains) / np.mean(falls))


def report_epochs(curves: dict[str, list[CurvePoint]]) -> list[str]:
    """Judge whole AP curves, and curves cut at four fifths: eight epochs to judge, six to see what came."""
    verdicts = [judge_curve(points, "box/AP", MARGIN) for points in curves.values()]
    states = Counter(verdict.state if verdict.by else "too few points" for verdict in verdicts)
    residuals = []
    for points in curves.values():
        ap = np.array([p.measures["box/AP"] for p in points if p.kind == "validation"])
        tail = ap[-(len(ap) // 3) :]
        if len(tail) >= LEAST_POINTS:
            residuals.append(tail - np.polyval(np.polyfit(np.arange(len(tail)), tail, 1), np.arange(len(tail))))
    raw = [float((r[1:] * r[:-1]).sum() / (r**2).sum()) for r in residuals]
    spread = np.mean([r.std(ddof=2) for r in residuals])
    rows = []
    for points in curves.values():
        if points[-1].iteration < 30:
            continue
        verdict = judge_curve(cut(points, 24), "box/AP", MARGIN)
        measured = {p.iteration: p.measures["box/AP"] for p in points if p.kind == "validation"}
        gained = float(np.mean([measured[e] for e in (28, 29, 30)]) - np.mean([measured[e] for e in (22, 23, 24)]))
        rows.append((verdict, gained))
    lines = [
        f"**AP an epoch**: {len(curves)} Ultralytics trainings, 30 epochs (one stopped at 14), learning rate falling "
        "in a line, mosaic left out from epoch 21. Around a line through its last third AP scatters by "
        f"{spread:.2f} with a mean lag-1 autocorrelation of {np.mean(raw):+.2f}; a line fitted to ten points takes 0.2 "
        f"from it, so hardly any is left. At their end they are judged, with {MARGIN:g} AP: "
        + ", ".join(f"{number} {state}" for state, number in states.most_common())
        + f". One % of validation loss went with {exchange_loss(curves):.1f} AP. "
        "Cut after epoch 24, judged on epochs 17 to 24, and held against the mean of epochs 28 to 30 less that "
        "of 22 to 24. It shows what the rule can't know: the curve it judges holds a change of the augmentation, and "
        "the rate, cut off at a fifth of its first value, still had to fall. Flat under its schedule is no promise for "
        "another one:",
        "",
    ]
    return lines + tabulate(rows, "AP", MARGIN)


def report_losses(curves: dict[str, list[CurvePoint]]) -> list[str]:
    """Judge loss curves cut at several lengths against what the next half of that length brought."""
    rows, whole, straight = [], [], []
    for name, points in curves.items():
        last = points[-1].iteration
        verdict = judge_curve(points, "mask/AP", MARGIN)
        tail = np.array([p.loss for p in points if p.iteration > last * 2 / 3])
        steps = np.arange(len(tail))
        correlation = estimate_autocorrelation(tail - np.polyval(np.polyfit(steps, tail, 1), steps))
        numbers = f"{verdict.gain:.0f} ({verdict.low:.0f} to {verdict.high:.0f})"
        half = judge_curve(cut(points, last / 2), "mask/AP", MARGIN)
        came = 100 * (1 - measure_level(points, 0.75 * last) / measure_level(points, last / 2))
        whole.append(
            f"| {name} | {last:,} | {verdict.points} | {correlation:.2f} | {numbers} | {verdict.state} "
            f"| {half.state} | {came:.0f} |"
        )
        for share in (0.3, 0.4, 0.5, 0.6, 2 / 3):
            verdict = judge_curve(cut(points, share * last), "mask/AP", MARGIN)
            if verdict.by:
                level = measure_level(points, share * last)
                straight.append(project_straight(cut(points, share * last)))
                rows.append((verdict, 100 * (1 - measure_level(points, 1.5 * share * last) / level)))
    lines = [
        f"**Training loss every 20 iterations**: {len(curves)} detectron2 Mask R-CNN trainings whose learning rate "
        f"stayed constant after the warm-up. Judged at their end, with {LOSS_MARGIN:g} %:",
        "",
        "| training | iterations | points judged | autocorrelation | gain of half as much again, % | verdict "
        "| verdict at half its length | really gained by three quarters, % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *whole,
        "",
        "Cut at 30, 40, 50, 60 and 67 % of their length, judged there, and held against the median loss half as many "
        "iterations later (cases of one training overlap):",
        "",
    ]
    projected, really = np.array([(verdict.gain, gained) for verdict, gained in rows]).T
    errors = [float(np.sqrt(np.mean((np.array(p) - really) ** 2))) for p in (projected, straight)]
    comparison = (
        f"Over all cases {np.mean(projected):.0f} % were projected and {np.mean(really):.0f} % gained; a slope against "
        f"the iteration itself would have projected {np.mean(straight):.0f} % (root mean square error {errors[1]:.0f} "
        f"against {errors[0]:.0f}). Those that are called rising were picked for their slope, so theirs is the most "
        "overstated: the verdict is to be believed, the size is not a forecast."
    )
    return [*lines, *tabulate(rows, "%", LOSS_MARGIN), "", comparison]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="real trainings; without it they are left out")
    parser.add_argument("--studies", type=int, default=3000, help="simulated curves a row")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    lines = [
        "# Convergence: rising, flat or unclear",
        "",
        f"{datetime.date.today()}; repeat with `python benchmarks/convergence.py FOLDER`.",
        "",
        RULE,
        "",
        "## Simulated curves",
        "",
        f"{arguments.studies:,} curves a row, AP with noise of 0.6, margin {MARGIN:g} AP. The true gain of half as "
        "many iterations again is exactly the margin, where both claims are most easily wrong (nominal: 5 % each). The "
        f"last two columns are power. Autocorrelation is that of neighbouring points; it is capped at "
        f"{LARGEST_AUTOCORRELATION:g} in the rule.",
        "",
        *simulate_errors(rng, arguments.studies),
        "",
        "Curves that bend more than a logarithm does (the margin as before):",
        "",
        *simulate_shapes(rng, arguments.studies),
        "",
        "## Real curves",
        "",
    ]
    found = []
    if arguments.folder:
        epochs, losses = read_epochs(arguments.folder), read_losses(arguments.folder)
        found = [report(curves) for report, curves in ((report_epochs, epochs), (report_losses, losses)) if curves]
    for part in found:
        lines += [*part, ""]
    if not found:
        lines += ["Left out: no folder with real trainings was given, or it holds none.", ""]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines).rstrip() + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
