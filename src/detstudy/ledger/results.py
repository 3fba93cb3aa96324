"""What a run's own files say: how its training and its evaluations ended, and whether that still stands."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from detstudy.ledger.causes import Reason, read_reason
from detstudy.ledger.codec import read_record
from detstudy.ledger.curve import count_damaged_lines, read_curve
from detstudy.ledger.effective import Effective
from detstudy.ledger.files import sum_file
from detstudy.ledger.lease import is_lease_live
from detstudy.ledger.records import Result, Started
from detstudy.ledger.redaction import find_secrets, redact_texts
from detstudy.ledger.states import CurveDamaged, Stopped, Unfinished, Why
from detstudy.study.setting import Measure, Outcome


def describe_ending(
    path: Path,
    outcome: Outcome,
    reason: Reason | str | None,
    measures: Iterable[Measure],
    effective: Effective | None,
    files: Iterable[str],
) -> Result:
    """Return what the result file of a training or an evaluation holds, without secrets of the environment.

    `files` are noted with their checksums, where they stand beside it. Attempts go on counting those of the file.
    """
    secrets = find_secrets(os.environ)
    before = read_result(path)
    return Result(
        outcome=outcome,
        reason=read_reason(redact_texts(msgspec.to_builtins(reason), secrets)),
        attempts=(before.attempts if before else 0) + 1,
        measures=tuple(measures),
        effective=redact_texts(effective.list_values() if effective else {}, secrets),
        files=sum_files(path.parent, files),
    )


def read_result(path: Path) -> Result | None:
    """Return a result file's content; None where it is missing, damaged or no result."""
    return read_record(path, Result)


def read_started(folder: Path) -> Started | None:
    """Return how a run was started; None where it was not, or its file is damaged."""
    return read_record(folder / "run.json", Started)


def sum_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the checksums of those of the files that are there."""
    return {name: checksum for name in names if (checksum := sum_file(folder / name)) is not None}


def holds_files(path: Path) -> bool:
    """Whether the files that a result file notes stand beside it as they were written."""
    return not list_unlike(path)


def list_unlike(path: Path, key: Literal["files", "weights"] = "files") -> list[str]:
    """Return the names of the files that a result file notes and that do not stand beside it as they were written.

    `key` chooses: weights are noted apart from the others, since reading them all takes a while.
    """
    result = read_result(path)
    if result is None:
        return []
    noted = result.weights if key == "weights" else result.files
    found = sum_files(path.parent, noted)
    return [name for name, checksum in noted.items() if found.get(name) != checksum]


def judge_run(
    folder: Path,
    evaluation_folder: Path,
    started: Started | None,
    training: Result | None,
    evaluation: Result | None,
) -> tuple[Literal["planned", "running", "ended"], Outcome | None, Why | None]:
    """Return the state of a run, its outcome and why it is so, from its files."""
    if training and training.outcome != "finished":
        if is_lease_live(folder):  # tried again
            return "running", None, None
        return "ended", training.outcome, training.reason
    if training and evaluation:
        return "ended", evaluation.outcome, evaluation.reason or find_damage(folder) or training.reason
    if is_lease_live(folder):
        return "running", None, None
    if training:
        damaged = (evaluation_folder / "result.json").exists()
        return "planned", None, Unfinished.EVALUATION_DAMAGED if damaged else Unfinished.EVALUATION_MISSING
    if (folder / "result.json").exists():
        return "ended", "interrupted", Unfinished.RESULT_DAMAGED
    if started is None:
        return "planned", None, None
    points = read_curve(folder / "curves.jsonl")
    return "ended", "interrupted", Stopped(points[-1].iteration if points else None)


def find_damage(folder: Path) -> CurveDamaged | None:
    """Return what is wrong with the curve of a run that finished; None where nothing is."""
    lines = count_damaged_lines(folder / "curves.jsonl")
    return CurveDamaged(lines) if lines or not holds_files(folder / "result.json") else None
