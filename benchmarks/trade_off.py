"""How far noise moves the choice of a trade-off, on simulated studies with known truth.

AP saturates with training time. Each study adds seed noise and noise of the validation units, as the analysis finds
them, and clocks that vary from run to run; `weigh_costs` then chooses. Counted are how
often the true AP given up exceeds the stated bound, how often a repeated study's choice lies outside the settings that
hold 95 % of the stated shares, and where the choice falls, beside the highest mean and the knee (Kneedle, Satopää and
others, 2011: axes scaled to 1; on all settings, and on those up to 24 only).

`python benchmarks/trade_off.py` writes docs/benchmarks/trade_off.md; takes about five minutes on one idle core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.spread import Spread
from detstudy.analysis.findings.tradeoff import weigh_costs
from detstudy.analysis.records import SettingSummary, TradeOff
from detstudy.analysis.statistics.contrast import Difference
from detstudy.analysis.statistics.family import bound_regret, correlate_contrasts
from detstudy.analysis.statistics.variance import (
    combine_seed_parts,
    estimate_arm_variance,
    estimate_unit_part,
    pool_seed_noise,
)
from detstudy.trainers.torchvision.hyperparameters import make_setting

TIMES = np.array([1, 2, 4, 6, 9, 12, 18, 24, 36, 50.0])
TRUTH = 45 - 25 * np.exp(-TIMES / 6)
NAMES = [f"{time:g}" for time in TIMES]
CUT = 24.0
DRAWS = 200
REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "trade_off.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a simulated study has: seeds of each setting and of the first, units, and standard deviations."""

    seeds: int
    baseline_seeds: int
    units: int
    seed_sd: float  # AP
    unit_sd: float  # AP of a setting on one unit; what all settings share cancels
    clock_sd: float  # of the logarithm of a run's time

    def __str__(self) -> str:
        return f"{self.seeds} and {self.baseline_seeds} | {self.units} | {self.seed_sd:g} | {self.unit_sd:g}"


WORLDS = [
    World(seeds=seeds, baseline_seeds=3, units=units, seed_sd=seed_sd, unit_sd=unit_sd, clock_sd=0.03)
    for seeds, units, seed_sd, unit_sd in (
        (3, 20, 0.6, 0.0),
        (3, 20, 0.6, 2.0),
        (3, 20, 1.5, 2.0),
        (3, 9, 0.6, 2.0),
        (1, 20, 0.6, 0.0),
        (1, 20, 0.6, 2.0),
        (1, 50, 1.5, 2.0),
        (2, 20, 0.6, 2.0),
    )
]


def simulate_study(world: World, generator: np.random.Generator) -> tuple[TradeOff, NDArray[np.float64]]:
    """Return a study's trade-off and its settings' means."""
    seeds = [world.baseline_seeds, *[world.seeds] * (len(TIMES) - 1)]
    units = generator.normal(0, world.unit_sd, (len(TIMES), world.units))
    runs = {
        name: truth + row.mean() + generator.normal(0, world.seed_sd, count)
        for name, truth, row, count in zip(NAMES, TRUTH, units, seeds, strict=True)
    }
    clocks = {
        name: time * np.exp(generator.normal(0, world.clock_sd, count))
        for name, time, count in zip(NAMES, TIMES, seeds, strict=True)
    }
    noise = pool_seed_noise(runs, keep=NAMES[0])
    weights = generator.multinomial(world.units, np.full(world.units, 1 / world.units), DRAWS)
    draws = dict(zip(NAMES, units @ weights.T / world.units, strict=True))

    def differ(a: str, b: str) -> Difference:
        parts = combine_seed_parts(noise, [(name, len(runs[name])) for name in (a, b)])
        unit_part = estimate_unit_part(draws[a] - draws[b], world.units)
        assert parts is not None
        assert unit_part is not None
        return Difference(estimate=runs[a].mean() - runs[b].mean(), seed_parts=parts, unit_part=unit_part)

    def compare(a: str, b: str) -> Contrast:
        difference = differ(a, b)
        return Contrast(
            a=a,
            b=b,
            measure="mask/AP",
            estimate=difference.estimate,
            low=None,
            high=None,
            p=None,
            degrees_of_freedom=difference.degrees_of_freedom,
            standard_error=difference.standard_error,
            verdict=None,
            reason=None,
            seeds=(len(runs[a]), len(runs[b])),
            units=f"{world.units} sequences",
        )

    def bound(choice: str) -> float:
        others = [name for name in NAMES if name != choice]
        differences = [differ(name, choice) for name in others]
        shared = estimate_arm_variance(noise, choice, len(runs[choice]))
        columns = np.stack([draws[name] - draws[choice] for name in others], axis=1)
        return bound_regret(differences, correlate_contrasts(differences, shared, columns, world.units))

    summaries = [summarise(name, runs[name], clocks[name]) for name in NAMES]
    (trade_off,) = weigh_costs(summaries, "mask/AP", compare, bound)
    return trade_off, np.array([summary.measures["mask/AP"].mean for summary in summaries])


def summarise(name: str, values: NDArray[np.float64], seconds: NDArray[np.float64]) -> SettingSummary:
    """Return a setting that trained for so long and reached so much."""
    setting = make_setting(name="compact", learning_rate=0.01, batch_size=4, iterations=int(float(name)))
    return SettingSummary(
        id=name,
        label=name,
        setting=setting,
        levels={},
        runs=(),
        outcomes={"finished": len(values)},
        reason=None,
        measures={"mask/AP": spread(values), "train/seconds": spread(seconds)},
        undefined={},
        errors={},
        contrasts={},
    )


