"""Damaged input for every reader: `make bench-fuzz`, or `python benchmarks/fuzz.py --inputs 100000`.

Sound files are damaged in their values, words and bytes, and read again; atheris keeps what reaches new lines of
detstudy and damages it further. A reader may accept what it gets, or refuse it with an InputError or as its docstring
says. Anything else is kept in a file and printed, a hang, the end of the process and more than 256 MiB of memory for
some kilobytes included; `--reader NAME --input FILE` reads such a file once more. Results go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import faulthandler
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import atheris
from damage import damage
from readers import ROOT, Reader, make_readers

from detstudy.errors import InputError

HANG_SECONDS = 20
ADDRESS_SPACE = 6 * 2**30  # bytes beyond what the process has when it starts: what asks for more gets a MemoryError
MEMORY = 2**28  # bytes, resident, that an input may take: damage may make it claim much more than it is
LONGEST = 2**16  # bytes of an input
MUTATED = 0.2  # share of the inputs that atheris changes by itself, by what the code compared them with
FRESH = 0.5  # share of the others that are a sound file damaged, and not one whose damage reached new lines
SHOWN = 3  # of what should not be, a reader


@dataclass(slots=True)
class Tally:
    """What became of the inputs, each counted once however often it was made."""

    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    other: int = 0
    shown: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0  # bytes, resident, that the worst input took


def fuzz(reader: Reader, inputs: int, seed: int, folder: Path) -> Tally:
    """Read so many damaged inputs in a process of its own; those that should not be are kept in the folder."""
    told = folder / "tally.json"
    told.unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if not child:
        fuzz_here(reader, inputs, seed, folder)
    _, status = os.waitpid(child, 0)
    if status == 0 and told.exists():
        return Tally(**json.loads(told.read_text()))
    kept = max(folder.glob("*-*"), key=lambda path: path.stat().st_mtime, default=None)
    return Tally(inputs=1, other=1, shown=[f"{kept}\nthe process ended with {os.waitstatus_to_exitcode(status)}"])


def fuzz_here(reader: Reader, inputs: int, seed: int, folder: Path) -> NoReturn:
    """Fuzz in this process, which ends with it: atheris never returns."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(reader.samples):
        (corpus / f"{seed}-{number}").write_bytes(sample)
    tally, seen, started = Tally(), set[int](), time.perf_counter()

    def read_once(data: bytes) -> None:
        if data in reader.samples:  # what to start from, and no damaged input
            reader.read(data)
            return
        if hash(data) in seen:
            return
        seen.add(hash(data))
        fault = judge(reader, data, tally)
        if fault is not None:
            note(tally, data, fault, folder)
        if tally.inputs == inputs:
            tally.seconds = time.perf_counter() - started
            (folder / "tally.json").write_text(json.dumps(asdict(tally)))
            os._exit(0)

    def mutate(data: bytes, size: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < MUTATED:
            return bytes(atheris.Mutate(data, size))
        start = rng.choice(reader.samples) if rng.random() < FRESH else data
        return damage(rng, start, reader.form)[:size]

    options: dict[str, Any] = {"seed": seed + 1, "max_len": LONGEST, "len_control": 0, "mutate_depth": 1}
    options |= {"reduce_inputs": 0}
    options |= {"timeout": HANG_SECONDS, "rss_limit_mb": 0, "verbosity": 0, "artifact_prefix": f"{folder}/"}
    faulthandler.disable()  # so that atheris keeps the input that ends the process
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], read_once, custom_mutator=mutate)
    atheris.Fuzz()
    os._exit(1)


def judge(reader: Reader, data: bytes, tally: Tally) -> str | None:
    """Read an input once and count what became of it; return what should not be, None where nothing is."""
    tally.inputs += 1
    before = reset_peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            accepted = reader.read(data)
    except InputError as error:
        accepted = False
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(error).replace("\n", "")):
            return f"message that can't be printed: {str(error)!r:.300}"
    except Exception:
        return traceback.format_exc()
    taken = read_memory("VmHWM") - before
    tally.peak = max(tally.peak, taken)
    if taken > MEMORY:
        return f"took {taken / 2**20:.0f} MiB"
    if accepted:
        tally.accepted += 1
    else:
        tally.refused += 1
    return None


