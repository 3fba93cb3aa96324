"""Two iterations of every setting of the reference study at full size on a CPU: `make bench-full-size`.

Mask R-CNN R50-FPN with random weights on drawn 1242×375 frames, one worker, under a memory limit: the batch size that
does not fit is an outcome in the table. About 1.4 GB an image. Results go to docs/benchmarks/.

On a machine with a GPU, `--iterations 600 --frames 40 --train-sequences 12 --memory 11GiB --seeds 0,1,2` trains the
same settings for real, in steps if need be: `timeout 540 python benchmarks/full_size.py ...` goes on where it was
stopped.
"""

from __future__ import annotations

import argparse
import datetime
import signal
import subprocess
import sys
from pathlib import Path

from detstudy.execution import count_cores, list_gpus
from detstudy.execution.provenance import read_cpu_name, read_gpu_name
from detstudy.ledger import Ledger

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "full-size")
    parser.add_argument("--iterations", type=int, default=2, help="optimizer steps a setting")
    parser.add_argument("--train-sequences", type=int, default=4)
    parser.add_argument("--validation-sequences", type=int, default=1)
    parser.add_argument("--frames", type=int, default=4, help="a sequence")
    parser.add_argument("--memory", default="14GiB", help="limit of a run")
    parser.add_argument("--seeds", default="0")
    arguments = parser.parse_args()
    data = arguments.folder / f"scenes-{arguments.train_sequences}x{arguments.frames}"
    detstudy = [sys.executable, "-m", "detstudy.cli"]
    if not data.exists():
        sizes = ["--train-sequences", str(arguments.train_sequences), "--frames", str(arguments.frames)]
        sizes += ["--validation-sequences", str(arguments.validation_sequences), "--width", "1242", "--height", "375"]
        subprocess.run([*detstudy, "data", "draw", str(data), *sizes], check=True)
    sequences = range(arguments.train_sequences, arguments.train_sequences + arguments.validation_sequences)
    long = arguments.iterations >= 100
    overrides = [
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
    out = arguments.folder / f"study-{arguments.iterations}"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the study stops in order; the table tells how far it came
    command = [*detstudy, "run", str(ROOT / "studies" / "kitti_mots_r50.yaml"), "--out", str(out), "--workers", "1"]
    status = subprocess.run([*command, *(f"--set={override}" for override in overrides)], check=False).returncode
    place = read_gpu_name() if list_gpus() else f"one thread of {count_cores()} cores of {read_cpu_name()}"
    lines = [
        "# The reference study's settings at full size",
        "",
        f"{datetime.date.today()}: {arguments.iterations} iterations a setting, drawn 1242×375 frames, random weights, "
        f"memory limit {arguments.memory}, {place}; repeat with `make bench-full-size`.",
        "",
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
        lines.append(
            f"| {record.setting_id} | {record.seed} | {outcome} | {' | '.join(cells)} | {record.reason or ''} |"
        )
    report = ROOT / "docs" / "benchmarks" / "full_size.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