def spread(values: NDArray[np.float64]) -> Spread:
    return Spread(mean=float(values.mean()), sd=None, values=dict(enumerate(values.tolist())))


def find_knee(times: NDArray[np.float64], values: NDArray[np.float64]) -> int | None:
    """Return the first local maximum of (scaled values - scaled times) that is followed by a fall; None of none.

    It is a knee where the curve falls, before the next local maximum, by more than the mean step of the scaled times.
    """
    scaled = (times - times.min()) / np.ptp(times)
    heights = (values - values.min()) / np.ptp(values) - scaled
    step = np.diff(scaled).mean()
    inner = range(1, len(heights) - 1)
    peaks = [i for i in inner if heights[i - 1] <= heights[i] >= heights[i + 1]]
    for peak, following in zip(peaks, [*peaks[1:], len(heights)], strict=True):
        if heights[peak + 1 : following].min() < heights[peak] - step:
            return peak
    return None


def list_likely(trade_off: TradeOff) -> set[str]:
    """Return the fewest settings that together hold 95 % of the shares."""
    likely, held = set(), 0.0
    for point in sorted(trade_off.points, key=lambda point: -(point.share or 0.0)):
        if held >= 0.95:
            break
        likely.add(point.id)
        held += point.share or 0.0
    return likely


def measure_world(studies: list[TradeOff], choices: list[int]) -> list[str]:
    """Return a row: what the bound, the likely settings and the shares said, and what came true."""
    count = len(studies)
    lost = TRUTH.max() - TRUTH[choices]
    bounds = np.array([study.gives_up_at_most for study in studies], dtype=float)
    likely = [list_likely(study) for study in studies]
    # the study before stands for a repeated one
    outside = np.mean([studies[i].choice not in likely[i - 1] for i in range(count)])
    stated = np.mean([next(p.share for p in study.points if p.id == study.choice) for study in studies])
    same = np.mean([studies[i].choice == studies[i - 1].choice for i in range(count)])
    return [
        f"{100 * np.mean(lost > bounds):.1f} %",
        f"{np.median(bounds):.2f}",
        f"{lost.mean():.2f}",
        f"{100 * outside:.1f} %",
        f"{100 * stated:.0f} %",
        f"{100 * same:.0f} %",
    ]


def list_falls(choices: list[int], means: list[NDArray[np.float64]]) -> list[list[str]]:
    """Return a row a rule: how often it chose each setting, and the true AP given up."""
    inside = TIMES <= CUT
    rules: dict[str, list[int | None]] = {
        "one standard error": [*choices],
        "highest mean": [int(mean.argmax()) for mean in means],
        "knee": [find_knee(TIMES, mean) for mean in means],
        "knee up to 24": [find_knee(TIMES[inside], mean[inside]) for mean in means],
    }
    rows = []
    for rule, picks in rules.items():
        found = [pick for pick in picks if pick is not None]
        shares = [*(np.bincount(found, minlength=len(NAMES)) / len(picks)), 1 - len(found) / len(picks)]
        lost = TRUTH.max() - TRUTH[found]
        cells = [f"{100 * share:.0f}" if share >= 0.005 else "" for share in shares]
        rows.append([rule, *cells, f"{lost.mean():.2f}", f"{lost.std():.2f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=600, help="of each kind")
    count = parser.parse_args().studies
    rows, falls = [], []
    for number, world in enumerate(WORLDS):
        generator = np.random.default_rng(number)
        studies, means = zip(*(simulate_study(world, generator) for _ in range(count)), strict=True)
        choices = [NAMES.index(study.choice or "") for study in studies]
        rows.append([str(world), *measure_world(list(studies), choices)])
        falls += [[str(world).replace(" |", ","), *row] for row in list_falls(choices, list(means))]
        print(" | ".join(rows[-1]), flush=True)
    REPORT.write_text(write_report(count, rows, falls))


def write_report(count: int, rows: list[list[str]], falls: list[list[str]]) -> str:
    """Return the page with both tables."""
    truth = ", ".join(f"{name}: {ap:.1f}" for name, ap in zip(NAMES, TRUTH, strict=True))
    heads = (
        ("seeds, of the first | units | seed sd | unit sd", "bound exceeded", "bound, median", "given up, mean"),
        ("repeat outside 95 %", "same choice, stated", "same choice"),
    )
    lines = [
        "# How far noise moves the choice of a trade-off",
        "",
        f"{count} simulated studies a row, true AP by training time {truth}; seed and unit standard deviations in AP, "
        "clocks vary by 3 %; repeat with `python benchmarks/trade_off.py`.",
        "",
        f"| {' | '.join(heads[0] + heads[1])} |",
        f"| {' | '.join(['---'] * 10)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        '*Bound exceeded*: the true AP given up by the choice is more than the report\'s "you lose at most". '
        "*Repeat outside 95 %*: the choice of another study of the same kind is not among the fewest settings that "
        "hold 95 % of the stated shares. *Same choice*: how often the report says that a repeated study would choose "
        "the same, and how often it does.",
        "",
        "Where the choice falls, % of studies, with the true AP given up and its standard deviation:",
        "",
        f"| seeds, units, seed sd, unit sd | rule | {' | '.join(NAMES)} | none | given up, mean | sd |",
        f"| {' | '.join(['---'] * (len(NAMES) + 5))} |",
        *(f"| {' | '.join(row)} |" for row in falls),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
