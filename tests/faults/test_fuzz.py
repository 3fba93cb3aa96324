"""Every reader takes damaged input, or refuses it cleanly: a short pass of benchmarks/fuzz.py."""

from __future__ import annotations

import importlib.util
import io
import random
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
INPUTS = 1000  # in all


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def readers(fuzz, tmp_path_factory):
    return fuzz.make_readers(tmp_path_factory.mktemp("fuzz"))


def test_sound_input_is_accepted_by_every_reader(readers):
    for reader in readers:
        for sample in reader.samples:
            assert reader.read(sample), reader.name


def test_damaged_input_is_accepted_or_refused_and_nothing_else(fuzz, readers, capfd):
    total = sum(reader.share for reader in readers)
    tallies = {r.name: fuzz.fuzz(r, int(INPUTS * r.share / total) + 1, seed=2026) for r in readers}
    assert {name: tally.shown for name, tally in tallies.items() if tally.other} == {}
    assert sum(tally.refused for tally in tallies.values()) > INPUTS / 2
    assert sum(tally.accepted for tally in tallies.values()) > INPUTS / 10


@pytest.mark.parametrize(("name", "change"), [("matches", "damage_archive"), ("checkpoints", "damage_state")])
def test_damage_inside_an_archive_leaves_its_checksums_right(fuzz, readers, name, change):
    (sample,) = next(reader.samples for reader in readers if reader.name == name)
    for number in range(30):
        data = getattr(fuzz, change)(random.Random(number), sample)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
        assert data != sample


def test_an_input_that_takes_much_memory_is_counted(fuzz, monkeypatch):
    def fill(data: bytes) -> bool:
        return len(b"x" * (2 * fuzz.MEMORY if data != b"abc" else 1)) > 0

    monkeypatch.setattr(fuzz, "MEMORY", 2**25)
    tally = fuzz.fuzz(fuzz.Reader(name="hungry", share=1, samples=(b"abc",), form="bytes", read=fill), 5)
    assert (tally.other, tally.accepted, tally.refused) == (5, 0, 0)
    assert tally.peak > fuzz.MEMORY
    assert "took 6" in tally.shown[0]


def test_what_should_not_be_is_counted_and_can_be_made_again(fuzz):
    def stumble(data: bytes) -> bool:
        if b"x" not in data:
            raise KeyError("x")
        return True

    reader = fuzz.Reader(name="bad", share=1, samples=(b"abc x def",), form="text", read=stumble)
    tally = fuzz.fuzz(reader, 50, seed=3)
    assert tally.other > 10
    assert tally.other + tally.accepted == tally.inputs == 50
    assert tally.shown[0].splitlines()[-1] == "KeyError: 'x'"
    assert fuzz.fuzz(reader, 50, seed=3).shown == tally.shown
