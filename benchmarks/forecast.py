"""The scenes study forecast, then run: how far the forecast's time and memory were off: `make bench-forecast`.

Takes about fifteen minutes on two cores that do nothing else; results go to docs/benchmarks/. A forecast measures the
machine as it is for a minute: on one that others use, what happens afterwards is theirs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from detstudy.execution.provenance import count_cores, read_cpu_name
from detstudy.ledger import Ledger, read_seconds_spent

ROOT = Path(__file__).parents[1]
TIME_WITHIN, MEMORY_WITHIN = 0.15, 0.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, default=ROOT / "studies" / "scenes.yaml")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "forecast")
    parser.add_argument("--workers", type=int, default=count_cores())
    parser.add_argument("--set", action="append", default=[], dest="sets", help="override of the study file")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    out = ["--out", str(arguments.folder), "--workers", str(arguments.workers)]
    detstudy = [sys.executable, "-m", "detstudy.cli"]
    options = [str(arguments.study), *out, *(part for each in arguments.sets for part in ("--set", each)), "--json"]
    planned = subprocess.run([*detstudy, "plan", *options, "--forecast"], check=True, capture_output=True, text=True)
    forecast = json.loads(planned.stdout)["forecast"]
    total = forecast["total_seconds"]
    print(f"forecast: {total['expected']:.0f} s ({total['low']:.0f} to {total['high']:.0f})", flush=True)
    subprocess.run([*detstudy, "run", *options], check=True, stdout=subprocess.DEVNULL)
    lines, kept = describe_study(forecast, arguments.folder)
    print("\n".join(lines))
    if arguments.study == parser.get_default("study") and not arguments.sets:
        report = ROOT / "docs" / "benchmarks" / "forecast.md"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text("\n".join(lines) + "\n")
    return 0 if kept else 1


def describe_study(forecast: dict[str, Any], folder: Path) -> tuple[list[str], bool]:
    """Return the forecast beside what happened as a page, and whether it was close enough."""
    total, total_kept = compare_total(forecast, folder)
    table, runs_kept = compare_runs(forecast, folder)
    verdict = "kept" if total_kept and runs_kept else "NOT kept"
    lines = [
        "# A forecast and what then happened",
        "",
        f"**The scenes study {total}. Promised are {100 * TIME_WITHIN:.0f} % for the total and "
        f"{100 * MEMORY_WITHIN:.0f} % for the peak memory of each run: {verdict}.**",
        "",
        *table,
        "",
        f"The forecast took {forecast['probe_seconds']:.0f} s, {forecast['workers']} probes side by side.",
        "",
        f"{datetime.date.today()}, {count_cores()} cores of {read_cpu_name()}; repeat with `make bench-forecast`.",
    ]
    return lines, total_kept and runs_kept


def compare_total(forecast: dict[str, Any], folder: Path) -> tuple[str, bool]:
    """Return in words how far off the study's total was, and whether it was close enough."""
    spent, total = read_seconds_spent(folder), forecast["total_seconds"]
    sentence = (
        f"was forecast to take {total['expected']:.0f} s ({total['low']:.0f} to {total['high']:.0f}) and took "
        f"{spent:.0f} s: {say_error(total['expected'], spent)}"
    )
    return sentence, abs(total["expected"] / spent - 1) <= TIME_WITHIN


def compare_runs(forecast: dict[str, Any], folder: Path) -> tuple[list[str], bool]:
    """Return a table of each run's forecast beside what happened, and whether memory was close enough."""
    records = {(record.setting_id, record.seed): record for record in Ledger(folder).read_runs()}
    kept = True
    rows = []
    for run in forecast["runs"]:
        record = records[tuple(run["runs"][0])]
        seconds, memory = (record.measures.get(name) for name in ("train/seconds", "train/peak_memory_bytes"))
        cells = [", ".join(filter(None, (record.setting_id, f"seed {record.seed}", run["accumulation"])))]
        if record.outcome != "finished" or not seconds or not memory or not seconds.value or not memory.value:
            found = (record.outcome or record.state).replace("_", " ")
            cells += ["", "", "", "does not fit" if not run["fits"] else "fits", found, ""]
            kept &= record.outcome != "out_of_memory" or not run["fits"]
        else:
            told = run["training_seconds"]["expected"]
            cells += [f"{told:.0f}", f"{seconds.value:.0f}", say_error(told, seconds.value)]
            peak = run["peak_memory_bytes"]["expected"]
            cells += [f"{peak / 2**20:.0f}", f"{memory.value / 2**20:.0f}", say_error(peak, memory.value)]
            kept &= run["fits"] and abs(peak / memory.value - 1) <= MEMORY_WITHIN
        rows.append(f"| {' | '.join(cells)} |")
    head = "| run | training, s: forecast | happened | off by | peak memory, MiB: forecast | happened | off by |"
    return [head, "| --- | --- | --- | --- | --- | --- | --- |", *rows], kept


def say_error(forecast: float, happened: float) -> str:
    return f"{forecast / happened - 1:+.0%}".replace("-", "−").replace("%", " %")


if __name__ == "__main__":
    sys.exit(main())
