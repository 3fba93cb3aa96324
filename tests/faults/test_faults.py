"""A short pass through the harness of faults; `benchmarks/faults.py` plays as many rounds as one likes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import KINDS, Grounds, play_round, prepare_grounds
from harness.damage import break_file
from harness.facts import describe_results, find_differences, find_leftovers, hash_finished
from harness.scene import HOOKS

from detstudy.errors import InputError
from detstudy.ledger import Ledger

SHORT_PASS = ("kill all", "kill in a write", "full disk")


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    return prepare_grounds(tmp_path_factory.mktemp("grounds") / "stepping")


@pytest.mark.parametrize("kind", SHORT_PASS)
def test_nothing_is_lost(kind: str, grounds: Grounds, tmp_path: Path) -> None:
    played = play_round(kind, 1, grounds, tmp_path / "round")
    assert (played.lost, played.skipped) == ((), None)  # these can be played on every machine


def test_every_kind_says_what_it_does() -> None:
    assert all(fault.__doc__ for fault in KINDS.values())
    assert set(SHORT_PASS) <= set(KINDS)


def test_the_harness_notices_what_is_lost(grounds: Grounds, tmp_path: Path) -> None:
    out = tmp_path / "out"
    subprocess.run(["cp", "-r", str(grounds.reference), str(out)], check=True)
    assert find_differences(hash_finished(grounds.reference), hash_finished(out), "") == []
    (out / "lease.json").touch()
    (out / ".result.json.0123.part").touch()
    assert len(find_leftovers(out)) == 2
    weights = next(out.glob("runs/*/weights.txt"))
    weights.write_text("0.5")
    unlike = find_differences(describe_results(grounds.reference), describe_results(out), "unlike")
    assert unlike == [f"unlike: {weights.parent.name} differs in weights"]
    next(out.glob("runs/*/result.json")).unlink()
    assert len(hash_finished(out)) < len(hash_finished(grounds.reference))


@pytest.mark.parametrize("moment", ["half", "before", "after"])
def test_a_process_dies_in_the_write_it_was_told(tmp_path: Path, moment: str) -> None:
    code = "import os; open('t', 'w').write('0123456789'); os.replace('t', 'result.json')"
    environment = {**os.environ, "PYTHONPATH": str(HOOKS), "FAULT_DIE": f"result.*|{moment}|{tmp_path / 'died'}"}
    command = [sys.executable, "-c", code]
    first = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert first.returncode == -9
    assert (tmp_path / "result.json").exists() == (moment == "after")
    if moment != "after":
        assert len((tmp_path / "t").read_text()) == (5 if moment == "half" else 10)
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0  # once only


def test_damage_changes_a_file(tmp_path: Path) -> None:
    path, generator = tmp_path / "file", random.Random(0)
    seen = set()
    for _ in range(50):
        path.write_bytes(b'{"value": 39.3}')
        seen.add(break_file(path, generator))
        assert not path.exists() or path.read_bytes() != b'{"value": 39.3}'
    assert seen == {"cut off", "changed by a byte", "replaced", "missing"}


def test_damage_to_any_file_is_never_a_wrong_number(grounds: Grounds, tmp_path: Path) -> None:
    out, generator = tmp_path / "out", random.Random(0)
    shutil.copytree(grounds.reference, out)
    expected = read_values(out)
    files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != "log.txt")
    for number in range(60):
        path = generator.choice(files)
        content = path.read_bytes()
        how = break_file(path, generator)
        named = ""
        try:
            found = read_values(out)
        except InputError as error:
            found, named = {}, str(error)
        assert not named or path.name in named, f"{number}: {path.name} {how}: {named}"
        wrong = {name: value for name, value in found.items() if value != expected[name]}
        assert not wrong, f"{number}: {path} {how}: {wrong}"
        path.write_bytes(content)
    assert read_values(out) == expected


def read_values(out: Path) -> dict[tuple[str, str], float | None]:
    """Return every measure that the study's folder tells of, after everything else in it was read, too."""
    ledger = Ledger(out)
    ledger.load_planned_study()
    ledger.read_gallery()
    ledger.holds_data("", ["validation"])
    records = ledger.read_runs()
    return {(record.id, name): measure.value for record in records for name, measure in record.measures.items()}
