"""What was run where, on which data, with which software, and what really happened beside what was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detstudy.analysis import Analysis
from detstudy.analysis.facts.reason import WithoutResult
from detstudy.ledger import Ledger, Provenance, RunRecord, list_unlike
from detstudy.numbers import DASH, format_size, format_time
from detstudy.plan import format_level
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.wording.labels import join_words, label_outcome
from detstudy.wording.say import say


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run, in texts."""

    id: str
    setting: str
    seed: int
    outcome: str
    reason: str
    attempts: int
    earlier: tuple[str, ...]  # how its failed attempts ended, where `reason` does not say it
    seconds: str
    memory: str
    host: str
    device: str
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """One split's counts; objects by class in the order of the classes."""

    name: str
    images: str
    sequences: str
    objects: tuple[str, ...]
    ignored: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything that a reader needs to judge or to repeat the study."""

    runs: tuple[RunRow, ...]
    software: tuple[tuple[str, int], ...]  # versions and settings of the machine, and how many runs had them
    fingerprint: str
    data_format: str
    data_root: str
    classes: tuple[str, ...]
    splits: tuple[SplitRow, ...]
    images: int | None  # in the validation split
    effective_names: tuple[str, ...]
    effective: tuple[tuple[str, tuple[str, ...]], ...]  # run, values
    baseline: tuple[tuple[str, str, str], ...]  # section, field, value
    seeds: str
    baseline_seeds: str
    units: str
    source: str  # the study file


def gather_inventory(ledger: Ledger, analysis: Analysis) -> Inventory:
    """Return what the ledger holds about runs and data."""
    study, data = analysis.study, ledger.data
    records = [run for setting in analysis.settings.values() for run in setting.runs]
    labels = {setting.id: say(setting.label) for setting in analysis.settings.values()}
    software = Counter(describe_software(run.provenance) for run in records if run.provenance != Provenance())
    classes, splits = data.classes, data.splits
    effective = {id(run): run.effective.list_values() for run in records}
    with_effective = [run for run in records if effective[id(run)]]
    names = list(dict.fromkeys(name for values in effective.values() for name in values))
    return Inventory(
        runs=tuple(
            RunRow(
                id=run.id,
                setting=labels[run.setting_id],
                seed=run.seed,
                outcome=label_outcome(run.outcome or run.state),
                reason="; ".join(filter(None, (say(run.reason or ""), describe_unlike(run)))),
                attempts=run.attempts,
                earlier=list_earlier(run),
                seconds=format_measure(run.measures.get("train/seconds"), format_time),
                memory=format_measure(run.measures.get("train/peak_memory_bytes"), format_size),
                host=format_value(run.provenance.host),
                device=describe_devices(run),
                started=(run.provenance.started or DASH).replace("T", " ").replace("+00:00", " UTC"),
            )
            for run in records
        ),
        software=tuple(software.most_common()),
        fingerprint=data.fingerprint,
        data_format=data.format or DASH,
        data_root=data.root or DASH,
        classes=classes,
        splits=tuple(
            SplitRow(
                name=name,
                images=format_value(split.images),
                sequences=format_value(split.sequences),
                objects=tuple(format_value(split.objects.get(label)) for label in classes),
                ignored=format_value(split.ignore),
            )
            for name, split in splits.items()
        ),
        images=splits["validation"].images if "validation" in splits else None,
        effective_names=tuple(names),
        effective=tuple(
            (
                f"{labels[run.setting_id]}, seed {run.seed}",
                tuple(format_value(effective[id(run)].get(name)) for name in names),
            )
            for run in with_effective
        ),
        baseline=tuple(
            (each.part, each.name, show_value(each, study.baseline[each.name]))
            for each in study.baseline.hyperparameters
        ),
        seeds=", ".join(map(str, study.seeds)),
        baseline_seeds=", ".join(map(str, study.baseline_seeds)),
        units=say(analysis.units),
        source=study.source,
    )


def show_value(declared: Hyperparameter, value: Any) -> str:
    """Return a hyperparameter's value with its unit."""
    return f"{format_value(value)} {declared.unit}" if declared.unit and value is not None else format_value(value)


def list_earlier(run: RunRecord) -> tuple[str, ...]:
    """Return how a run's failed attempts ended, a line each.

    A run that was trained in parts quotes in its reason the attempt that led to it, which is left out.
    """
    quoted = next((a for a in run.earlier if a.outcome == "out_of_memory"), None)
    if not (run.reason and run.effective.accumulation):
        quoted = None
    lines = []
    for number, attempt in enumerate(run.earlier, start=1):
        if attempt is not quoted:
            peaks = [each.value for each in attempt.measures if each.name == "train/peak_memory_bytes"]
            peak = next((f" (peak {format_size(value)})" for value in peaks if value), "")
            said = say(WithoutResult(attempt.outcome, attempt.reason or "no reason"))
            lines.append(f"attempt {number}: {said}{peak}")
    return tuple(lines)


def describe_unlike(run: RunRecord) -> str | None:
    """Return which files of a finished run's evaluation are damaged, and the remedy; None where none is."""
    unlike = list_unlike(run.evaluation_folder / "result.json") if run.outcome == "finished" else []
    if not unlike:
        return None
    is_are = "is" if len(unlike) == 1 else "are"
    return f"{join_words(unlike)} {is_are} missing or not as written; its AP stands; `detstudy run` predicts again"


def format_measure(measure: Any, form: Any) -> str:
    """Return a run's own measure as text."""
    return str(form(measure.value if measure else None))


def describe_devices(run: RunRecord) -> str:
    """Return what a run was made on, and what its evaluation was, where that is another machine."""
    device, evaluated = describe_device(run.provenance), run.evaluation_provenance
    if not evaluated or (evaluated.host, describe_device(evaluated)) == (run.provenance.host, device):
        return device
    return f"{device}; evaluated on {format_value(evaluated.host)}, {describe_device(evaluated)}"


def describe_device(provenance: Provenance) -> str:
    """Return the accelerator's name, else the processor's, with the device as it was given."""
    device, name = provenance.device, provenance.gpu or provenance.cpu
    return ", ".join(filter(None, (device, name))) or DASH


def describe_software(provenance: Provenance) -> str:
    """Return versions and everything else that provenance tells, apart from what stands with each run."""
    told = {
        "trainer": provenance.trainer,
        "cores": provenance.cores,
        "workers": provenance.workers,
        "python": provenance.python,
    }
    known = {key: value for key, value in told.items() if value is not None}
    return ", ".join(f"{key} {format_value(value)}" for key, value in (known | provenance.versions).items())


def format_value(value: Any) -> str:
    """Return any JSON value on one line, floats with six digits."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(format_value(item) for item in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return DASH if value is None else format_level(value)
