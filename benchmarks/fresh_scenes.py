"""The scenes study's promise on frames drawn from seeds never used while tuning it: `make bench-seeds`.

Draws new scenes, runs the baseline with three seeds and the learning rates ten times larger and smaller, and checks
that the baseline's mean AP is at least 40 for boxes and 34 for masks and that the study calls both learning rates
worse. Takes about five minutes on two cores. Results go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
from pathlib import Path

from detstudy.analysis import analyse_study
from detstudy.execution.provenance import count_cores, read_cpu_name

ROOT = Path(__file__).parents[1]
LEAST = {"box/AP": 40.0, "mask/AP": 34.0}
WORSE = ("learning_rate=0.04", "learning_rate=0.0004")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene-seed", type=int, default=20261123, help="of the drawn frames")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "fresh-scenes")
    arguments = parser.parse_args()
    data = arguments.folder / f"scenes-{arguments.scene_seed}"
    out = arguments.folder / f"study-{arguments.scene_seed}"
    detstudy = [sys.executable, "-m", "detstudy.cli"]
    if not data.exists():
        subprocess.run([*detstudy, "data", "draw", str(data), "--seed", str(arguments.scene_seed)], check=True)
    overrides = [f"data.root={data.absolute()}", "factors={learning_rate: [0.04, 0.004, 0.0004]}"]
    study = ROOT / "studies" / "scenes.yaml"
    command = [*detstudy, "run", str(study), "--out", str(out)]
    subprocess.run([*command, *(f"--set={override}" for override in overrides)], check=True)
    analysis = analyse_study(out)
    lines = [
        "# The scenes study's baseline on fresh frames",
        "",
        f"{datetime.date.today()}, frames of seed {arguments.scene_seed}, {count_cores()} cores of {read_cpu_name()}; "
        "repeat with `make bench-seeds`.",
        "",
        "| what | found | promised | kept |",
        "| --- | --- | --- | --- |",
    ]
    kept = True
    for name, least in LEAST.items():
        spread = analysis.settings["baseline"].measures[name]
        kept &= spread.mean >= least
        values = ", ".join(f"{value:.1f}" for value in spread.values.values())
        found = f"{spread.mean:.1f} ({values})"
        lines.append(f"| baseline, mean {name} over seeds | {found} | {least:g} | {say(spread.mean >= least)} |")
    for name in WORSE:
        contrast = analysis.settings[name].contrasts["mask/AP"]
        kept &= contrast.verdict == "worse"
        found = f"{contrast.verdict}: {contrast.estimate:.1f} ({contrast.low:.1f} to {contrast.high:.1f})"
        lines.append(f"| {name} in mask/AP | {found} | worse | {say(contrast.verdict == 'worse')} |")
    report = ROOT / "docs" / "benchmarks" / "fresh_scenes.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0 if kept else 1


def say(kept: bool) -> str:
    return "yes" if kept else "NO"


if __name__ == "__main__":
    sys.exit(main())
