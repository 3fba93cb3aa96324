"""What a study's folder says, as facts that can be compared: finished runs byte by byte, results apart from clocks."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from detstudy.ledger import Ledger, read_curve
from detstudy.ledger.codec import read_record

TRAINING_FILES = ("result.json", "curves.jsonl", "weights.txt", "weights.pt", "trained.json")
EVALUATION_FILES = ("result.json", "predictions.json", "matches.npz")
CLOCK_UNITS = ("s", "bytes", "images/s")
CLOCKS = {"seconds", "data_seconds", "images_per_second", "memory_bytes", "resumes", "peak_memory_bytes"}


def hash_finished(out: Path) -> dict[str, str]:
    """Return the hashes of all files of what has finished, trainings and evaluations, by their path in the study."""
    hashes = {}
    for result in [*out.glob("runs/*/result.json"), *out.glob("runs/*/evaluations/*/result.json")]:
        content = read_record(result, dict)
        if content is not None and content.get("outcome") == "finished":
            names = EVALUATION_FILES if result.parent.parent.name == "evaluations" else TRAINING_FILES
            paths = [result.with_name(name) for name in names]
            hashes.update({str(path.relative_to(out)): hash_file(path) for path in paths if path.exists()})
    return hashes


def describe_results(out: Path) -> dict[str, Any]:
    """Return what every run came to, times, memory and tries apart: equal for equal studies."""
    facts: dict[str, Any] = {}
    for folder in sorted(path for path in out.glob("runs/*") if path.is_dir()):
        training = read_record(folder / "result.json", dict) or {}
        facts[folder.name] = {
            "outcome": training.get("outcome"),
            "measures": list_measures(training),
            "effective": drop_clocks(training.get("effective")),
            "curve": [drop_clocks(dataclasses.asdict(point)) for point in read_curve(folder / "curves.jsonl")],
            "weights": {path.name: hash_file(path) for path in folder.glob("weights.*")},
        }
        for evaluation in sorted(folder.glob("evaluations/*")):
            result = read_record(evaluation / "result.json", dict) or {}
            facts[f"{folder.name}/{evaluation.name}"] = {
                "outcome": result.get("outcome"),
                "measures": list_measures(result),
                "per_class": result.get("per_class"),
                "files": {name: hash_file(evaluation / name) for name in ("predictions.json", "matches.npz")},
            }
    return facts


def list_measures(result: dict[str, Any]) -> list[Any]:
    """Return a result's measures but those of time and memory."""
    return [measure for measure in result.get("measures", []) if measure["unit"] not in CLOCK_UNITS]


def drop_clocks(value: Any) -> Any:
    """Return plain values without the keys that tell time, memory or tries."""
    if isinstance(value, dict):
        return {key: drop_clocks(entry) for key, entry in value.items() if key not in CLOCKS}
    return [drop_clocks(entry) for entry in value] if isinstance(value, list) else value


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, "missing" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


def find_differences(expected: dict[str, Any], found: dict[str, Any], what: str) -> list[str]:
    """Return where two facts differ, in words."""
    differences = []
    for key in sorted(expected.keys() | found.keys()):
        if key not in found:
            differences.append(f"{what}: {key} is missing")
        elif key not in expected:
            differences.append(f"{what}: {key} was not expected")
        elif expected[key] != found[key]:
            parts = ""
            if isinstance(expected[key], dict) and isinstance(found[key], dict):
                unlike = [name for name in expected[key] if expected[key][name] != found[key].get(name)]
                parts = f" in {', '.join(unlike)}"
            differences.append(f"{what}: {key} differs{parts}")
    return differences


def find_leftovers(out: Path) -> list[str]:
    """Return locks and temporary files that nobody needs any more."""
    found = [path for path in out.rglob("*") if path.name == "lease.json" or path.name.endswith(".part")]
    return [f"left behind: {path.relative_to(out)}" for path in found]


def find_repetitions(out: Path) -> list[str]:
    """Return what was counted twice: a run's points, or a run itself."""
    found = []
    for path in out.glob("runs/*/curves.jsonl"):
        iterations = [(point.kind, point.iteration) for point in read_curve(path)]
        if iterations != sorted(set(iterations), key=lambda point: iterations.index(point)):
            found.append(f"twice: points of {path.parent.name}")
    ids = [record.id for record in Ledger(out).read_runs()]
    return found + [f"twice: {run_id}" for run_id in sorted({run_id for run_id in ids if ids.count(run_id) > 1})]


def count_starts(out: Path) -> dict[str, int]:
    """Return how often each run was started."""
    return {path.parent.name: len(json.loads(path.read_text())["provenance"]) for path in out.glob("runs/*/run.json")}
