"""The reference study's settings at full size: `make bench-full-size`. Results go to docs/benchmarks/.

Mask R-CNN R50-FPN with random weights on drawn 1242×375 frames, one run at a time, under a memory limit that the batch
size of 16 is beyond: it runs out of memory and is trained again in parts.

On a CPU: two iterations a setting within 14 GiB, about 1.4 GB an image.

On a CUDA machine: the same command. It finds the GPU, limits torch's allocator on it to 11 GiB (`limits.memory`, which
training hands to `torch.cuda.set_per_process_memory_fraction`), forecasts time and memory, trains 600 iterations a
setting and sets what happened beside the forecast: a real out-of-memory at batch 16, its second try, the forecast at
full size. In steps if need be: `timeout 540 python benchmarks/full_size.py` goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from forecast import compare_runs, compare_total

from detstudy.execution import count_cores, list_gpus
from detstudy.execution.provenance import read_cpu_name, read_gpu_name
from detstudy.ledger import Ledger
from detstudy.wording import say

ROOT = Path(__file__).parents[1]
DETSTUDY = [sys.executable, "-m", "detstudy.cli"]


def main() -> int:
    gpu = bool(list_gpus())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "full-size")
    parser.add_argument("--iterations", type=int, default=600 if gpu else 2, help="optimizer steps a setting")
    parser.add_argument("--train-sequences", type=int, default=12 if gpu else 4)
    parser.add_argument("--validation-sequences", type=int, default=1)
    parser.add_argument("--frames", type=int, default=40 if gpu else 4, help="a sequence")
    parser.add_argument("--memory", default="11GiB" if gpu else "14GiB", help="limit of a run")
    parser.add_argument("--seeds", default="0")
    arguments = parser.parse_args()
    out = arguments.folder / f"study-{arguments.iterations}"
    options = [str(ROOT / "studies" / "kitti_mots_r50.yaml"), "--out", str(out), "--workers", "1"]
    options += [f"--set={override}" for override in list_overrides(arguments, draw_frames(arguments))]
    forecast = make_forecast(options, arguments.folder / f"forecast-{arguments.iterations}.json") if gpu else None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the study stops in order; the table tells how far it came
    status = subprocess.run([*DETSTUDY, "run", *options], check=False).returncode
    place = read_gpu_name("cuda:0") if gpu else f"one thread of {count_cores()} cores of {read_cpu_name()}"
    lines = [
        "# The reference study's settings at full size",
        "",
        f"{datetime.date.today()}: {arguments.iterations} iterations a setting, drawn 1242×375 frames, random weights, "
        f"memory limit {arguments.memory}, {place}; repeat with `make bench-full-size`.",
        "",
        *tabulate_runs(out),
        "",
        *describe_forecast(forecast, out),
    ]
    report = ROOT / "docs" / "benchmarks" / "full_size.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return status


def draw_frames(arguments: argparse.Namespace) -> Path:
    """Draw the frames unless they are there; return their folder."""
    data: Path = arguments.folder / f"scenes-{arguments.train_sequences}x{arguments.frames}"
    if not data.exists():
        sizes = ["--train-sequences", str(arguments.train_sequences), "--frames", str(arguments.frames)]
        sizes += ["--validation-sequences", str(arguments.validation_sequences), "--width", "1242", "--height", "375"]
        subprocess.run([*DETSTUDY, "data", "draw", str(data), *sizes], check=True)
    return data


def list_overrides(arguments: argparse.Namespace, data: Path) -> list[str]:
    """Return what differs from the study file."""
    sequences = range(arguments.train_sequences, arguments.train_sequences + arguments.validation_sequences)
    long = arguments.iterations >= 100
    return [
        f"data={{format: kitti_mots, root: '{data.absolute()}', validation: {list(sequences)}}}",
        "model.weights=none",
        "model.frozen_stages=0",
        f"baseline.iterations={arguments.iterations}",
        f"baseline.warmup_iterations={arguments.iterations // 10}",
        "when_batch_size_changes.hold=iterations",
        f"seeds=[{arguments.seeds}]",
        f"limits.memory={arguments.memory}",
        "gallery_images=2",
        "monitoring={log_every: 20, validate_every: 100, checkpoint_every: 50}"
        if long
        else "monitoring={log_every: 1}",
    ]


def make_forecast(options: list[str], path: Path) -> dict[str, Any]:
    """Return the forecast made before the first run; kept in a file, since the study may take several calls."""
    if not path.exists():
        command = [*DETSTUDY, "plan", *options, "--forecast", "--json"]
        path.write_text(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    forecast: dict[str, Any] = json.loads(path.read_text())["forecast"]
    return forecast


def tabulate_runs(out: Path) -> list[str]:
    """Return a table of the runs, with what their failed attempts said."""
    lines = [
        "| setting | seed | outcome | seconds of training | peak memory, GiB | reason |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for record in Ledger(out).read_runs():
        seconds, memory = (record.measures.get(name) for name in ("train/seconds", "train/peak_memory_bytes"))
        cells = [
            f"{seconds.value:.0f}" if seconds and seconds.value is not None else "–",
            f"{memory.value / 2**30:.1f}" if memory and memory.value is not None else "–",
        ]
        outcome = (record.outcome or record.state).replace("_", " ")
        reason = say(record.reason) if record.reason else ""
        lines.append(f"| {record.setting_id} | {record.seed} | {outcome} | {' | '.join(cells)} | {reason} |")
    return lines


def describe_forecast(forecast: dict[str, Any] | None, out: Path) -> list[str]:
    """Return the forecast beside what happened; without a GPU, that neither it nor CUDA's own memory was measured."""
    title = "## On a GPU: out of memory, its second try, the forecast"
    if forecast is None:
        return [title, "", "Not measured: no CUDA device."]
    return [title, "", f"The study {compare_total(forecast, out)[0]}.", "", *compare_runs(forecast, out)[0]]


if __name__ == "__main__":
    sys.exit(main())
