"""What a run's own files say: how its training and its evaluations ended, and whether that still stands."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from detstudy.ledger.causes import Reason, read_reason
from detstudy.ledger.curve import count_damaged_lines, read_curve
from detstudy.ledger.files import read_json, sum_file
from detstudy.ledger.lease import is_lease_live
from detstudy.ledger.redaction import find_secrets, redact_texts
from detstudy.ledger.shapes import is_result, is_started
from detstudy.study.setting import Measure, Outcome


def describe_ending(
    path: Path,
    outcome: Outcome,
    reason: Reason | str | None,
    measures: Iterable[Measure],
    effective: dict[str, Any] | None,
    files: Iterable[str],
) -> dict[str, Any]:
    """Return what the result file of a training or an evaluation holds, without secrets of the environment.

    `files` are noted with their checksums, where they stand beside it. Attempts go on counting those of the file.
    """
    secrets = find_secrets(os.environ)
    return {
        "outcome": outcome,
        "reason": redact_texts(msgspec.to_builtins(reason), secrets),
        "attempts": int((read_result(path) or {}).get("attempts", 0)) + 1,
        "measures": [dataclasses.asdict(measure) for measure in measures],
        "effective": redact_texts(effective or {}, secrets),
        "files": sum_files(path.parent, files),
    }


def read_result(path: Path) -> dict[str, Any] | None:
    """Return a result file's content; None where it is missing, damaged or no result."""
    result = read_json(path)
    return result if is_result(result) else None


def read_started(folder: Path) -> dict[str, Any] | None:
    """Return how a run was started; None where it was not, or its file is damaged."""
    started = read_json(folder / "run.json")
    return started if is_started(started) else None


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
    noted: dict[str, str] = (read_result(path) or {}).get(key, {})
    found = sum_files(path.parent, noted)
    return [name for name, checksum in noted.items() if found.get(name) != checksum]


def judge_run(
    folder: Path,
    evaluation_folder: Path,
    started: dict[str, Any] | None,
    training: dict[str, Any] | None,
    evaluation: dict[str, Any] | None,
) -> tuple[Literal["planned", "running", "ended"], Outcome | None, Reason | str | None]:
    """Return the state, outcome and reason of a run from its files."""
    if training and training["outcome"] != "finished":
        if is_lease_live(folder):  # tried again
            return "running", None, None
        return "ended", training["outcome"], read_reason(training["reason"])
    if training and evaluation:
        reason = evaluation["reason"] or describe_damage(folder) or training["reason"]
        return "ended", evaluation["outcome"], read_reason(reason)
    if is_lease_live(folder):
        return "running", None, None
    if training:
        if (evaluation_folder / "result.json").exists():
            return "planned", None, "trained; its evaluation's result.json is damaged; `detstudy run` makes it again"
        return "planned", None, "trained; its evaluation is missing"
    if (folder / "result.json").exists():
        return "ended", "interrupted", "result.json is damaged; `detstudy run` goes on from its checkpoint"
    if started is None:
        return "planned", None, None
    points = read_curve(folder / "curves.jsonl")
    at = f"at iteration {points[-1]['iteration']}" if points else "before its first point"
    return "ended", "interrupted", f"stopped {at}; `detstudy run` goes on from its checkpoint"


def describe_damage(folder: Path) -> str | None:
    """Return what is wrong with the curve of a run that finished, and the remedy; None where nothing is."""
    lines = count_damaged_lines(folder / "curves.jsonl")
    if not lines and holds_files(folder / "result.json"):
        return None
    what = f"{lines} damaged lines are left out" if lines else "it is not as it was written"
    return f"curves.jsonl: {what}; its AP is not touched; delete the run's folder to train it again"
