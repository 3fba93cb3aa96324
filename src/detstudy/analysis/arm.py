"""One arm (a setting's finished runs, or a single run) against another: from the ledger's evidence to a contrast."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from detstudy.analysis.contrast import judge_difference
from detstudy.analysis.evidence import Evidence, read_value, share_weights
from detstudy.analysis.labels import format_points
from detstudy.analysis.outcome import describe_failure, list_unfinished
from detstudy.analysis.receipt import check_receipts
from detstudy.analysis.records import Contrast
from detstudy.analysis.variance import (
    Part,
    combine_seed_parts,
    estimate_paired_seed_part,
    estimate_unit_part,
)
from detstudy.ledger import RunRecord

IDENTICAL = "the setting changed nothing: predictions are identical"


@dataclass(frozen=True, slots=True)
class Arm:
    """A name, in words too, and the runs that it stands for."""

    id: str
    label: str
    runs: tuple[RunRecord, ...]

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        """The runs that have measures."""
        return tuple(run for run in self.runs if run.outcome == "finished")


def contrast_arms(evidence: Evidence, a: Arm, b: Arm, measure: str) -> Contrast:
    """Return a against b in one measure, with the verdict or the reason why there is none.

    Where both arms have the same weights (they differ in evaluation only) the seeds are paired, and only common seeds
    count; so too where the predictions turn out to be identical.
    """
    common = {run.seed for run in a.finished} & {run.seed for run in b.finished}
    paired = bool(common) and share_weights(a.finished[0].setting, b.finished[0].setting)
    alike = _predict_alike(evidence, a, b, common)
    if paired or alike:
        a, b = _keep_seeds(a, common), _keep_seeds(b, common)
    blank = _start_contrast(evidence, a, b, measure)
    for arm in (a, b):
        if not arm.finished:
            return replace(blank, reason=f"{arm.label}: {describe_failure(arm.runs)}")
    missing = next((run for arm in (a, b) for run in arm.finished if read_value(run, measure) is None), None)
    if missing:
        found = missing.measures.get(measure)
        return replace(blank, reason=(found and found.reason) or f"{measure} was not measured")
    values_a, values_b = (_read_values(arm, measure) for arm in (a, b))
    means = statistics.fmean(values_a.values()), statistics.fmean(values_b.values())
    blank = replace(blank, estimate=means[0] - means[1], a_value=means[0], b_value=means[1])
    if alike:
        return replace(blank, estimate=0.0, low=0.0, high=0.0, reason=IDENTICAL)
    differences = [values_a[seed] - values_b[seed] for seed in sorted(common)] if paired else None
    return _judge_arms(evidence, a, b, blank, differences)


def _start_contrast(evidence: Evidence, a: Arm, b: Arm, measure: str) -> Contrast:
    """Return the contrast without numbers, with notes on what did not finish or did not take effect."""
    notes = []
    if a.finished and b.finished:
        for arm in (a, b):
            notes += [*list_unfinished(arm.label, arm.runs), *check_receipts(arm.label, arm.finished)]
    return Contrast(
        a=a.id,
        b=b.id,
        measure=measure,
        estimate=None,
        low=None,
        high=None,
        p=None,
        degrees_of_freedom=None,
        verdict=None,
        reason=None,
        seeds=(len(a.finished), len(b.finished)),
        units=evidence.units_label,
        notes=tuple(notes),
    )


def _judge_arms(evidence: Evidence, a: Arm, b: Arm, blank: Contrast, differences: list[float] | None) -> Contrast:
    """Add interval and verdict, or why they can't be had. `differences` are by seed, where the seeds are paired."""
    measure, estimate = blank.measure, blank.estimate
    assert estimate is not None
    unit_part, reason = _estimate_unit_part(evidence, a, b, measure)
    if unit_part is None:
        return replace(blank, reason=reason)
    blank = replace(blank, unit_variance=unit_part.variance)
    if differences is not None:
        part = estimate_paired_seed_part(differences)
        seed_parts = None if part is None else [part]
        remedy = "both come from the same training of one seed; give both at least two (seeds: [0, 1, 2])"
    else:
        settings = [evidence.trained_as(arm.finished[0].setting) for arm in (a, b)]
        arms = [(settings[0], len(a.finished)), (settings[1], len(b.finished))]
        seed_parts = combine_seed_parts(evidence.seed_noise(measure), arms)
        remedy = "no setting was trained with two seeds; add baseline_seeds: [0, 1, 2] to the study file"
        blank = replace(blank, notes=(*blank.notes, *_describe_noise(evidence, (a, b), measure)))
    if seed_parts is None:
        notes = (*blank.notes, _describe_unit_noise(unit_part, measure))
        return replace(blank, reason=f"seed noise unknown: {remedy}", notes=notes)
    judged = judge_difference(estimate, [*seed_parts, unit_part], evidence.study.smallest_difference_that_matters)
    if judged is None:
        return replace(blank, reason=f"nothing varies, neither over seeds nor over {evidence.units_label}")
    return replace(
        blank,
        low=judged.low,
        high=judged.high,
        p=judged.p,
        degrees_of_freedom=judged.degrees_of_freedom,
        verdict=judged.verdict,
        seed_variance=sum(part.variance for part in seed_parts),
    )


