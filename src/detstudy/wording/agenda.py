"""What to run next to learn what the study could not tell, as commands that can be typed, the most telling first."""

from __future__ import annotations

import json
import shlex
import statistics
from collections.abc import Iterator, Mapping, Sequence

from detstudy.analysis.contrasts.remedy import Remedy
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.findings.choice import has_verdict
from detstudy.analysis.findings.convergence import propose_longer
from detstudy.analysis.findings.factor import were_run_together
from detstudy.analysis.records import Conclusion, Convergence, FactorSummary, SettingSummary
from detstudy.ledger import Ledger
from detstudy.numbers import format_time
from detstudy.plan import BASELINE
from detstudy.wording.labels import count
from detstudy.wording.say import say
from detstudy.wording.sentences import SETTINGS, find_evidence

MOST_NAMED = 4
MOST_SEEDS = 10
"""Nobody is sent off to train a setting more often than this."""


def write_agenda(
    evidence: Evidence,
    settings: Sequence[SettingSummary],
    factors: Sequence[FactorSummary],
    remedies: Mapping[str, Remedy | None],
    convergences: Mapping[str, Convergence | None],
) -> Iterator[Conclusion]:
    """Give what is unfinished, else more seeds, more images, longer trainings, the best levels together."""
    labels = {summary.id: say(summary.label) for summary in settings}
    ledger = Ledger(evidence.folder)
    waiting = [run for run in evidence.plan.runs if ledger.is_training_due(run) or ledger.is_evaluation_due(run)]
    if waiting:
        command = write_command(evidence, {})
        yield Conclusion(f"Finish what is planned ({count(len(waiting), 'run')} left): {command}", "runs")
        return
    yield from propose_seeds(evidence, settings, remedies, labels)
    yield from propose_units(evidence, remedies, labels)
    yield from propose_iterations(evidence, settings, convergences)
    ids = [factor.choice.setting_id for factor in factors if factor.choice]
    chosen = [s for s in settings if s.id in ids and has_verdict(s, evidence.study.objective, "better")]
    if not were_run_together(evidence, chosen):
        levels = {name: [level] for summary in chosen for name, level in summary.levels.items()}
        overrides = {"study": f"{evidence.study.name}-together", "design": "grid", "factors": levels}
        command = write_command(evidence, overrides, elsewhere=True)
        listed = ", ".join(say(summary.label) for summary in chosen)
        yield Conclusion(f"Run {listed} together, which this study did not: {command}", SETTINGS)


def propose_iterations(
    evidence: Evidence, settings: Sequence[SettingSummary], convergences: Mapping[str, Convergence | None]
) -> Iterator[Conclusion]:
    """Propose one longer study of all settings that are not surely ahead and were still improving."""
    reasons = {s.id: find_rising(s, evidence.study.objective, convergences) for s in settings}
    rising = [summary for summary in settings if reasons[summary.id]]
    if not rising:
        return
    command = propose_longer(evidence.study, rising, evidence.plan.crossed, evidence.folder / "study.yaml")
    names = [say(summary.label) for summary in rising]
    listed = "; ".join(names[:MOST_NAMED] + ([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []))
    why = (
        f"{reasons[rising[0].id]} still improving" if len(rising) == 1 else "they or the baseline were still improving"
    )
    yield Conclusion(
        f"Train {listed} and the baseline twice as long, since {why}: {command}",
        find_evidence(rising[0]) if len(rising) == 1 else SETTINGS,
    )


def find_rising(summary: SettingSummary, objective: str, convergences: Mapping[str, Convergence | None]) -> str | None:
    """Return who of a setting and the baseline is not surely ahead and was still improving; None where neither was."""
    contrast = summary.contrasts.get(objective)
    if contrast is None or contrast.verdict is None:
        return None
    behind = {"worse": (contrast.a,), "better": (contrast.b,), "cannot tell": (contrast.a, contrast.b)}
    labels = {contrast.a: "it", contrast.b: "the baseline"}
    rising = [
        labels[id_]
        for id_ in behind.get(contrast.verdict, ())
        if (convergence := convergences.get(id_)) and convergence.state == "rising"
    ]
    return {0: None, 1: f"{''.join(rising)} was", 2: "both were"}[len(rising)]


def propose_seeds(
    evidence: Evidence,
    settings: Sequence[SettingSummary],
    remedies: Mapping[str, Remedy | None],
    labels: Mapping[str, str],
) -> Iterator[Conclusion]:
    """Propose as many seeds of all settings as would tell those apart that a few more can."""
    study, objective = evidence.study, evidence.study.objective
    baseline = evidence.plan.setting(BASELINE).setting
    unknown = [
        s for s in settings if (c := s.contrasts.get(objective)) and (c.reason or "").startswith("seed noise unk")
    ]
    if unknown:
        overrides, who = {"baseline_seeds": sorted({*study.baseline_seeds, 0, 1, 2})}, "the baseline"
        if any(share_weights(summary.setting, baseline) for summary in unknown):  # their seeds are paired
            overrides, who = {"seeds": sorted({*study.seeds, 0, 1, 2}), **overrides}, "every setting"
        command = write_command(evidence, overrides)
        yield Conclusion(f"Repeat {who}, so that the noise between seeds is known: {command}", SETTINGS)
        return
    needed = {id_: remedy.seeds for id_, remedy in remedies.items() if remedy and remedy.seeds}
    affordable = {id_: seeds for id_, seeds in needed.items() if seeds <= MOST_SEEDS}
    if not affordable:
        return
    wanted = max(affordable.values())
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
    cost = f"{count(added, 'more training')}"
    if times:
        cost += f", about {format_time(statistics.fmean(times) * added)} of training"
    listed = "; ".join(f"{labels[id_]} needs {seeds_}" for id_, seeds_ in affordable.items())
    command = write_command(evidence, {"seeds": seeds, "baseline_seeds": baseline_seeds})
    yield Conclusion(
        f"Train {count(wanted, 'seed')} of every setting ({cost}): if the differences stay as they are, that tells "
        f"({listed}). Seeds added after a look make those verdicts exploratory. {command}",
        SETTINGS,
    )


def propose_units(
    evidence: Evidence, remedies: Mapping[str, Remedy | None], labels: Mapping[str, str]
) -> Iterator[Conclusion]:
    """Propose the validation data that would tell where seeds can't."""
    wanted = {id_: remedy.units for id_, remedy in remedies.items() if remedy and remedy.units}
    if not wanted or evidence.units is None:
        return
    listed = "; ".join(f"{labels[id_]}: {units:,}" for id_, units in wanted.items())
    yield Conclusion(
        f"Annotate more validation {evidence.units.noun}s (now {evidence.units.count:,}) where seeds alone won't tell: "
        f"{listed}.",
        SETTINGS,
    )


def extend_seeds(seeds: Sequence[int], wanted: int) -> list[int]:
    """Return the seeds, and the smallest others until there are as many as wanted."""
    others = (seed for seed in range(wanted + len(seeds)) if seed not in seeds)
    return [*seeds, *(next(others) for _ in range(wanted - len(seeds)))]


def write_command(evidence: Evidence, overrides: Mapping[str, object], *, elsewhere: bool = False) -> str:
    """Return the command that runs the folder's study with overrides: in its folder, or as a study of its own."""
    parts = ["detstudy", "run", str(evidence.folder / "study.yaml")]
    if not elsewhere:
        parts += ["--out", str(evidence.folder)]
    for key, value in overrides.items():
        parts += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(parts)
