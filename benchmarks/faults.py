"""Faults done to running studies, at random moments, and what was lost: `make bench-faults`, or at any length

    python benchmarks/faults.py --rounds 200

Each round starts a study of short runs, does it harm, runs it again and compares all with the same study run without
faults: finished runs byte by byte, results apart from clock times, no run done twice, no process or lock left. About
every eighth round trains the compact detector, the others a fake whose every step follows from the one before. A round
that lost something keeps its folder. Results go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "faults"))

from harness import KINDS, Round, play_round, prepare_grounds  # noqa: E402
from harness.faults import REAL_KINDS  # noqa: E402

from detstudy.execution.provenance import count_cores, read_cpu_name  # noqa: E402

REAL_EVERY = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=90.0, help="no round starts later")
    parser.add_argument("--at-once", type=int, default=2, help="rounds side by side; most of a round is waiting")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each round has its own")
    parser.add_argument("--only", choices=sorted(KINDS), help="play this kind alone")
    parser.add_argument("--folder", type=Path, help="where rounds play; default: a temporary one")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks" / "faults.md")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="faults-"))
    began = time.monotonic()
    grounds = prepare_grounds(folder / "stepping")
    seeds = range(arguments.seed, arguments.seed + arguments.rounds)
    rounds: list[Round] = []
    real: list[Round] = []
    kinds = [arguments.only] if arguments.only else list(KINDS)

    def is_real(seed: int) -> bool:
        return seed % REAL_EVERY == REAL_EVERY - 1 and (arguments.only is None or arguments.only in REAL_KINDS)

    real_grounds = prepare_grounds(folder / "compact", real=True) if any(map(is_real, seeds)) else grounds

    def play(seed: int) -> Round | None:
        if time.monotonic() - began > 60 * arguments.minutes:
            return None
        if is_real(seed):
            kind = arguments.only or random.Random(seed).choice(REAL_KINDS)
            return play_round(kind, seed, real_grounds, folder / f"round-{seed}")
        return play_round(kinds[seed % len(kinds)], seed, grounds, folder / f"round-{seed}")

    with ThreadPoolExecutor(arguments.at_once) as pool:
        for number, played in enumerate(pool.map(play, seeds), start=1):
            if played is None:
                break
            (real if is_real(played.seed) else rounds).append(played)
            say = "lost" if played.lost else "skipped" if played.skipped else "nothing lost"
            what = f"{played.kind}{' (compact)' if is_real(played.seed) else ''}, seed {played.seed}"
            print(f"{number:4d}  {what}: {say}, {played.seconds:.0f} s", flush=True)
            for line in played.lost:
                print(f"      {line}", flush=True)
    lines = write_table(rounds, real, arguments.seed, time.monotonic() - began)
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    arguments.page.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    lost = any(played.lost for played in (*rounds, *real))
    if not lost and arguments.folder is None:
        shutil.rmtree(folder)
    return 1 if lost else 0


def write_table(rounds: Sequence[Round], real: Sequence[Round], seed: int, seconds: float) -> list[str]:
    """Return the page: faults × rounds × lost."""
    played = [one for one in (*rounds, *real) if one.skipped is None]
    lines = [
        "# Faults survived",
        "",
        f"{datetime.date.today()}, {len(played)} rounds from seed {seed}, {seconds / 60:.0f} minutes on "
        f"{count_cores()} cores of {read_cpu_name()}; repeat with `python benchmarks/faults.py --rounds "
        f"{len(rounds) + len(real)} --seed {seed}`. In each round a study is started, harmed at a random moment, run "
        "again to its end, and compared with the same study run without faults. Lost is a round after which a finished "
        "run is not what it was, byte by byte; a resumed run is not what it is without interruption (weights, "
        "predictions, curve, measures, clock times apart); a run was counted or done twice; a process, lock or "
        "temporary file was left behind; or a traceback was shown.",
        "",
        "| fault | what is done | rounds | of them real training | lost |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, fault in KINDS.items():
        of_kind = [one for one in played if one.kind == kind]
        count = sum(one.kind == kind for one in real)
        lost = sum(bool(one.lost) for one in of_kind)
        doing = " ".join((fault.__doc__ or "").split())
        skipped = next((one.skipped for one in rounds if one.kind == kind and one.skipped), None)
        shown = f"not played: {skipped}" if skipped else str(len(of_kind))
        lines.append(f"| {kind} | {doing} | {shown} | {count} | {lost} |")
    total = sum(bool(one.lost) for one in played)
    return [*lines, f"| **all** | | **{len(played)}** | **{len(real)}** | **{total}** |"]


if __name__ == "__main__":
    sys.exit(main())
