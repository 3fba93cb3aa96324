"""How often the verdicts call a setting different from itself, on real trainings: `make bench-same-setting`.

Trains two small settings with many seeds each (benchmarks/same_setting.yaml; about half an hour on two cores the first
time, nothing after that), splits the seeds of a setting at random into two disjoint groups again and again, and judges
one group against the other as if they were two settings, with the runs' own draws of validation sequences. Every claim
is false. The table goes to docs/benchmarks/same_setting.md; the exit status is 1 where a share is clearly too large.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.statistics.contrast import Difference, judge_difference
from detstudy.analysis.statistics.variance import combine_seed_parts, estimate_unit_part, pool_seed_noise
from detstudy.execution.provenance import count_cores, read_cpu_name
from detstudy.wording import say

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "benchmarks" / "same_setting.yaml"
MEASURES = ("box/AP", "mask/AP")
DESIGNS = ((3, 3), (2, 2), (1, 3))  # seeds of the group judged, and of the one in the baseline's place
SOURCES = ("both groups and as many seeds of the other setting", "the other setting's seeds alone")
COMPARISONS = 3000  # of each setting, design and source
NOMINAL = 0.05

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trainings:
    """A setting's measure by seed, and in every draw of units."""

    values: Array  # [seeds]
    draws: Array  # [seeds, draws]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Shares over all comparisons of both settings."""

    measure: str
    seeds: tuple[int, int]
    source: str
    false: float
    error: float  # standard error of `false`
    half_width: float  # mean, AP
    spread: float  # standard deviation of the estimates, AP
    images_false: float  # by the interval over units alone

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share of false claims."""
        return max(self.false - 1.96 * self.error, 0.0), self.false + 1.96 * self.error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "same-setting")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "detstudy.cli", "run", str(STUDY), "--out", str(arguments.folder)]
    subprocess.run(command, check=True)  # trains what is missing
    evidence = Evidence(arguments.folder)
    findings = [
        compare_groups(read_trainings(evidence, measure), measure, seeds, source, evidence.units.count)
        for measure in MEASURES
        for seeds in DESIGNS
        for source in SOURCES
    ]
    text = write_page(evidence, findings)
    print(text)
    (ROOT / "docs" / "benchmarks" / "same_setting.md").write_text(text)
    return 1 if any(found.interval[0] > NOMINAL for found in findings) else 0


def read_trainings(evidence: Evidence, measure: str) -> list[Trainings]:
    """Return each setting's finished runs."""
    trainings = []
    for planned in evidence.plan.settings:
        runs = [run for run in evidence.runs_of(planned.id) if run.outcome == "finished"]
        values = [read_value(run, measure) for run in runs]
        trainings.append(Trainings(np.array(values), np.array([evidence.draws(run, measure) for run in runs])))
    return trainings


def compare_groups(
    trainings: Sequence[Trainings], measure: str, seeds: tuple[int, int], source: str, units: int
) -> Findings:
    """Compare random disjoint groups of one setting's seeds, for both settings in turn."""
    generator = np.random.default_rng(20261124)
    shares, errors, widths, estimates, by_images = [], [], [], [], []
    for own, other in ((trainings[0], trainings[1]), (trainings[1], trainings[0])):
        used = np.zeros((COMPARISONS, len(own.values)), dtype=bool)
        claimed = np.zeros(COMPARISONS, dtype=bool)
        for n in range(COMPARISONS):
            chosen = generator.permutation(len(own.values))[: sum(seeds)]
            a, b = chosen[: seeds[0]], chosen[seeds[0] :]
            borrowed = generator.permutation(len(other.values))
            groups = {"a": own.values[a], "baseline": own.values[b], "other": other.values[borrowed[: max(seeds)]]}
            if source == SOURCES[1]:
                groups = {"other": other.values}
            noise = pool_seed_noise({name: values.tolist() for name, values in groups.items()}, keep="baseline")
            parts = combine_seed_parts(noise, [("a", seeds[0]), ("baseline", seeds[1])])
            unit_part = estimate_unit_part(own.draws[a].mean(axis=0) - own.draws[b].mean(axis=0), units)
            assert parts is not None
            assert unit_part is not None
            estimate = float(own.values[a].mean() - own.values[b].mean())
            judged = judge_difference(Difference(estimate=estimate, seed_parts=parts, unit_part=unit_part), 0.0)
            images = judge_difference(Difference(estimate=estimate, seed_parts=[], unit_part=unit_part), 0.0)
            assert judged is not None
            assert images is not None
            claimed[n] = judged.verdict != "cannot tell"
            used[n, chosen] = True
            widths.append((judged.high - judged.low) / 2)
            estimates.append(estimate)
            by_images.append(images.verdict != "cannot tell")
        shares.append(claimed.mean())
        errors.append(estimate_error(claimed, used))
    return Findings(
        measure=measure,
        seeds=seeds,
        source=source,
        false=float(np.mean(shares)),
        error=float(np.hypot(errors[0], errors[1]) / 2),
        half_width=float(np.mean(widths)),
        spread=float(np.std(estimates)),
        images_false=float(np.mean(by_images)),
    )


