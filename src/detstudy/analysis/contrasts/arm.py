"""One arm (a setting's finished runs, or a single run) against another: from the ledger's evidence to a contrast."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detstudy.analysis.evidence.confounding import find_accumulation, find_caveats, name_setting
from detstudy.analysis.evidence.effective import check_runs, contradict_contrast
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.evidence.runs import drop_copies, find_failure, list_unfinished
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import (
    Note,
    NothingVaries,
    NotMeasured,
    NoVerdict,
    ObjectsInFewUnits,
    OwnNoise,
    PredictionsUnreadable,
    TooFewUnits,
    UnitNoise,
)
from detstudy.analysis.facts.setting import About
from detstudy.analysis.statistics.contrast import Difference
from detstudy.analysis.statistics.family import bound_regret, correlate_contrasts, judge_family
from detstudy.analysis.statistics.variance import (
    Part,
    combine_seed_parts,
    estimate_arm_variance,
    estimate_paired_seed_part,
    estimate_unit_part,
)
from detstudy.ledger import RunRecord
from detstudy.plan import PlannedSetting


@dataclass(frozen=True)  # without slots, so that `finished` is found once
class Arm:
    """The runs of a setting, or one run, with an id and a label for readers."""

    id: str
    label: Fact
    runs: tuple[RunRecord, ...]

    @functools.cached_property
    def finished(self) -> tuple[RunRecord, ...]:
        """The runs that have measures, without those that repeat another seed's."""
        return drop_copies(run for run in self.runs if run.outcome == "finished")


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two arms to contrast, and all that is known of them before any measure is looked at.

    Where both have the same weights (they differ in evaluation only) the seeds are `paired`, and only common seeds
    count; so too where the predictions turn out to be identical (`alike`).
    """

    a: Arm
    b: Arm
    seeds: tuple[int, ...]  # that both have finished, rising
    paired: bool
    alike: bool
    contradiction: Fact | None  # why the effective values allow no verdict
    notes: tuple[Fact, ...]  # what did not finish or did not take effect
    caveats: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a difference of two arms is judged by, and what it shares with other differences from the same arm."""

    difference: Difference
    draws: NDArray[np.float64]  # of the difference, by draw of units
    shared: float  # variance that the second arm's seeds bring into every difference from it
    paired: int  # seeds that both arms share with their weights; 0 where the seeds are independent


def make_arm(evidence: Evidence, planned: PlannedSetting) -> Arm:
    """Return a planned setting with its runs."""
    runs = evidence.runs_of(planned.id)
    return Arm(planned.id, name_setting(planned.levels, runs), runs)


def pair_arms(evidence: Evidence, a: Arm, b: Arm) -> Pair:
    """Return two arms as a pair."""
    common = {run.seed for run in a.finished} & {run.seed for run in b.finished}
    paired = bool(common) and share_weights(a.finished[0].setting, b.finished[0].setting)
    alike = _predict_alike(evidence, a, b, common)
    if paired or alike:
        a, b = _keep_seeds(a, common), _keep_seeds(b, common)
    contradiction: Fact | None = None
    notes: list[Fact] = []
    caveats: tuple[Fact, ...] = ()
    if a.finished and b.finished:
        for arm in (a, b):
            notes += [*list_unfinished(arm.label, arm.runs), *check_runs(arm.label, arm.finished)]
        settings = a.finished[0].setting, b.finished[0].setting
        contradiction = contradict_contrast(a.finished, b.finished)
        caveats = find_caveats(evidence.study, *settings, (*a.finished, *b.finished))
    return Pair(a, b, tuple(sorted(common)), paired, alike, contradiction, tuple(notes), caveats)


def contrast_arms(evidence: Evidence, a: Arm, b: Arm, measures: Sequence[str]) -> dict[str, Contrast]:
    """Return a against b in each measure, with the verdict or the reason why there is none; see contrast_family."""
    pair = pair_arms(evidence, a, b)
    return {measure: contrast_family(evidence, [pair], measure)[0] for measure in measures}


