"""What to run next to learn what the study leaves open, with the commands, the most useful first."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence

from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.conclusion import (
    Command,
    Finish,
    MoreSeeds,
    MoreUnits,
    RepeatForNoise,
    RunTogether,
    TrainLonger,
)
from detstudy.analysis.facts.reason import NO_SEED_NOISE, Remedy
from detstudy.analysis.findings.choice import has_verdict
from detstudy.analysis.findings.convergence import propose_longer
from detstudy.analysis.findings.learned import SETTINGS, find_section
from detstudy.analysis.findings.summary import were_run_together
from detstudy.analysis.records import Conclusion, Convergence, FactorSummary, SettingSummary
from detstudy.ledger import Ledger
from detstudy.plan import BASELINE

MOST_SEEDS = 10
"""The largest number of seeds of a setting that is proposed."""


def plan_next(
    evidence: Evidence,
    settings: Sequence[SettingSummary],
    factors: Sequence[FactorSummary],
    convergences: Mapping[str, Convergence | None],
) -> Iterator[Conclusion]:
    """Give what is unfinished, else more seeds, more images, longer trainings, the best levels together."""
    ledger = Ledger(evidence.folder)
    waiting = [run for run in evidence.plan.runs if ledger.is_training_due(run) or ledger.is_evaluation_due(run)]
    if waiting:
        yield Conclusion(Finish(len(waiting)), "runs", make_command(evidence, {}))
        return
    yield from propose_seeds(evidence, settings)
    yield from propose_units(evidence, settings)
    yield from propose_iterations(evidence, settings, convergences)
    ids = [factor.choice.setting_id for factor in factors if factor.choice]
    chosen = [s for s in settings if s.id in ids and has_verdict(s, evidence.study.objective, "better")]
    if not were_run_together(evidence, chosen):
        levels = {name: [level] for summary in chosen for name, level in summary.levels.items()}
        overrides = {"study": f"{evidence.study.name}-together", "design": "grid", "factors": levels}
        together = RunTogether(tuple(summary.label for summary in chosen))
        yield Conclusion(together, SETTINGS, make_command(evidence, overrides, elsewhere=True))


def propose_iterations(
    evidence: Evidence, settings: Sequence[SettingSummary], convergences: Mapping[str, Convergence | None]
) -> Iterator[Conclusion]:
    """Propose one longer study of all settings that are not surely ahead and were still improving."""
    found = {s.id: find_rising(s, evidence.study.objective, convergences) for s in settings}
    rising = [summary for summary in settings if found[summary.id]]
    if not rising or "iterations" not in evidence.study.baseline:
        return
    ids = {id_ for summary in rising for id_ in found[summary.id]}
    longer = TrainLonger(tuple(summary.label for summary in rising), ids != {BASELINE}, BASELINE in ids)
    section = find_section(rising[0]) if len(rising) == 1 else SETTINGS
    command = propose_longer(evidence.study, rising, evidence.plan.crossed, evidence.folder / "study.yaml")
    yield Conclusion(longer, section, command)


def find_rising(
    summary: SettingSummary, objective: str, convergences: Mapping[str, Convergence | None]
) -> tuple[str, ...]:
    """Return which of a setting and the baseline are not surely ahead and were still improving, by id."""
    contrast = summary.contrasts.get(objective)
    if contrast is None or contrast.verdict is None:
        return ()
    behind = {"worse": (contrast.a,), "better": (contrast.b,), "cannot tell": (contrast.a, contrast.b)}
    known = ((id_, convergences.get(id_)) for id_ in behind.get(contrast.verdict, ()))
    return tuple(id_ for id_, convergence in known if convergence and convergence.state == "rising")


def propose_seeds(evidence: Evidence, settings: Sequence[SettingSummary]) -> Iterator[Conclusion]:
    """Propose the number of seeds of all settings that settles those contrasts that a few more seeds can settle."""
    study, objective = evidence.study, evidence.study.objective
    baseline = evidence.plan.setting(BASELINE).setting
    unknown = [s for s in settings if (c := s.contrasts.get(objective)) and c.reason in NO_SEED_NOISE]
    if unknown:
        overrides = {"baseline_seeds": sorted({*study.baseline_seeds, 0, 1, 2})}
        paired = any(share_weights(summary.setting, baseline) for summary in unknown)
        if paired:
            overrides = {"seeds": sorted({*study.seeds, 0, 1, 2}), **overrides}
        yield Conclusion(RepeatForNoise(everything=paired), SETTINGS, make_command(evidence, overrides))
        return
    known = list_remedies(settings, objective)
    needs = tuple((name, each.seeds) for name, each in known if each.seeds and each.seeds <= MOST_SEEDS)
    if not needs:
        return
    wanted = max(number for _, number in needs)
    seeds = extend_seeds(study.seeds, wanted)
    baseline_seeds = extend_seeds(study.baseline_seeds, wanted)
    trained = {(evidence.trained_as(run.setting), run.seed) for run in evidence.runs}
    planned = {
        (evidence.trained_as(summary.setting), seed)
        for summary in settings
        for seed in (baseline_seeds if summary.id == BASELINE else seeds)
    }
    added = len(planned - trained)
    times = [spread.mean for summary in settings if (spread := summary.measures.get("train/seconds"))]
    more = MoreSeeds(
        seeds=wanted,
        trainings=added,
        seconds=statistics.fmean(times) * added if times else None,
        needs=needs,
    )
    command = make_command(evidence, {"seeds": seeds, "baseline_seeds": baseline_seeds})
    yield Conclusion(more, SETTINGS, command)


def propose_units(evidence: Evidence, settings: Sequence[SettingSummary]) -> Iterator[Conclusion]:
    """Propose the validation data that would settle a contrast where seeds can't."""
    known = list_remedies(settings, evidence.study.objective)
    needs = tuple((name, remedy.units) for name, remedy in known if remedy.units)
    if needs and evidence.units:
        yield Conclusion(MoreUnits(evidence.units.noun, evidence.units.count, needs), SETTINGS)


def list_remedies(settings: Sequence[SettingSummary], objective: str) -> list[tuple[Fact, Remedy]]:
    """Return what would settle each contrast with the baseline that the data leaves open, with the setting's name."""
    contrasts = [(summary.label, summary.contrasts.get(objective)) for summary in settings]
    return [(label, contrast.remedy) for label, contrast in contrasts if contrast and contrast.remedy]


def extend_seeds(seeds: Sequence[int], wanted: int) -> list[int]:
    """Return the seeds, and the smallest others until there are as many as wanted."""
    others = (seed for seed in range(wanted + len(seeds)) if seed not in seeds)
    return [*seeds, *(next(others) for _ in range(wanted - len(seeds)))]


def make_command(evidence: Evidence, overrides: Mapping[str, object], *, elsewhere: bool = False) -> Command:
    """Return the command that runs the folder's study with overrides: in its folder, or as a study of its own."""
    return Command(
        evidence.folder / "study.yaml",
        None if elsewhere else evidence.folder,
        tuple(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in overrides.items()),
    )
