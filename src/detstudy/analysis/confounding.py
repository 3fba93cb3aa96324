"""What else changes with the batch size: steps, images, warm-up, epochs, the gradient's noise."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis.labels import label_setting
from detstudy.analysis.records import SettingSummary
from detstudy.ledger import RunRecord
from detstudy.plan import format_level
from detstudy.setting import Setting
from detstudy.study import Study

SLACK = 0.01
"""Budgets within this share are equal: iterations are whole numbers."""


def find_caveats(study: Study, a: Setting, b: Setting, runs: Sequence[RunRecord] = ()) -> tuple[str, ...]:
    """Return what a verdict on a against b carries because more changed than its level says, as short clauses.

    Among it which batches of the finished runs were trained in parts, since they did not fit into memory. A study that
    asks for the iterations themselves means to compare budgets; then nothing is said of them.
    """
    own, other = a.training, b.training
    caveats = [*dict.fromkeys(describe_split(run) for run in runs if "accumulation" in run.effective)]
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
    """Return how the batches of the finished runs were split because they did not fit: "as 2 × 8", else ""."""
    runs = [run for run in runs if run.outcome == "finished"]
    splits = [run.effective["accumulation"] for run in runs if "accumulation" in run.effective]
    text = " or ".join(dict.fromkeys(split.partition(" ")[2] for split in splits))
    return f"{text} in {len(splits)} of {len(runs)} runs" if 0 < len(splits) < len(runs) else text


def describe_split(run: RunRecord) -> str:
    """Return how a batch that did not fit was trained, and what differs from the whole batch."""
    differs = run.effective.get("accumulation_differs")
    text = f"batch of {run.effective['accumulation']}, gradients accumulated since the whole batch ran out of memory"
    return f"{text}: {differs}" if differs else text


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
