"""What no single value of a study file shows: contradictions, and factors that could do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from detstudy.study.setting import DataSetting, Monitoring, Setting
from detstudy.study.study import BatchSizeRule, Factor
from detstudy.study.trainer import StudyTrainer

Fault = tuple[str, str]
"""The dotted key at fault, and a sentence."""


def find_inconsistencies(
    trainer: StudyTrainer,
    baseline: Setting,
    factors: tuple[Factor, ...],
    rule: BatchSizeRule | None,
    data: DataSetting | None,
    monitoring: Monitoring,
) -> Iterator[Fault]:
    """Yield what the parts of a study, each of them sound, have against each other."""
    levels = {factor.name: factor.levels for factor in factors}
    for name, message in trainer.check(baseline).items():
        yield f"{baseline.declaration(name).section}.{name}", message
    for each in baseline.hyperparameters:
        if each.name in levels and each.needs is not None:
            needed, value = each.needs
            if baseline[needed] != value and needed not in levels:
                where = f"{baseline.declaration(needed).section}.{needed}"
                yield f"factors.{each.name}", f"changes nothing unless {needed} is {value}; {where} is another"
    if rule is not None:
        yield from find_missing(baseline, rule)
    elif "batch_size" in levels:
        yield (
            "when_batch_size_changes",
            "the section is missing: batch_size is a factor, so say what is held fixed, as in {hold: images, "
            "learning_rate: fixed} (hold: iterations or images; learning_rate: fixed or linear)",
        )
    for path, used in (
        ("factors.checkpoint_rule", "best" in levels.get("checkpoint_rule", ())),
        ("baseline.checkpoint_rule", baseline.get("checkpoint_rule") == "best"),
    ):
        if used and monitoring.validate_every is None:
            yield path, "best needs monitoring.validate_every"
        if used and data is not None and data.test is None:
            yield path, "best on validation needs a test split to report honestly"


def find_missing(baseline: Setting, rule: BatchSizeRule) -> Iterator[Fault]:
    """Yield the hyperparameters that a rule for the batch size is about and that the trainer does not have."""
    needed = {"batch_size", "iterations" if rule.hold == "images" else "batch_size"}
    needed |= {"learning_rate"} if rule.learning_rate == "linear" else set()
    for name in sorted(needed - baseline.keys()):
        yield "when_batch_size_changes", f"needs the hyperparameter {name}, which this trainer does not have"
