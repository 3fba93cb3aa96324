"""Every setting against the baseline: who is judged together, and what could be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detstudy.analysis.contrasts.arm import Pair, contrast_family, make_arm, pair_arms, prepare_contrast
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.statistics.power import detectable_difference
from detstudy.plan import BASELINE, PlannedSetting
from detstudy.study.study import MEASURES

Contrasts = dict[str, Contrast]
"""By measure."""


def contrast_settings(evidence: Evidence) -> dict[str, Contrasts]:
    """Return the contrasts of every setting with the baseline, by its id."""
    found: dict[str, Contrasts] = {}
    for family in evidence.plan.list_families():
        found |= contrast_members(evidence, family)
    return found


def contrast_members(evidence: Evidence, family: Sequence[PlannedSetting]) -> dict[str, Contrasts]:
    """Return the contrasts of settings that are judged together with the baseline, by id: their intervals hold at once.

    What was added after the first run does not change what was planned: it is judged with all the rest, what was
    planned without it.
    """
    baseline = make_arm(evidence, evidence.plan.setting(BASELINE))
    planned = [setting for setting in family if setting.id not in evidence.additions.settings]
    found: dict[str, Contrasts] = {setting.id: {} for setting in family}
    for members in (family, planned) if len(planned) < len(family) else (family,):
        pairs = [pair_arms(evidence, make_arm(evidence, setting), baseline) for setting in members]
        for measure in MEASURES:
            for setting, contrast in zip(members, contrast_family(evidence, pairs, measure), strict=True):
                found[setting.id][measure] = contrast
    return found


def find_detectable(
    evidence: Evidence, pairs: Mapping[str, Pair], contrasts: Mapping[str, Contrasts]
) -> dict[str, float]:
    """Return the difference in the objective, AP, that would be found with a chance of 80 %, by setting.

    Each at the alpha of its family; settings that could not be judged are left out.
    """
    objective = evidence.study.objective
    found = {}
    for id_, pair in pairs.items():
        sample = prepare_contrast(evidence, pair, objective)[1]
        if sample:
            parts, alpha = sample.difference, contrasts[id_][objective].alpha
            found[id_] = detectable_difference(parts.seed_parts, parts.unit_part, alpha=alpha)
    return found
