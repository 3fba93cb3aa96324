"""A finished study's folder, damaged in any of its files, and what the verbs that read it make of it."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from detstudy.cli import EXIT_WRONG, main
from detstudy.ledger.codec import read_record, write_record
from detstudy.ledger.files import CHECKSUM, sum_content, sum_file
from detstudy.ledger.sessions import write_session
from detstudy.testing import draw_tiny_data, run_here, write_tiny_study
from harness.damage import break_file
from harness.facts import hash_file

STUDY: dict[str, Any] = {
    "factors": {"batch_size": [4, 16], "box_score_threshold": [0.3]},
    "baseline_seeds": [0, 1],
    "on_out_of_memory": "accumulate",
    "gallery_images": 2,
}
MADE = ("report.html", "report.md", "report_files")
DRAWERS = ("draw_forest", "draw_trade_offs", "draw_curves", "draw_errors", "draw_proposals")
DRAWN = 0.2  # of the rounds: figures take most of a report's time and are made of what was read without them, too
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e308, "", "x", "../../x", "\ud800", "<script>", [], {}, [None], [[1]], {"": None},
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was damaged, the exit status of each verb, and what should not have been."""

    damage: str
    statuses: dict[str, int]
    complaints: tuple[str, ...]
    seconds: float


def make_folder(folder: Path) -> Path:
    """Run a study with every kind of file in it, an accumulated second try among them; return its folder."""
    folder.mkdir(parents=True)
    study = write_tiny_study(folder, draw_tiny_data(folder / "data"), **STUDY)
    _, ledger = run_here(study, folder / "out")
    write_session(ledger.folder, "a-driver", 12.5)
    shutil.rmtree(folder / "data")  # a report needs the study's folder alone
    return ledger.folder


def play_damage(whole: Path, folder: Path, seed: int) -> Reading:
    """Damage a copy of the folder and read it with every verb; the copy is removed unless there is a complaint."""
    began = time.monotonic()
    generator = random.Random(f"damaged folder {seed}")
    shutil.copytree(whole, folder)
    damage = "; ".join(damage_folder(folder, generator) for _ in range(generator.choice((1, 1, 1, 2, 4))))
    before = hash_files(folder)
    runs = sorted(str(path) for path in whole.glob("runs/*"))
    first, second = (str(folder / "runs" / Path(run).name) for run in generator.sample(runs, 2))
    verbs = {
        "report": ["report", str(folder)],
        "status": ["status", str(folder)],
        "status --json": ["status", str(folder), "--json"],
        "compare": ["compare", str(folder), "batch_size=16", "baseline"],
        "compare --json": ["compare", first, second, "--json"],
    }
    statuses: dict[str, int] = {}
    complaints: list[str] = []
    drawn = generator.random() < DRAWN
    for verb, arguments in verbs.items():
        try:
            statuses[verb], text = run_verb(arguments, drawn=drawn)
        except Exception:
            complaints.append(f"{verb}: {traceback.format_exc()}")
            continue
        if statuses[verb] not in (0, EXIT_WRONG) or (statuses[verb] and not text.startswith(("error: ", "Usage: "))):
            complaints.append(f"{verb}: exit status {statuses[verb]}, {text!r}")
    after = hash_files(folder)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    complaints += [f"{name} was changed" for name in sorted(changed)]
    if not complaints:
        shutil.rmtree(folder)
    told = tuple(f"seed {seed}, {damage}: {complaint}" for complaint in complaints)
    return Reading(damage=damage, statuses=statuses, complaints=told, seconds=time.monotonic() - began)


def run_verb(arguments: list[str], *, drawn: bool) -> tuple[int, str]:
    """Run the command line in this process, without PNG; return its exit status and standard error."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.ExitStack() as stack,
        mock.patch.object(sys, "argv", ["detstudy", *arguments]),
        mock.patch("detstudy.reporting.report.draw_pictures", return_value={}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        for drawer in () if drawn else DRAWERS:
            stack.enter_context(mock.patch(f"detstudy.reporting.page.{drawer}", return_value={"description": ""}))
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), errors.getvalue()
        return 0, errors.getvalue()


def hash_files(folder: Path) -> dict[str, str]:
    """Return the hashes of a study's files but the report's."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hash_file(folder / path) for path in paths if path.parts[0] not in MADE}


# -- damage ----------------------------------------------------------------------------------------------------------


def damage_folder(folder: Path, generator: random.Random) -> str:
    """Damage one file of the folder; return which and how."""
    files = [folder / name for name in hash_files(folder)]
    by_kind: dict[str, list[Path]] = {}
    for path in files:  # each kind of file as often as any other, though there are more of some
        parts = path.relative_to(folder).parts
        kind = "/".join(part if part == parts[-1] or part == "evaluations" else "*" for part in parts)
        by_kind.setdefault(kind, []).append(path)
    path = generator.choice(by_kind[generator.choice(sorted(by_kind))])
    ways: list[Callable[[], str]] = [lambda: break_file(path, generator), lambda: swap_files(path, files, generator)]
    if path.suffix in CHANGES:
        ways += [lambda: CHANGES[path.suffix](path, generator)] * 3
    if generator.random() < 0.05:
        ways = [lambda: replace_by_folder(path)]
    how = generator.choice(ways)()
    return f"{path.relative_to(folder)} {how}"