def _predict_alike(evidence: Evidence, a: Arm, b: Arm, seeds: set[int]) -> bool:
    """Whether both arms predicted exactly the same, and not nothing, in every seed that both have."""
    runs_a, runs_b = ({run.seed: run for run in arm.finished} for arm in (a, b))
    return bool(seeds) and all(evidence.predict_alike(runs_a[seed], runs_b[seed]) for seed in seeds)


def _describe_unit_noise(part: Part, measure: str) -> str:
    """Return what the validation images alone contribute, for a reader who gets no interval."""
    from scipy.special import stdtrit

    half = math.sqrt(part.variance) * float(stdtrit(part.degrees_of_freedom, 0.975))
    return f"{measure}: the validation images alone make ±{format_points(half)} at 95 %; the seeds' noise comes on top"


def _read_values(arm: Arm, measure: str) -> dict[int, float]:
    return {run.seed: value for run in arm.finished if (value := read_value(run, measure)) is not None}


def _keep_seeds(arm: Arm, seeds: set[int]) -> Arm:
    return replace(arm, runs=tuple(run for run in arm.runs if run.seed in seeds))


def _estimate_unit_part(evidence: Evidence, a: Arm, b: Arm, measure: str) -> tuple[Part | None, str | None]:
    """Return the variance of the difference of seed means over the same draws of units, or why there is none."""
    if evidence.units is None or evidence.units.count < 2:
        return None, f"image noise unknown: {evidence.units_label} to judge by; at least two are needed"
    means = []
    for arm in (a, b):
        draws = [evidence.draws(run, measure) for run in arm.finished]
        known = [values for values in draws if values is not None]
        if len(known) < len(draws):
            broken = next(run for run, values in zip(arm.finished, draws, strict=True) if values is None)
            remedy = "delete that folder and `detstudy run` evaluates it again"
            return None, f"matches.npz of {broken.id} can't be read; {remedy} ({broken.evaluation_folder})"
        means.append(sum(known[1:], start=known[0]) / len(known))
    part = estimate_unit_part(means[0] - means[1], evidence.units.count)
    if part is None:
        noun = "sequence" if "sequence" in evidence.units.label else "image"
        return None, f"image noise unknown: the objects that {measure} needs lie in one or two {noun}s"
    return part, None


def _describe_noise(evidence: Evidence, arms: tuple[Arm, Arm], measure: str) -> tuple[str, ...]:
    """Return what the reader must know of the seeds' part: borrowed, not pooled, or resting on few repeats."""
    noise = evidence.seed_noise(measure)
    notes = []
    for arm in arms:
        setting = evidence.trained_as(arm.finished[0].setting)
        part = noise.own.get(setting)
        if part:
            others = f" against {math.sqrt(noise.pooled.variance):.2g}" if noise.pooled else ""
            spread = f"standard deviation {math.sqrt(part.variance):.2g}{others}"
            notes.append(
                f"{arm.label}: its {measure} varies over seeds unlike the other settings' ({spread}); not pooled"
            )
        elif len(arm.finished) == 1 and noise.pooled:
            notes.append(f"{arm.label}: one seed; its noise is taken from the settings that have several")
    return tuple(notes)
