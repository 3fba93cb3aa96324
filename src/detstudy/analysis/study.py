"""A study's folder → its conclusions."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path

from detstudy.analysis.arm import contrast_arms
from detstudy.analysis.choice import choose_setting, describe_certainty
from detstudy.analysis.evidence import Evidence
from detstudy.analysis.factor import describe_factor, list_levels
from detstudy.analysis.labels import label_factor, label_level
from detstudy.analysis.records import Analysis, Choice, Contrast, FactorSummary, SettingSummary
from detstudy.analysis.sentences import write_learned, write_test, write_unknown
from detstudy.analysis.summary import make_arm, summarise_setting
from detstudy.plan import BASELINE
from detstudy.setting import read_field
from detstudy.study import Factor


def analyse_study(folder: Path) -> Analysis:
    """Analyse whatever of a study has been run, finished or not, from its folder alone.

    Raises StudyError where the folder holds no study, EvaluationError where its ground truth is damaged.
    """
    evidence = Evidence(Path(folder))
    study = evidence.study
    objective, margin = study.objective, study.smallest_difference_that_matters
    settings = {planned.id: summarise_setting(evidence, planned) for planned in evidence.plan.settings}
    noise = evidence.seed_noise(objective)
    seed_sd = math.sqrt(noise.pooled.variance) if noise.pooled else None

    @functools.cache
    def compare(a: str, b: str) -> Contrast:
        first, second = (make_arm(evidence, evidence.plan.setting(name)) for name in (a, b))
        return contrast_arms(evidence, first, second, objective)

    def choose(compared: list[SettingSummary], baseline_label: str = "the baseline") -> Choice | None:
        finished = [summary.id for summary in compared if objective in summary.measures]

        def bound(chosen: str) -> float | None:
            highs = [compare(other, chosen).high for other in finished if other != chosen]
            known = [high for high in highs if high is not None]
            return max(0.0, *known) if highs and len(known) == len(highs) else None

        how_sure = describe_certainty(compared, evidence.units_label, seed_sd, objective)
        return choose_setting(compared, objective, margin, bound, how_sure, baseline_label)

    everything = list(settings.values())
    factors = tuple(summarise_factor(evidence, factor, settings, choose) for factor in study.factors)
    choice = choose(everything)
    return Analysis(
        study=study,
        plan=evidence.plan,
        settings=settings,
        factors=factors,
        choice=_warn_of_combining(choice, factors, study.design),
        learned=(*write_learned(everything, objective, margin, noise), *write_test(evidence.test_runs(), objective)),
        unknown=tuple(write_unknown(everything, objective, margin)),
        next=(),
        warnings=(),
        units=evidence.units_label,
        seed_sd=seed_sd,
    )


def summarise_factor(
    evidence: Evidence,
    factor: Factor,
    settings: dict[str, SettingSummary],
    choose: Callable[[list[SettingSummary], str], Choice | None],
) -> FactorSummary:
    """Return a factor's levels with the choice among them and what else changed with the level."""
    levels = list_levels(evidence, factor)
    # the baseline is the setting of one of the levels
    compared = [settings[id_] for id_ in dict.fromkeys(id_ for _, id_ in levels)]
    own = label_level(factor.name, read_field(evidence.study.baseline, factor.name))
    return FactorSummary(
        name=factor.name,
        label=label_factor(factor.name),
        levels=levels,
        choice=choose(compared, f"{own} (the baseline)"),
        notes=tuple(describe_factor(evidence, factor, levels, settings)),
    )


def _warn_of_combining(choice: Choice | None, factors: tuple[FactorSummary, ...], design: str) -> Choice | None:
    """Add that the best levels of several factors were never run together, where that is so."""
    improved = [factor for factor in factors if factor.choice and factor.choice.setting_id != BASELINE]
    if choice is None or design != "one_factor" or len(improved) < 2:
        return choice
    listed = " and ".join(factor.label for factor in improved)
    warning = f" The best levels of {listed} were not run together: their gains need not add up."
    return dataclasses.replace(choice, sentence=choice.sentence + warning)
