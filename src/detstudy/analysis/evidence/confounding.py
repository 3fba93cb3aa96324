"""What else changes with the batch size: steps, images, warm-up, epochs, the gradient's noise, batches in parts."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.caveat import (
    BatchRule,
    ImagesDiffer,
    RateNotScaled,
    SeedsInUnlikeParts,
    StepsDiffer,
    TrainedInParts,
)
from detstudy.analysis.facts.setting import Accumulation, RunName, SettingName
from detstudy.analysis.records import SettingSummary
from detstudy.ledger import RunRecord
from detstudy.study.setting import Setting
from detstudy.study.study import Study

SLACK = 0.01
"""Budgets within this share are equal: iterations are whole numbers."""


def find_caveats(study: Study, a: Setting, b: Setting, runs: Sequence[RunRecord] = ()) -> tuple[Fact, ...]:
    """Return what a verdict on a against b carries because more changed than its level says.

    Among it which batches of the finished runs were trained in parts, where others were not or in other parts. A study
    that asks for the iterations themselves means to compare budgets; then nothing is said of them.
    """
    divided = {(read_micro_batch(run) and run.setting.get("batch_size"), read_micro_batch(run)) for run in runs}
    caveats: list[Fact] = [*list_accumulations(runs)] if len(divided) > 1 else []
    sizes = a.get("batch_size"), b.get("batch_size")
    if sizes[0] != sizes[1] and "learning_rate" in a and a["learning_rate"] == b["learning_rate"]:
        caveats.append(RateNotScaled())
    if "iterations" not in a or (sizes[0] == sizes[1] and any(each.name == "iterations" for each in study.factors)):
        return tuple(caveats)
    change = a["iterations"] / b["iterations"] - 1
    if abs(change) > SLACK:
        caveats.append(StepsDiffer(change))
    images, others = a["iterations"] * (sizes[0] or 1), b["iterations"] * (sizes[1] or 1)
    if abs(images / others - 1) > SLACK:
        caveats.append(ImagesDiffer(images, others))
    return tuple(caveats)


def name_setting(levels: Mapping[str, Any], runs: Sequence[RunRecord]) -> SettingName:
    """Return a setting's name with how its runs' batches were trained."""
    return SettingName(tuple(levels.items()), find_accumulation(runs))


def name_run(run: RunRecord) -> RunName:
    """Return a run's name."""
    return RunName(name_setting(run.levels, [run]), run.seed)


def find_accumulation(runs: Sequence[RunRecord]) -> Accumulation | None:
    """Return how the batches of a setting's finished runs were trained in parts; None where all were whole."""
    finished = [run for run in runs if run.outcome == "finished"]
    sizes = [size for run in finished if (size := read_micro_batch(run))]
    if not sizes:
        return None
    batch_size = finished[0].setting["batch_size"]
    return Accumulation(batch_size, tuple(dict.fromkeys(sizes)), len(sizes), len(finished))


def list_accumulations(runs: Sequence[RunRecord]) -> tuple[Fact, ...]:
    """Return how the batches of finished runs were trained in parts; also where a setting's seeds differ in it."""
    found: list[Fact] = []
    by_setting: dict[str, dict[int | None, list[int]]] = {}
    sizes = {}
    for run in runs:
        size, batch_size = read_micro_batch(run), run.setting.get("batch_size", 1)
        if size:
            differs = run.effective.accumulation_differs
            found.append(TrainedInParts(batch_size, size, ran_out_of_memory(run), differs))
        sizes[run.setting_id] = batch_size
        by_setting.setdefault(run.setting_id, {}).setdefault(size, []).append(run.seed)
    for setting_id, groups in by_setting.items():
        if len(groups) > 1:
            seeds = tuple((size, tuple(each)) for size, each in groups.items())
            found.append(SeedsInUnlikeParts(sizes[setting_id], seeds))
    return tuple(dict.fromkeys(found))


def read_micro_batch(run: RunRecord) -> int | None:
    """Return the images that a run's parts of a batch had; None where it was whole."""
    size = run.effective.get("micro_batch_size")
    return size if isinstance(size, int) and size < run.setting.get("batch_size", 0) else None


def ran_out_of_memory(run: RunRecord) -> bool:
    """Whether an earlier attempt at a run did, so that it was trained in smaller parts than its setting asks for."""
    return any(attempt.outcome == "out_of_memory" for attempt in run.earlier)


def state_batch_rule(study: Study, levels: Sequence[tuple[Any, SettingSummary]]) -> BatchRule:
    """Return what stayed the same as the batch size changed, and what changed with it."""
    rule = study.when_batch_size_changes
    trainings = [summary.setting for _, summary in levels]
    return BatchRule(
        holds_images=rule is not None and rule.hold == "images",
        scales_rate=rule is not None and rule.learning_rate == "linear",
        levels=tuple(level for level, _ in levels),
        iterations=tuple(setting["iterations"] for setting in trainings),
        warmup_iterations=tuple(setting.get("warmup_iterations", 0) for setting in trainings),
        learning_rates=tuple(setting["learning_rate"] for setting in trainings),
        epochs=tuple(_average_epochs(summary) for _, summary in levels),
    )


def _average_epochs(summary: SettingSummary) -> float | None:
    """Return how often the training images were seen, as the finished runs counted it."""
    found = [run.effective.epochs for run in summary.runs if run.outcome == "finished"]
    known = [value for value in found if value is not None]
    return statistics.fmean(known) if known else None
