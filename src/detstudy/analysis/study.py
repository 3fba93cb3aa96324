"""A study's folder → its conclusions."""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
from collections.abc import Callable
from pathlib import Path

from detstudy.analysis.contrasts.arm import bound_loss, contrast_arms, make_arm, pair_arms
from detstudy.analysis.contrasts.comparison import contrast_settings, find_detectable
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.choice import Choice
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.setting import LevelName
from detstudy.analysis.findings.agenda import plan_next
from detstudy.analysis.findings.choice import choose_setting, has_verdict, rate_certainty
from detstudy.analysis.findings.completion import complete_contrast
from detstudy.analysis.findings.convergence import judge_setting
from detstudy.analysis.findings.interaction import analyse_interactions
from detstudy.analysis.findings.learned import list_interactions, list_learned, list_savings, list_tested, list_unknown
from detstudy.analysis.findings.proposals import tabulate_proposals
from detstudy.analysis.findings.sanity import check_sanity
from detstudy.analysis.findings.summary import describe_factor, list_levels, summarise_setting, were_run_together
from detstudy.analysis.findings.tradeoff import weigh_costs
from detstudy.analysis.records import Analysis, FactorSummary, SettingSummary
from detstudy.plan import BASELINE
from detstudy.study.study import Factor

Choose = Callable[[list[SettingSummary], Fact], Choice | None]


def analyse_study(folder: Path) -> Analysis:
    """Analyse whatever of a study has been run, finished or not, from its folder alone.

    Raises StudyError where the folder holds no study, or runs that finished without sound ground truth.
    """
    evidence = Evidence(Path(folder))
    study = evidence.study
    objective, margin = study.objective, study.smallest_difference_that_matters
    arms = {planned.id: make_arm(evidence, planned) for planned in evidence.plan.settings}
    contrasts = contrast_settings(evidence)
    convergences = {id_: judge_setting(arm.runs, objective, margin) for id_, arm in arms.items()}
    pairs = {id_: pair_arms(evidence, arms[id_], arms[BASELINE]) for id_ in contrasts}
    detectable = find_detectable(evidence, pairs, contrasts)
    settings = {}
    for id_, arm in arms.items():
        found = contrasts.get(id_, {})
        if found:
            found[objective] = complete_contrast(evidence, pairs[id_], found[objective], convergences)
        settings[id_] = summarise_setting(evidence, arm, found)
    noise = evidence.seed_noise(objective)
    seed_sd = math.sqrt(noise.pooled.variance) if noise.pooled else None

    @functools.cache
    def compare(a: str, b: str) -> Contrast:
        return contrast_arms(evidence, arms[a], arms[b], (objective,))[objective]

    @functools.cache
    def bound_against(chosen: str, others: tuple[str, ...]) -> float | None:
        return bound_loss(evidence, arms[chosen], [arms[id_] for id_ in others], objective)

    def bound(chosen: str, compared: list[SettingSummary]) -> float | None:
        others = [s.id for s in compared if objective in s.measures and s.id != chosen]
        return bound_against(chosen, tuple(sorted(others)))

    def choose(compared: list[SettingSummary], baseline_name: Fact | None = None) -> Choice | None:
        seen = [detectable[summary.id] for summary in compared if summary.id in detectable]
        typical = statistics.median(seen) if seen else None
        certainty = rate_certainty(compared, evidence.counted_units, seed_sd, typical, objective)
        bounded = functools.partial(bound, compared=compared)
        return choose_setting(compared, objective, margin, bounded, certainty, baseline_name)

    everything = list(settings.values())
    factors = tuple(summarise_factor(evidence, factor, settings, choose) for factor in study.factors)
    bounded = functools.partial(bound, compared=everything)
    trade_offs = weigh_costs(everything, objective, compare, bounded, study.tolerance)
    factorial = analyse_interactions(evidence)
    depending, independent = list_interactions(factorial)
    learned = list_learned(everything, objective, margin, noise)
    choice = choose(everything)
    chosen = settings[choice.setting_id] if choice else None
    tested = list_tested(evidence.test_runs(), evidence.openings(), chosen, objective)
    return Analysis(
        study=study,
        plan=evidence.plan,
        settings=settings,
        factors=factors,
        choice=_warn_of_combining(choice, factors, settings, evidence),
        learned=(*learned, *depending, *list_savings(trade_offs), *tested),
        unknown=(*list_unknown(everything, objective, margin), *independent),
        next=tuple(plan_next(evidence, everything, factors, convergences)),
        warnings=check_sanity(evidence),
        trade_offs=trade_offs,
        factorial=factorial,
        convergences=convergences,
        units=evidence.counted_units,
        seed_sd=seed_sd,
    )


def summarise_factor(
    evidence: Evidence, factor: Factor, settings: dict[str, SettingSummary], choose: Choose
) -> FactorSummary:
    """Return a factor's levels with the choice among them and what else changed with the level."""
    levels = list_levels(evidence, factor)
    # the baseline is the setting of one of the levels
    compared = [settings[id_] for id_ in dict.fromkeys(id_ for _, id_ in levels)]
    level = evidence.study.baseline[factor.name]
    own = LevelName(factor.name, level, baseline=True, accumulation=settings[BASELINE].accumulation)
    proposals = tabulate_proposals(evidence, factor.name, levels, settings)
    return FactorSummary(
        name=factor.name,
        levels=levels,
        choice=choose(compared, own),
        notes=(
            *(proposals.notes if proposals else ()),
            *describe_factor(evidence, factor, levels, settings),
        ),
        proposals=proposals,
    )


def _warn_of_combining(
    choice: Choice | None, factors: tuple[FactorSummary, ...], settings: dict[str, SettingSummary], evidence: Evidence
) -> Choice | None:
    """Add that the better levels of several factors were never run together, where that is so."""
    chosen = [(factor, settings[factor.choice.setting_id]) for factor in factors if factor.choice]
    better = [pair for pair in chosen if has_verdict(pair[1], evidence.study.objective, "better")]
    if choice is None or were_run_together(evidence, [summary for _, summary in better]):
        return choice
    return dataclasses.replace(choice, apart=tuple(factor.name for factor, _ in better))
