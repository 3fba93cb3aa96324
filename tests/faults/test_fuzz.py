"""Every reader takes damaged input, or refuses it cleanly: a short pass of benchmarks/fuzz.py."""

from __future__ import annotations

import io
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris is made for Linux on x86-64")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
INPUTS = 1000  # in all


@pytest.fixture(scope="module")
def fuzz():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import fuzz
    finally:
        sys.path.pop(0)
    return fuzz


@pytest.fixture(scope="module")
def readers(fuzz, tmp_path_factory):
    return fuzz.make_readers(tmp_path_factory.mktemp("fuzz"))


def test_sound_input_is_accepted_by_every_reader(readers):
    for reader in readers:
        for sample in reader.samples:
            assert reader.read(sample), reader.name


def test_damaged_input_is_accepted_or_refused_and_nothing_else(readers, tmp_path):
    command = [sys.executable, str(BENCHMARKS / "fuzz.py"), f"--inputs={INPUTS}", "--seed=2026"]
    done = subprocess.run(
        [*command, f"--kept={tmp_path}", f"--save={tmp_path / 'fuzz.md'}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "fuzz.md").read_text()
    assert all(f"| {reader.name} | " in page for reader in readers)
    total, refused, accepted, other = map(
        int, re.search(r"\*\*all\*\* \| (\d+,?\d*) \| .*", page)[0].replace(",", "").split(" | ")[1:5]
    )
    assert total >= INPUTS
    assert (refused > INPUTS / 2, accepted > INPUTS / 20, other) == (True, True, 0)


@pytest.mark.parametrize(("name", "change"), [("matches", "damage_archive"), ("checkpoints", "damage_state")])
def test_damage_inside_an_archive_leaves_its_checksums_right(readers, name, change):
    import damage

    (sample,) = next(reader.samples for reader in readers if reader.name == name)
    for number in range(30):
        data = getattr(damage, change)(random.Random(number), sample)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
        assert data != sample


def test_an_input_that_takes_much_memory_is_counted(fuzz, monkeypatch):
    def fill(data: bytes) -> bool:
        return len(b"x" * (2 * fuzz.MEMORY if data != b"abc" else 1)) > 0

    monkeypatch.setattr(fuzz, "MEMORY", 2**25)
    tally = fuzz.Tally()
    fault = fuzz.judge(fuzz.Reader(name="hungry", share=1, samples=(b"abc",), form="bytes", read=fill), b"abcd", tally)
    assert fault.startswith("took 6")
    assert (tally.inputs, tally.accepted, tally.refused) == (1, 0, 0)
    assert tally.peak > fuzz.MEMORY


def make_stumbling_reader(fuzz, stumble):
    def read(data: bytes) -> bool:
        if b"x" not in data:
            stumble()
        return True

    return fuzz.Reader(name="bad", share=1, samples=(b"abc x def",), form="text", read=read)


def test_what_should_not_be_is_counted_and_kept(fuzz, tmp_path):
    reader = make_stumbling_reader(fuzz, lambda: dict[str, str]()["x"])
    tally = fuzz.fuzz(reader, 50, 3, tmp_path)
    assert tally.other > 10
    assert tally.other + tally.accepted == tally.inputs == 50
    path, *_, last = tally.shown[0].splitlines()
    assert last == "KeyError: 'x'"
    assert "KeyError" in fuzz.judge(reader, Path(path).read_bytes(), fuzz.Tally())


@pytest.mark.parametrize(
    ("stumble", "kept"), [(lambda: time.sleep(60), "timeout-"), (lambda: signal.raise_signal(signal.SIGSEGV), "crash-")]
)
def test_a_hang_and_the_end_of_the_process_are_counted_and_kept(fuzz, tmp_path, monkeypatch, stumble, kept):
    monkeypatch.setattr(fuzz, "HANG_SECONDS", 1)
    tally = fuzz.fuzz(make_stumbling_reader(fuzz, stumble), 50, 3, tmp_path)
    assert tally.other == 1
    path = Path(tally.shown[0].splitlines()[0])
    assert path.name.startswith(kept)
    assert b"x" not in path.read_bytes()