def estimate_error(claimed: NDArray[np.bool_], used: NDArray[np.bool_]) -> float:
    """Return the standard error of a share of comparisons that use the same seeds again and again.

    The jackknife over seeds: how the share changes where no comparison uses a certain seed.
    """
    count = used.shape[1]
    without = np.array([claimed[~used[:, seed]].mean() for seed in range(count)])
    return float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))


def write_page(evidence: Evidence, findings: Sequence[Findings]) -> str:
    """Return the page, verdict first."""
    planned = [found for found in findings if found.source == SOURCES[1] and found.seeds == DESIGNS[0]]
    listed = "; ".join(f"{found.measure} {describe_share(found)}" for found in planned)
    seeds = min(len(read_trainings(evidence, MEASURES[0])[n].values) for n in range(2))
    units = say(evidence.counted_units)
    lines = [
        "# A setting against itself, on real trainings",
        "",
        f"**{seeds} trainings each of two small settings; 3 seeds against 3 others of the same setting, with the "
        f"seeds' variance from the other setting: called different, which is false, in {listed}. Nominal are 5 %.**",
        "",
        "| measure | seeds | variance over seeds from | false claims (95 %) | mean ± of the interval | "
        "standard deviation of the differences | false claims by the images alone |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {found.measure} | {found.seeds[0]} against {found.seeds[1]} | {found.source} | {describe_share(found)} "
            f"| {found.half_width:.1f} | {found.spread:.1f} | {100 * found.images_false:.0f} % |"
            for found in findings
        ),
        "",
        "Over seeds: " + "; ".join(describe_spread(evidence, measure) for measure in MEASURES) + ".",
        "",
        f"Each row: {COMPARISONS:,} random pairs of disjoint groups of each setting, judged by "
        "`detstudy.analysis.statistics.contrast.judge_difference` with the draws of "
        f"{units} that the analysis uses. The pairs share trainings, so they are not independent: "
        "the interval of the share is a jackknife over the seeds of the setting judged (how the share changes where no "
        f"pair uses a certain seed), and it is wide, since {seeds} trainings make {seeds // 6} pairs of 3 and 3 that "
        "share none. Within a setting the images' part is nothing but the interaction of seed and sequence, which is "
        "in the seeds' variance too: such intervals are a little wider than they need be.",
        "",
        f"{datetime.date.today()}, {count_cores()} cores of {read_cpu_name()}; repeat with "
        "`python benchmarks/same_setting.py`.",
    ]
    return "\n".join(lines) + "\n"


def describe_share(found: Findings) -> str:
    low, high = found.interval
    return f"{100 * found.false:.1f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def describe_spread(evidence: Evidence, measure: str) -> str:
    """Return each setting's mean and standard deviation."""
    parts = [
        f"{planned.id} {own.values.mean():.1f} ± {own.values.std(ddof=1):.1f}"
        for planned, own in zip(evidence.plan.settings, read_trainings(evidence, measure), strict=True)
    ]
    return f"{measure} {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
