"""What a run's own files say: how its training and its evaluations ended, and whether that still holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from detstudy.ledger.causes import CurveDamaged, Reason, Stopped, Unfinished, Why, read_reason
from detstudy.ledger.codec import read_record
from detstudy.ledger.curve import count_damaged_lines, read_curve
from detstudy.ledger.effective import Effective
from detstudy.ledger.files import sum_file
from detstudy.ledger.lease import is_lease_live
from detstudy.ledger.records import Result
from detstudy.ledger.redaction import find_secrets, redact_texts
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

    `files` are noted with their checksums, where they are beside it. Attempts go on counting those of the file.
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


def sum_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the checksums of those of the files that are there."""
    return {name: checksum for name in names if (checksum := sum_file(folder / name)) is not None}


def list_unlike(path: Path, key: Literal["files", "weights"] = "files") -> list[str]:
    """Return the names of the files that a result file notes and that are not beside it as they were written.

    `key` chooses: weights are noted apart from the others, since reading them all takes a while.
    """
    result = read_result(path)
    if result is None:
        return []
    noted = result.weights if key == "weights" else result.files
    found = sum_files(path.parent, noted)
    return [name for name, checksum in noted.items() if found.get(name) != checksum]


def judge_run(
    folder: Path, evaluation_folder: Path, started: bool, training: Result | None, evaluation: Result | None
) -> tuple[Literal["planned", "running", "ended"], Outcome | None, Why | None]:
    """Return the state of a run, its outcome and why it is so, from its files."""
    failed = training is not None and training.outcome != "finished"
    if training and evaluation and not failed:
        return "ended", evaluation.outcome, evaluation.reason or find_damage(folder) or training.reason
    if is_lease_live(folder):  # one that failed is tried again
        return "running", None, None
    if training and failed:
        return "ended", training.outcome, training.reason
    if training:
        damaged = (evaluation_folder / "result.json").exists()
        return "planned", None, Unfinished.EVALUATION_DAMAGED if damaged else Unfinished.EVALUATION_MISSING
    if (folder / "result.json").exists():
        return "ended", "interrupted", Unfinished.RESULT_DAMAGED
    if not started:
        return "planned", None, None
    points = read_curve(folder / "curves.jsonl")
    return "ended", "interrupted", Stopped(points[-1].iteration if points else None)


def find_damage(folder: Path) -> CurveDamaged | None:
    """Return what is wrong with the curve of a run that finished; None where nothing is."""
    lines = count_damaged_lines(folder / "curves.jsonl")
    return CurveDamaged(lines) if lines or list_unlike(folder / "result.json") else None