def contrast_family(evidence: Evidence, pairs: Sequence[Pair], measure: str) -> list[Contrast]:
    """Return the contrasts of pairs with the same second arm in one measure; their 95 % intervals hold all at once.

    What can't be judged has its reason in place of a verdict and is no member of the family.
    """
    prepared = [prepare_contrast(evidence, pair, measure) for pair in pairs]
    samples = [sample for _, sample in prepared if sample]
    margin = evidence.study.smallest_difference_that_matters
    judged = iter(judge_family([sample.difference for sample in samples], correlate(evidence, samples), margin))
    varying = sum(sample.difference.variance > 0 for sample in samples)
    contrasts = []
    for contrast, sample in prepared:
        judgement = next(judged) if sample else None
        if sample and judgement is None:
            contrast = replace(contrast, reason=NothingVaries(evidence.counted_units))
        elif judgement:
            contrast = replace(contrast, **asdict(judgement), family=max(1, varying))
        contrasts.append(contrast)
    return contrasts


def bound_loss(evidence: Evidence, chosen: Arm, others: Sequence[Arm], measure: str) -> float | None:
    """Return the most that the chosen arm may lose against the best of the others, at 95 %, in AP.

    It holds for every choice at once, so also for one made on the same data. Left out are others whose effective
    values say that they are the same training, or not trained as their setting says. None where a difference can't be
    judged.
    """
    samples, alike = [], False
    for other in others:
        pair = pair_arms(evidence, other, chosen)
        contrast, sample = prepare_contrast(evidence, pair, measure)
        if sample:
            samples.append(sample)
        elif contrast.reason is NoVerdict.IDENTICAL:
            alike = True
        elif contrast.estimate is None or not pair.contradiction:
            return None
    if not samples:
        return 0.0 if alike else None
    return bound_regret([sample.difference for sample in samples], correlate(evidence, samples))


def correlate(evidence: Evidence, samples: Sequence[Sample]) -> NDArray[np.float64] | None:
    """Return the correlation of differences from one arm: they share its seeds, and all share the units."""
    if len(samples) < 2 or evidence.units is None:
        return None
    draws = np.stack([sample.draws for sample in samples], axis=1)
    shared = min(sample.shared for sample in samples)
    return correlate_contrasts([sample.difference for sample in samples], shared, draws, evidence.units.count)


def prepare_contrast(evidence: Evidence, pair: Pair, measure: str) -> tuple[Contrast, Sample | None]:
    """Return a against b without interval and verdict, and what they are judged by; None where they can't be."""
    a, b = pair.a, pair.b
    blank = _start_contrast(evidence, pair, measure)
    for arm in (a, b):
        if not arm.finished:
            return replace(blank, reason=About(arm.label, find_failure(arm.runs))), None
    missing = next((run for arm in (a, b) for run in arm.finished if evidence.value(run, measure) is None), None)
    if missing:
        found = missing.measures.get(measure)
        return replace(blank, reason=(found and found.reason) or NotMeasured(measure)), None
    values_a, values_b = (_read_values(evidence, arm, measure) for arm in (a, b))
    means = statistics.fmean(values_a.values()), statistics.fmean(values_b.values())
    blank = replace(blank, estimate=means[0] - means[1], a_value=means[0], b_value=means[1])
    if pair.alike:
        return replace(blank, estimate=0.0, low=0.0, high=0.0, reason=NoVerdict.IDENTICAL), None
    if pair.contradiction:
        return replace(blank, reason=pair.contradiction), None
    differences = [values_a[seed] - values_b[seed] for seed in pair.seeds] if pair.paired else None
    return _sample_difference(evidence, a, b, blank, differences)


def _start_contrast(evidence: Evidence, pair: Pair, measure: str) -> Contrast:
    """Return the contrast without numbers."""
    return Contrast(
        a=pair.a.id,
        b=pair.b.id,
        measure=measure,
        seeds=(len(pair.a.finished), len(pair.b.finished)),
        units=evidence.counted_units,
        notes=pair.notes,
        caveats=pair.caveats,
        accumulations=(find_accumulation(pair.a.runs), find_accumulation(pair.b.runs)),
        exploratory=evidence.additions.find_reasons(pair.a.id, pair.b.id),
    )


