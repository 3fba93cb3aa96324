"""What a study will be able to tell, before it has run: the smallest difference that its seeds and images can show."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from detstudy.analysis.contrasts.arm import make_arm, pair_arms, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.statistics.contrast import LEVEL
from detstudy.analysis.statistics.power import detectable_difference
from detstudy.analysis.statistics.variance import Part, SeedNoise, combine_seed_parts
from detstudy.plan import BASELINE, Plan, PlannedSetting
from detstudy.study.study import Study
from detstudy.wording.labels import count

SEED_SD = 1.6
"""AP over seeds of the scenes study's baseline."""

UNIT_SD = 1.8
"""AP of its result over its validation images, 80 in 20 sequences; taken for that of a difference, too."""

UNIT_SEQUENCES, UNIT_IMAGES = 20, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What one factor's contrasts with the baseline can show. `detectable` is in AP, None where nothing can be."""

    factor: str
    settings: tuple[str, ...]
    seeds: tuple[int, int]  # of a level, of the baseline
    units: str  # "20 sequences"
    detectable: float | None
    sentence: str
    source: str  # of the noise that it goes by


@dataclass(frozen=True, slots=True)
class _Noise:
    """Variances to go by, and in words where they are from."""

    seed: float
    unit: Part
    source: str


def foresee_differences(study: Study, plan: Plan, folder: Path, images: int, sequences: int) -> list[Foresight]:
    """Return for each factor the smallest true difference that would be called better or worse in four of five studies.

    `images` and `sequences` are those of the validation split. Variances are those of the study's own earlier runs in
    the folder where there are some, else the scenes study's (SEED_SD, UNIT_SD). The factor's contrasts are judged
    together: at LEVEL divided by their number, a little more careful than the analysis is.
    """
    units, noun = (sequences, "sequence") if sequences > 1 else (images, "image")
    label = count(units, noun)
    noise = learn_noise(folder, study, units) or assume_noise(units, noun)
    seeds_of = {setting.id: sum(run.setting_id == setting.id for run in plan.runs) for setting in plan.settings}
    trained = list({(s.setting.model, s.setting.training): seeds_of[s.id] for s in plan.settings}.values())
    freedom = sum(seeds - 1 for seeds in trained)
    found = []
    for factor in study.factors:
        members = [setting for setting in plan.settings if set(setting.levels) == {factor.name}]
        if members:
            seeds = min(seeds_of[setting.id] for setting in members), seeds_of[BASELINE]
            level = LEVEL / len(members)
            detectable, why = _detect(plan, members, seeds, freedom, noise, level, units)
            text = why if detectable is None else _say(study, detectable, seeds, label)
            names = tuple(setting.id for setting in members)
            found.append(
                Foresight(
                    factor=factor.name,
                    settings=names,
                    seeds=seeds,
                    units=label,
                    detectable=detectable,
                    sentence=f"{factor.name}: {text}",
                    source=noise.source,
                )
            )
    return found


def learn_noise(folder: Path, study: Study, units: int) -> _Noise | None:
    """Return the noise of the objective in the runs that the folder has; None where they don't tell it."""
    if not next(folder.glob("runs/*/result.json"), None):
        return None
    evidence = Evidence(folder)
    seeds = evidence.seed_noise(study.objective).pooled
    baseline = make_arm(evidence, evidence.plan.setting(BASELINE))
    parts = []
    for setting in evidence.plan.settings[1:]:
        pair = pair_arms(evidence, make_arm(evidence, setting), baseline)
        sample = prepare_contrast(evidence, pair, study.objective)[1]
        if sample is not None:
            parts.append(sample.difference.unit_part.variance)
    if seeds is None or not seeds.variance or not parts or evidence.units is None:
        return None
    variance = statistics.median(parts) * evidence.units.count / units
    deviations = math.sqrt(seeds.variance), math.sqrt(variance)
    source = "this study's own runs: {:.1f} AP over seeds, {:.1f} of a difference over the images".format(*deviations)
    return _Noise(seeds.variance, Part(variance, units - 1), source)


def assume_noise(units: int, noun: str) -> _Noise:
    """Return the noise of the scenes study, for so many units."""
    known = UNIT_SEQUENCES if noun == "sequence" else UNIT_IMAGES
    variance = UNIT_SD**2 * known / max(units, 1)
    source = f"assumed as in the scenes study: {SEED_SD} AP over seeds, {UNIT_SD} over {known} {noun}s"
    return _Noise(SEED_SD**2, Part(variance, units - 1), source)


def _detect(
    plan: Plan,
    members: list[PlannedSetting],
    seeds: tuple[int, int],
    freedom: int,
    noise: _Noise,
    level: float,
    units: int,
) -> tuple[float | None, str]:
    """Return the detectable difference, or None and why there is none."""
    if units < 2:
        return None, "can't tell anything: one validation sequence or image gives no interval; at least two are needed"
    if all(share_weights(setting.setting, plan.settings[0].setting) for setting in members):
        if seeds[0] < 2:
            return None, "can't tell anything: the same weights of one seed; give two or more (seeds: [0, 1, 2])"
        return detectable_difference([], noise.unit, level=level), ""
    if not freedom:
        return None, "can't tell anything: no setting has two seeds; add baseline_seeds: [0, 1, 2]"
    pooled = SeedNoise(pooled=Part(noise.seed, freedom))
    parts = combine_seed_parts(pooled, [(members[0].id, seeds[0]), (BASELINE, seeds[1])])
    assert parts is not None
    return detectable_difference(parts, noise.unit, level=level), ""


def _say(study: Study, detectable: float, seeds: tuple[int, int], label: str) -> str:
    arms = f"{seeds[0]} against {seeds[1]} seeds on {label}"
    wanted = study.smallest_difference_that_matters
    short = f"; {wanted:g} AP, which matters, will mostly go unseen" if detectable > wanted else ""
    return f"a true difference of {detectable:.1f} in {study.objective} shows in four of five studies ({arms}{short})"
