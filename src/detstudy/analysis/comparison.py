"""One arm (a setting's finished runs, or a single run) against another: from the ledger's evidence to a contrast."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from detstudy.analysis.contrast import judge_difference
from detstudy.analysis.evidence import Evidence, read_value, share_weights
from detstudy.analysis.labels import count, format_points
from detstudy.analysis.outcome import describe_failure, list_unfinished
from detstudy.analysis.receipt import check_receipts
from detstudy.analysis.records import Contrast
from detstudy.analysis.variance import (
    Part,
    combine_seed_parts,
    estimate_jackknife_part,
    estimate_paired_seed_part,
)
from detstudy.ledger import RunRecord


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

    Where both arms share weights (they differ in evaluation only) the seeds are paired, and only common seeds count.
    """
    paired = bool(a.finished and b.finished) and share_weights(a.finished[0].setting, b.finished[0].setting)
    if paired:
        a, b = _keep_common_seeds(a, b)
    blank = Contrast(
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
        notes=(*list_unfinished(a.label, a.runs), *list_unfinished(b.label, b.runs)),
    )
    for arm in (a, b):
        if not arm.finished:
            return replace(blank, reason=f"{arm.label}: {describe_failure(arm.runs)}", notes=())
    values_a, values_b = ({run.seed: read_value(run, measure) for run in arm.finished} for arm in (a, b))
    for arm in (a, b):
        for run in arm.finished:
            if read_value(run, measure) is None:
                found = run.measures.get(measure)
                return replace(blank, reason=(found and found.reason) or f"{measure} was not measured")
    defined_a = {seed: value for seed, value in values_a.items() if value is not None}
    defined_b = {seed: value for seed, value in values_b.items() if value is not None}
    notes = (*blank.notes, *check_receipts(a.label, a.finished), *check_receipts(b.label, b.finished))
    if predict_alike(a, b):
        reason = "the setting changed nothing: predictions are identical"
        return replace(blank, estimate=0.0, low=0.0, high=0.0, reason=reason, notes=notes)
    estimate = statistics.fmean(defined_a.values()) - statistics.fmean(defined_b.values())
    blank = replace(blank, estimate=estimate, notes=notes)

    unit_part, reason = _estimate_unit_part(evidence, a, b, measure)
    if unit_part is None:
        return replace(blank, reason=reason)
    blank = replace(blank, unit_variance=unit_part.variance)
    if paired:
        part = estimate_paired_seed_part([defined_a[seed] - defined_b[seed] for seed in sorted(defined_a)])
        seed_parts = None if part is None else [part]
        remedy = "both come from the same training; give the baseline and this setting at least two seeds"
    else:
        noise = evidence.seed_noise(measure)
        settings = [evidence.trained_as(arm.finished[0].setting) for arm in (a, b)]
        seed_parts = combine_seed_parts(noise, [(settings[0], len(a.finished)), (settings[1], len(b.finished))])
        remedy = "no setting was trained with two seeds; add baseline_seeds: [0, 1, 2] to the study file"
        notes += _describe_noise(evidence, (a, b), measure)
    if seed_parts is None:
        return replace(blank, reason=f"seed noise unknown: {remedy}", notes=(*notes, describe_unit_noise(unit_part)))
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
        notes=notes,
        seed_variance=sum(part.variance for part in seed_parts),
    )


def predict_alike(a: Arm, b: Arm) -> bool:
    """Whether both arms predicted exactly the same, and not nothing, in every seed that both have."""
    files_a, files_b = ({run.seed: run.evaluation_folder / "predictions.json" for run in arm.finished} for arm in (a, b))
    common = sorted(set(files_a) & set(files_b))
    for seed in common:
        try:
            sizes = {files[seed].stat().st_size for files in (files_a, files_b)}
            if len(sizes) > 1 or files_a[seed].read_bytes() != files_b[seed].read_bytes():
                return False
            if not files_a[seed].read_bytes().strip(b"[] \n"):
                return False
        except OSError:
            return False
    return bool(common)


def describe_unit_noise(part: Part) -> str:
    """Return what the validation images alone contribute, for a reader who gets no interval."""
    from scipy.special import stdtrit

    half = math.sqrt(part.variance) * float(stdtrit(part.degrees_of_freedom, 0.975))
    return f"the validation images alone make ±{format_points(half)} AP at 95 %; the seeds' noise comes on top"


def _keep_common_seeds(a: Arm, b: Arm) -> tuple[Arm, Arm]:
    common = {run.seed for run in a.finished} & {run.seed for run in b.finished}
    if not common:
        return a, b
    arms = (replace(arm, runs=tuple(run for run in arm.runs if run.seed in common)) for arm in (a, b))
    first, second = arms
    return first, second


def _estimate_unit_part(evidence: Evidence, a: Arm, b: Arm, measure: str) -> tuple[Part | None, str | None]:
    """Return the jackknife variance of the difference of seed means over the same units, or why there is none."""
    if evidence.units is None or evidence.units.count < 2:
        return None, f"image noise unknown: {evidence.units_label} to judge by; at least two are needed"
    means = []
    for arm in (a, b):
        replicates = [evidence.replicates(run, measure) for run in arm.finished]
        known = [values for values in replicates if values is not None]
        if len(known) < len(replicates):
            broken = next(run for run, values in zip(arm.finished, replicates, strict=True) if values is None)
            remedy = "delete that folder and `detstudy run` evaluates it again"
            return None, f"matches.npz of {broken.id} can't be read; {remedy} ({broken.evaluation_folder})"
        means.append(sum(known[1:], start=known[0]) / len(known))
    part = estimate_jackknife_part(means[0] - means[1])
    if part is None:
        noun = "sequence" if "sequence" in evidence.units.label else "image"
        return None, f"image noise unknown: all objects that {measure} needs lie in one {noun}"
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
            notes.append(f"{arm.label}: its seeds vary unlike the other settings' ({spread}), so they are not pooled")
        elif len(arm.finished) == 1 and noise.pooled:
            freedom = count(round(noise.pooled.degrees_of_freedom), "degree") + " of freedom"
            spread = f"standard deviation {math.sqrt(noise.pooled.variance):.2g}, {freedom}"
            notes.append(f"{arm.label}: one seed; its noise is taken from the repeated settings ({spread})")
    return tuple(notes)