def swap_files(path: Path, files: list[Path], generator: random.Random) -> str:
    """Put another file of the same kind in a file's place, sound in itself; return which."""
    others = [other for other in files if other != path and other.suffix == path.suffix]
    alike = [other for other in others if other.name == path.name]
    if not others:
        return "kept, since there is no other"
    other = generator.choice(alike if alike and generator.random() < 0.7 else others)
    shutil.copyfile(other, path)
    return f"swapped with {other.name} of {other.parent.name}"


def replace_by_folder(path: Path) -> str:
    """Put a folder in a file's place."""
    path.unlink()
    path.mkdir()
    return "replaced by a folder"


def change_json(path: Path, generator: random.Random) -> str:
    """Change a value of a JSON file and give it the checksum of what it then holds."""
    document = read_record(path, list if path.name == "predictions.json" else dict)
    how, document = change_value(document, generator)
    try:
        if isinstance(document, dict) and path.name != "predictions.json":
            write_record(path, document)
        else:
            path.write_text(json.dumps(document))
    except ValueError:
        return "kept, since no JSON can hold it"
    return how


def change_curve(path: Path, generator: random.Random) -> str:
    """Change a value of a point and give it the checksum of what it then holds."""
    lines = path.read_bytes().splitlines()
    if not lines:
        return "kept, since it is empty"
    at = generator.randrange(len(lines))
    try:
        point = json.loads(lines[at])
        point.pop(CHECKSUM, None)
    except (ValueError, AttributeError):
        return "kept, since it is damaged"
    how, point = change_value(point, generator)
    if isinstance(point, dict):
        point[CHECKSUM] = sum_content(point)
    lines[at] = json.dumps(point).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    result = path.with_name("result.json")
    content = read_record(result, dict) if result.is_file() else None
    if content is not None and generator.random() < 0.5:
        write_record(result, {**content, "files": {path.name: sum_file(path)}})
    return f"line {at + 1} {how}"


def change_matches(path: Path, generator: random.Random) -> str:
    """Change an array of matches in values, shape or type."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception:  # damaged before
        return "kept, since it is damaged"
    name = generator.choice(sorted(arrays))
    array = arrays[name]
    ways: dict[str, Callable[[], Any]] = {
        "cut": lambda: array[: len(array) // 2] if array.ndim else array,
        "emptied": lambda: np.zeros(0, dtype=array.dtype),
        "flattened": lambda: array.reshape(-1),
        "as text": lambda: array.astype(str),
        "as NaN": lambda: np.full(array.shape, np.nan),
        "huge": lambda: np.full(array.shape, 2**31 - 1),
        "negative": lambda: np.full(array.shape, -1),
        "as one number": lambda: np.array(7),
    }
    how = generator.choice(sorted(ways))
    arrays[name] = ways[how]()
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    note_sum(path, path.with_name("result.json"), generator)
    return f"{name} {how}"


def change_study(path: Path, generator: random.Random) -> str:
    """Change a line of a study and the checksum that the data's description has of it."""
    lines = path.read_text().splitlines(keepends=True)
    if not lines:
        return "kept, since it is empty"
    at = generator.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}: {generator.choice(['', '7', 'x', '[1, 2]', '{a: 1}', '0.5'])}\n" if colon else ""
    path.write_text("".join(lines))
    note_sum(path, path.with_name("data.json"), generator)
    return f"line {at + 1} changed"


def note_sum(path: Path, note: Path, generator: random.Random) -> None:
    """Let the file that holds a file's checksum agree with it, half of the time."""
    content = read_record(note, dict) if note.is_file() else None
    if isinstance(content, dict) and isinstance(content.get("files"), dict) and generator.random() < 0.5:
        write_record(note, {**content, "files": {**content["files"], path.name: sum_file(path)}})


CHANGES: dict[str, Callable[[Path, random.Random], str]] = {
    ".json": change_json,
    ".jsonl": change_curve,
    ".npz": change_matches,
    ".yaml": change_study,
}


def change_value(value: Any, generator: random.Random, where: str = "") -> tuple[str, Any]:
    """Return the value with one of those in it replaced, dropped, doubled or renamed, and which."""
    if not value or not isinstance(value, dict | list) or generator.random() < 0.08:
        other = copy.deepcopy(generator.choice(STRANGE))
        return f"{where or 'all'} made {other!r}", other
    key = generator.choice(list(value) if isinstance(value, dict) else range(len(value)))
    place = f"{where}/{key}"
    chance = generator.random()
    if chance < 0.1:
        del value[key]
        return f"{place} dropped", value
    if chance < 0.15 and isinstance(value, list):
        value.append(copy.deepcopy(value[key]))
        return f"{place} doubled", value
    if chance < 0.2 and isinstance(value, dict):
        value["x"] = value.pop(key)
        return f"{place} renamed", value
    how, value[key] = change_value(value[key], generator, place)
    return how, value
