"""What a study will be able to show, before it has run: the smallest difference that its seeds and images can show."""

from __future__ import annotations

import statistics
from pathlib import Path

from detstudy.analysis.contrasts.arm import make_arm, pair_arms, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.facts.setting import UnitCount
from detstudy.analysis.statistics.contrast import ALPHA
from detstudy.analysis.statistics.power import detectable_difference
from detstudy.analysis.statistics.variance import Part, SeedNoise, combine_seed_parts
from detstudy.forecast.facts import Blind, Foresight, Noise
from detstudy.plan import BASELINE, Plan, PlannedSetting
from detstudy.study.study import Study

SEED_SD = 1.6
"""AP over seeds of the scenes study's baseline."""

UNIT_SD = 1.8
"""AP of its result over its validation images, 80 in 20 sequences; taken for that of a difference, too."""

UNIT_SEQUENCES, UNIT_IMAGES = 20, 80


def foresee_differences(study: Study, plan: Plan, folder: Path, images: int, sequences: int) -> list[Foresight]:
    """Return for each factor the smallest true difference that would be called better or worse in four of five studies.

    `images` and `sequences` are those of the validation split. Variances are those of the study's own earlier runs in
    the folder where there are some, else the scenes study's (SEED_SD, UNIT_SD). The factor's contrasts are judged
    together: at ALPHA divided by their number, a little more careful than the analysis is.
    """
    units = UnitCount(sequences, "sequence") if sequences > 1 else UnitCount(images, "image")
    noise = learn_noise(folder, study, units.count) or assume_noise(units)
    seeds_of = {setting.id: sum(run.setting_id == setting.id for run in plan.runs) for setting in plan.settings}
    trained = list({s.setting.trained: seeds_of[s.id] for s in plan.settings}.values())
    freedom = sum(seeds - 1 for seeds in trained)
    found = []
    for factor in study.factors:
        members = [setting for setting in plan.settings if set(setting.levels) == {factor.name}]
        if members:
            seeds = min(seeds_of[setting.id] for setting in members), seeds_of[BASELINE]
            alpha = ALPHA / len(members)
            found.append(
                Foresight(
                    factor=factor.name,
                    settings=tuple(setting.id for setting in members),
                    objective=study.objective,
                    matters=study.smallest_difference_that_matters,
                    seeds=seeds,
                    units=units,
                    detectable=_detect(plan, members, seeds, freedom, noise, alpha, units.count),
                    noise=noise,
                )
            )
    return found


def learn_noise(folder: Path, study: Study, units: int) -> Noise | None:
    """Return the noise of the objective in the runs that the folder has; None where they don't show it."""
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
    return Noise(seeds.variance, Part(variance, units - 1), assumed_on=None)


def assume_noise(units: UnitCount) -> Noise:
    """Return the noise of the scenes study, for so many units."""
    known = UNIT_SEQUENCES if units.noun == "sequence" else UNIT_IMAGES
    variance = UNIT_SD**2 * known / max(units.count, 1)
    return Noise(SEED_SD**2, Part(variance, units.count - 1), assumed_on=UnitCount(known, units.noun))


def _detect(
    plan: Plan,
    members: list[PlannedSetting],
    seeds: tuple[int, int],
    freedom: int,
    noise: Noise,
    alpha: float,
    units: int,
) -> float | Blind:
    """Return the detectable difference, or why there is none."""
    if units < 2:
        return Blind.ONE_UNIT
    if all(share_weights(setting.setting, plan.settings[0].setting) for setting in members):
        if seeds[0] < 2:
            return Blind.SAME_WEIGHTS_OF_ONE_SEED
        return detectable_difference([], noise.unit, alpha=alpha)
    if not freedom:
        return Blind.NO_SETTING_TWICE
    pooled = SeedNoise(pooled=Part(noise.seed, freedom))
    parts = combine_seed_parts(pooled, [(members[0].id, seeds[0]), (BASELINE, seeds[1])])
    assert parts is not None
    return detectable_difference(parts, noise.unit, alpha=alpha)