def note(tally: Tally, data: bytes, fault: str, folder: Path) -> None:
    """Count what should not be; keep the first inputs of different ones."""
    tally.other += 1
    lines = fault.strip().splitlines()
    if len(tally.shown) < SHOWN and not any(shown.endswith(lines[-1]) for shown in tally.shown):
        path = folder / f"input-{tally.inputs}"
        path.write_bytes(data)
        tally.shown.append("\n".join([str(path), *lines[-7:]]))


def reset_peak() -> int:
    """Have the kernel measure the peak memory anew; return what is resident, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_memory("VmRSS")


def read_memory(name: str) -> int:
    """Return a size in bytes that the kernel tells of this process: VmRSS, or VmHWM, its highest."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def make_instrumented_readers(folder: Path) -> list[Reader]:
    """Return every reader, its code instrumented and its samples read once: what that imports is no input's memory."""
    kernels = ["detstudy.evaluation.kernels"]  # numba compiles these
    with (
        contextlib.redirect_stderr(io.StringIO()),  # each module is named there
        atheris.instrument_imports(include=["detstudy"], exclude=kernels),
    ):
        readers = make_readers(folder)
        for reader in readers:
            for sample in reader.samples:
                reader.read(sample)
    return readers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", help="only those with this in their name")
    parser.add_argument("--input", type=Path, help="a file for that reader to read, once")
    parser.add_argument("--kept", type=Path, default=ROOT / "results" / "fuzz", help="where inputs are kept")
    parser.add_argument("--save", type=Path, default=ROOT / "docs" / "benchmarks" / "fuzz.md")
    arguments = parser.parse_args()
    # Image libraries complain of every damage on the terminal's own handle; what this process has to say goes past it.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    faulthandler.enable(sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryDirectory() as name:
        readers = make_instrumented_readers(Path(name))
        chosen = [reader for reader in readers if arguments.reader is None or arguments.reader in reader.name]
        if arguments.input is not None:
            fault = judge(chosen[0], arguments.input.read_bytes(), Tally())
            print(fault or f"{chosen[0].name}: nothing to complain of")
            return int(fault is not None)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE, resource.RLIM_INFINITY))
        total = sum(reader.share for reader in readers)
        tallies = {}
        for reader in chosen:
            folder = arguments.kept / reader.name.replace(" ", "-").replace("'", "")
            count = -int(-arguments.inputs * reader.share // total)
            tally = tallies[reader.name] = fuzz(reader, count, arguments.seed, folder)
            print(f"{reader.name}: {tally.seconds:.0f} s, {tally.peak / 2**20:.0f} MiB", flush=True)
    lines = describe(tallies, arguments.seed)
    print("\n".join(lines))
    if arguments.reader is None:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(any(tally.other for tally in tallies.values()))


def describe(tallies: dict[str, Tally], seed: int) -> list[str]:
    """Return the table as Markdown, with what should not be below it."""
    total = sum(tally.inputs for tally in tallies.values())
    lines = [
        "# Damaged input for every reader",
        "",
        f"`python benchmarks/fuzz.py --inputs {total} --seed {seed}` with atheris {version('atheris')}, "
        f"{datetime.date.today().isoformat()}, {sum(tally.seconds for tally in tallies.values()) / 60:.0f} minutes. "
        "Each input is counted once. Memory is what the worst input took; "
        f"more than {MEMORY / 2**20:.0f} MiB count as something else.",
        "",
        "| reader | inputs | refused cleanly | accepted | anything else | memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    sums = Tally()
    for name, tally in tallies.items():
        lines.append(_row(name, tally))
        sums.inputs, sums.refused = sums.inputs + tally.inputs, sums.refused + tally.refused
        sums.accepted, sums.other = sums.accepted + tally.accepted, sums.other + tally.other
        sums.peak = max(sums.peak, tally.peak)
    lines.append(_row("**all**", sums))
    for name, tally in tallies.items():
        for shown in tally.shown:
            lines += ["", f"{name}, {shown}"]
    return lines


def _row(name: str, tally: Tally) -> str:
    counts = f"{tally.inputs:,} | {tally.refused:,} | {tally.accepted:,} | {tally.other:,}"
    return f"| {name} | {counts} | {tally.peak / 2**20:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
