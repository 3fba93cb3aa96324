"""What a setting takes, of time and memory: means over seeds, and how far the clocks can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.facts.cost import SharedMachine, UnlikeMachines
from detstudy.analysis.findings.choice import CHEAPER
from detstudy.analysis.records import SettingSummary
from detstudy.analysis.statistics.variance import Part, pool_parts

COSTS = {
    "train/seconds": "s",
    "train/peak_memory_bytes": "bytes",
    "test/seconds_per_image": "s an image",
}
"""What is weighed against AP, and its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """One cost of several settings, in their order. Settings with the same weights share one training.

    `noise` is the variance of one run's logarithm, pooled over whatever was measured twice; None where nothing was.
    """

    values: NDArray[np.float64]  # [settings], means over seeds, above 0
    runs: NDArray[np.int64]  # [settings], how many each mean is over
    sources: NDArray[np.int64]  # [settings], the first setting with the same measurements
    noise: Part | None

    @property
    def errors(self) -> NDArray[np.float64]:
        """Relative standard errors of the means, 0 where the noise is unknown. [settings]"""
        variance = self.noise.variance if self.noise else 0.0
        errors: NDArray[np.float64] = np.sqrt(variance / self.runs)
        return errors

    @property
    def quantile(self) -> float:
        """How many standard errors a 95 % interval reaches to each side; 0 where the noise is unknown."""
        from scipy.special import stdtrit

        return float(stdtrit(self.noise.degrees_of_freedom, 0.975)) if self.noise else 0.0

    def bound_difference(self, a: int, b: int) -> float:
        """Return half the width of the 95 % interval of the difference of two costs, 0 where the noise is unknown."""
        return self.quantile * float(np.hypot(*(self.values[[a, b]] * self.errors[[a, b]])))

    def compare(self, a: int, b: int) -> tuple[float, float, float]:
        """Return a's cost as a share of b's with the ends of its 95 % interval, which are the same where unknown."""
        ratio = float(self.values[a] / self.values[b])
        apart = self.sources[a] != self.sources[b]
        wide = math.exp(self.quantile * math.hypot(self.errors[a], self.errors[b])) if apart else 1.0
        return ratio, ratio / wide, ratio * wide

    def bound_ratios(self) -> NDArray[np.float64]:
        """Return below which share of j's cost i is cheaper: CHEAPER, or one standard error. [settings i, j]"""
        variances = self.errors**2
        apart = np.sqrt(variances[:, None] + variances[None, :]) * (self.sources[:, None] != self.sources[None, :])
        ratios: NDArray[np.float64] = np.minimum(CHEAPER, np.exp(-apart))
        return ratios

    def draw(self, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Return the costs as the same study, repeated, might measure them. [count, settings]"""
        noise = generator.standard_normal((count, len(self.values)))[:, self.sources]
        drawn: NDArray[np.float64] = self.values * np.exp(math.sqrt(2) * noise * self.errors)  # both studies have it
        return drawn


def read_costs(settings: Sequence[SettingSummary], measure: str) -> Costs:
    """Return a cost of settings that all have it, above 0."""
    trained = [summary.setting.trained for summary in settings]
    sources = [trained.index(each) if measure.startswith("train/") else n for n, each in enumerate(trained)]
    seeds: dict[int, dict[int, float]] = {}
    for summary, source in zip(settings, sources, strict=True):
        seeds.setdefault(source, {}).update(summary.measures[measure].values)
    logs = {source: [math.log(value) for value in values.values()] for source, values in seeds.items()}
    return Costs(
        values=np.array([statistics.fmean(seeds[source].values()) for source in sources]),
        runs=np.array([len(seeds[source]) for source in sources]),
        sources=np.array(sources),
        noise=pool_parts(Part(statistics.variance(log), len(log) - 1) for log in logs.values() if len(log) > 1),
    )


def has_cost(summary: SettingSummary, measure: str) -> bool:
    """Whether a cost was measured at every finished seed, above 0."""
    spread = summary.measures.get(measure)
    return spread is not None and min(spread.values.values()) > 0


def read_reached(summary: SettingSummary, measure: str) -> float | None:
    """Return the largest cost that a setting's runs reached, finished or not; None where none is known."""
    found = (run.measures[measure].value for run in summary.runs if measure in run.measures)
    return max(filter(None, found), default=None)  # 0: it failed before the clock started


def find_clock_faults(settings: Sequence[SettingSummary], measure: str) -> tuple[SharedMachine | UnlikeMachines, ...]:
    """Return why times may not be compared: runs that shared a machine, or that ran on different ones."""
    if "seconds" not in measure:
        return ()
    runs = [run for summary in settings for run in summary.runs if run.outcome == "finished"]
    notes: list[SharedMachine | UnlikeMachines] = []
    tested = measure.startswith("test/")
    made = [(tested and run.evaluation_provenance) or run.provenance for run in runs]
    shared = max((each.workers or 1 for each in made), default=1)
    if shared > 1:
        notes.append(SharedMachine(shared))
    machines = sorted({str(each.gpu or each.cpu or "unknown") for each in made})
    if len(machines) > 1:
        notes.append(UnlikeMachines(tuple(machines)))
    return tuple(notes)


def list_costs(settings: Sequence[SettingSummary], objective: str) -> Mapping[str, list[SettingSummary]]:
    """Return, for each cost that any has, the settings with both it and the objective."""
    found = {
        measure: [summary for summary in settings if objective in summary.measures and has_cost(summary, measure)]
        for measure in COSTS
    }
    return {measure: having for measure, having in found.items() if having}