def _sample_difference(
    evidence: Evidence, a: Arm, b: Arm, blank: Contrast, differences: list[float] | None
) -> tuple[Contrast, Sample | None]:
    """Add what the difference is judged by, or why it can't be. `differences` are by seed, where seeds are paired."""
    measure, estimate = blank.measure, blank.estimate
    assert estimate is not None
    draws, reason = _draw_difference(evidence, a, b, measure)
    if draws is None:
        return replace(blank, reason=reason), None
    assert evidence.units is not None
    unit_part = estimate_unit_part(draws, evidence.units.count)
    if unit_part is None:
        return replace(blank, reason=ObjectsInFewUnits(measure, evidence.units.noun)), None
    blank = replace(blank, unit_variance=unit_part.variance)
    seed_parts: list[Part] | None
    if differences is not None:
        part = estimate_paired_seed_part(differences)
        seed_parts = None if part is None else [part]
        shared = 0.0 if part is None else part.variance / 2  # both arms are equal partners in it
    else:
        noise = evidence.seed_noise(measure)
        arms = list_seeds(evidence, a, b)
        seed_parts = combine_seed_parts(noise, arms)
        shared = estimate_arm_variance(noise, *arms[1])
        blank = replace(blank, notes=(*blank.notes, *_note_noise(evidence, (a, b), measure)))
    if seed_parts is None:
        notes = (*blank.notes, _note_unit_noise(unit_part, measure))
        reason = NoVerdict.NO_SECOND_SEED if differences is None else NoVerdict.ONE_TRAINING
        return replace(blank, reason=reason, notes=notes), None
    blank = replace(blank, seed_variance=sum(part.variance for part in seed_parts))
    difference = Difference(estimate=estimate, seed_parts=tuple(seed_parts), unit_part=unit_part)
    return blank, Sample(difference, draws, shared, len(differences or ()))


def list_seeds(evidence: Evidence, *arms: Arm) -> list[tuple[str, int]]:
    """Return each arm as the setting whose weights it has and its number of finished seeds."""
    return [(evidence.trained_as(arm.finished[0].setting), len(arm.finished)) for arm in arms]


def _predict_alike(evidence: Evidence, a: Arm, b: Arm, seeds: set[int]) -> bool:
    """Whether both arms predicted exactly the same, and not nothing, in every seed that both have."""
    runs_a, runs_b = ({run.seed: run for run in arm.finished} for arm in (a, b))
    return bool(seeds) and all(evidence.predict_alike(runs_a[seed], runs_b[seed]) for seed in seeds)


def _note_unit_noise(part: Part, measure: str) -> UnitNoise:
    """Return what the validation images alone contribute, for a reader who gets no interval."""
    from scipy.special import stdtrit

    return UnitNoise(measure, math.sqrt(part.variance) * float(stdtrit(part.degrees_of_freedom, 0.975)))


def _read_values(evidence: Evidence, arm: Arm, measure: str) -> dict[int, float]:
    return {run.seed: value for run in arm.finished if (value := evidence.value(run, measure)) is not None}


def _keep_seeds(arm: Arm, seeds: set[int]) -> Arm:
    return replace(arm, runs=tuple(run for run in arm.runs if run.seed in seeds))


def _draw_difference(
    evidence: Evidence, a: Arm, b: Arm, measure: str
) -> tuple[NDArray[np.float64] | None, Fact | None]:
    """Return the difference of seed means in the same draws of units, or why it can't be had."""
    if evidence.units is None or evidence.units.count < 2:
        return None, TooFewUnits(evidence.counted_units)
    means = []
    for arm in (a, b):
        mean = evidence.average_draws(arm.finished, measure)
        if mean is None:
            broken = next(run for run in arm.finished if evidence.draws(run, measure) is None)
            return None, PredictionsUnreadable(broken.id, broken.evaluation_folder)
        means.append(mean)
    return means[0] - means[1], None


def _note_noise(evidence: Evidence, arms: tuple[Arm, Arm], measure: str) -> tuple[Fact, ...]:
    """Return what the reader must know of the seeds' part: borrowed, its own, or resting on few repeats."""
    noise = evidence.seed_noise(measure)
    notes: list[Fact] = []
    for arm in arms:
        part = noise.own.get(evidence.trained_as(arm.finished[0].setting))
        if part:
            others = math.sqrt(noise.pooled.variance) if noise.pooled else None
            notes.append(About(arm.label, OwnNoise(measure, math.sqrt(part.variance), others)))
        elif len(arm.finished) == 1 and noise.pooled:
            notes.append(About(arm.label, Note.BORROWED_NOISE))
    return tuple(notes)
