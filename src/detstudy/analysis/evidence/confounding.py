"""What else changes with the batch size: steps, images, warm-up, epochs, the gradient's noise, the split of batches."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.records import SettingSummary
from detstudy.ledger import RunRecord
from detstudy.plan import format_level
from detstudy.study.setting import Setting
from detstudy.study.study import Study
from detstudy.wording.labels import join_words, label_setting

SLACK = 0.01
"""Budgets within this share are equal: iterations are whole numbers."""


def find_caveats(study: Study, a: Setting, b: Setting, runs: Sequence[RunRecord] = ()) -> tuple[str, ...]:
    """Return what a verdict on a against b carries because more changed than its level says, as short clauses.

    Among it which batches of the finished runs were trained in parts, where others were not or in other parts. A study
    that asks for the iterations themselves means to compare budgets; then nothing is said of them.
    """
    own, other = a.training, b.training
    caveats = [*describe_splits(runs)] if len({read_split(run) for run in runs}) > 1 else []
    if own.batch_size != other.batch_size and own.learning_rate == other.learning_rate:
        caveats.append("the learning rate was not scaled with the batch size")
    if own.batch_size == other.batch_size and any(factor.name == "iterations" for factor in study.factors):
        return tuple(caveats)
    change = own.iterations / other.iterations - 1
    if abs(change) > SLACK:
        caveats.append(f"{abs(100 * change):.0f} % {'more' if change > 0 else 'fewer'} steps")
    images, others = own.iterations * own.batch_size, other.iterations * other.batch_size
    if abs(images / others - 1) > SLACK:
        caveats.append(f"unequal budgets: images seen differ ({images:,} against {others:,})")
    return tuple(caveats)


def label_runs(levels: Mapping[str, Any], runs: Sequence[RunRecord]) -> str:
    """Return a setting's name with how its runs' batches were split: "baseline", "batch size 16 as 2 × 8"."""
    label, split = label_setting(levels), flag_split(runs)
    if not split:
        return label
    size = runs[0].setting.training.batch_size
    return f"{label} {split}" if list(levels) == ["batch_size"] else f"{label} (batch of {size} {split})"


def flag_split(runs: Sequence[RunRecord]) -> str:
    """Return how the batches of the finished runs were split: "as 2 × 8", "as 2 × 8 in 1 of 3 runs"; "" for none."""
    runs = [run for run in runs if run.outcome == "finished"]
    splits = [split for run in runs if (split := read_split(run))]
    text = " or ".join(dict.fromkeys(split.partition(" ")[2] for split in splits))
    return f"{text} in {len(splits)} of {len(runs)} runs" if 0 < len(splits) < len(runs) else text


def describe_splits(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return how the batches of finished runs were split and what that changes; also where a setting's seeds differ."""
    found = [describe_split(run) for run in runs if read_split(run)]
    by_setting: dict[str, dict[str | None, list[str]]] = {}
    for run in runs:
        by_setting.setdefault(run.setting_id, {}).setdefault(read_split(run), []).append(str(run.seed))
    for groups in by_setting.values():
        if len(groups) > 1:
            told = "; ".join(f"{split or 'whole'}: seed {join_words(seeds)}" for split, seeds in groups.items())
            found.append(f"not all seeds had their batches split alike ({told}), which adds to the noise of the seeds")
    return tuple(dict.fromkeys(found))


def describe_split(run: RunRecord) -> str:
    """Return how the batch of a run was trained in parts, why, and what differs from the whole batch."""
    why = "since the whole batch ran out of memory" if ran_out_of_memory(run) else "as the setting asks"
    differs = run.effective.get("accumulation_differs")
    text = f"batch of {read_split(run)}, gradients accumulated {why}"
    return f"{text}: {differs}" if differs else text


def read_split(run: RunRecord) -> str | None:
    """Return how a run's batch was trained in parts, "16 as 2 × 8"; None where it was whole."""
    split = run.effective.get("accumulation")
    return split if isinstance(split, str) else None


def ran_out_of_memory(run: RunRecord) -> bool:
    """Whether an earlier attempt at a run did, so that it was trained in smaller parts than its setting asks for."""
    return any(attempt["outcome"] == "out_of_memory" for attempt in run.earlier)


def describe_batch_rule(study: Study, levels: Sequence[tuple[Any, SettingSummary]]) -> str:
    """Return what stayed the same as the batch size changed, and what thereby did not.

    Learning rate / batch size is the scale of the gradient's noise (Smith and Le, 2018, for small batches).
    """
    rule = study.when_batch_size_changes
    hold = "iterations" if rule is None else rule.hold
    trainings = [(level, summary.setting.training) for level, summary in levels]
    warm = any(training.warmup_iterations for _, training in trainings)
    if hold == "images":
        steps = _list_levels((level, f"{training.iterations:,}") for level, training in trainings)
        warmups = _list_levels((level, f"{training.warmup_iterations:,}") for level, training in trainings)
        text = f"Images seen are held fixed, so steps change with the batch size ({steps}) and warm-up too ({warmups})"
    else:
        images = _list_levels((level, f"{level * training.iterations:,}") for level, training in trainings)
        text = f"Steps are held fixed, so images seen change with the batch size ({images})"
        if warm:
            warmups = _list_levels((level, f"{level * training.warmup_iterations:,}") for level, training in trainings)
            text += f" and images in warm-up too ({warmups})"
    if rule is not None and rule.learning_rate == "linear":
        rates = _list_levels((level, format_level(training.learning_rate)) for level, training in trainings)
        text += f"; the learning rate is scaled with it ({rates})."
    else:
        scales = _list_levels((level, f"{training.learning_rate / level:.3g}") for level, training in trainings)
        text += (
            "; the learning rate is not scaled with it, so learning rate / batch size, the scale of the gradient's "
            f"noise, changes too ({scales})."
        )
    epochs = [(level, _average_epochs(summary)) for level, summary in levels]
    known = _list_levels((level, f"{value:.1f}") for level, value in epochs if value is not None)
    return f"{text} Epochs: {known}." if known else text


def _average_epochs(summary: SettingSummary) -> float | None:
    """Return how often the training images were seen, as the finished runs counted it."""
    found = [run.effective.get("epochs") for run in summary.runs if run.outcome == "finished"]
    known = [value for value in found if isinstance(value, int | float)]
    return statistics.fmean(known) if known else None


def _list_levels(pairs: Any) -> str:
    return ", ".join(f"{level}: {value}" for level, value in pairs)
