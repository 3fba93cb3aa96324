"""A gigabyte of annotations checked, its time, memory and the faults found: `make bench-large-annotations`.

Writes a COCO file of random polygons and RLEs with damage at known places into a temporary folder, checks it as
`detstudy data check` does, and then lets pycocotools load the same file; each in a process of its own. pycocotools
needs several gigabytes for it and checks nothing. Results go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detstudy.data.masks import decode_runs, rasterize_polygons
from detstudy.execution.provenance import count_cores, read_cpu_name
from detstudy.numbers import format_size
from detstudy.study.size import GIB

ROOT = Path(__file__).parents[1]
MOST_MEMORY = GIB // 2  # of the check
WIDTH, HEIGHT = 640, 480  # pixels
PER_IMAGE = 7  # annotations, as COCO has
ANNOTATION_BYTES = 750  # about
CROWDS = 0.01  # share of annotations that are an RLE of runs; COCO has as many
PACKED = 0.1  # share that are a compressed RLE
DAMAGES: dict[str, dict[str, Any]] = {
    "degenerate_box": {"bbox": [5, 5, 0, 9]},
    "box_outside_image": {"bbox": [5000, 5, 10, 10]},
    "bad_polygon": {"segmentation": [[1, 2, 3, 4]]},
    "missing_segmentation": {"segmentation": []},
    "mask_size_mismatch": {"segmentation": {"size": [7, 7], "counts": [49]}},
    "bad_rle": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "a~~~"}},
    "dangling_image_id": {"image_id": 10**9},
    "unknown_class": {"category_id": 77},
    "bad_area": {"area": -3},
    "wrong_type": {"iscrowd": "yes"},
    "duplicate_annotation_id": {"id": 1},
}
# The kernel's record of a child counts what its parent had when it forked, so that a child tells its peak itself.
TELL_PEAK = "import atexit, sys; atexit.register(lambda: sys.stderr.write(open('/proc/self/status').read())); "
CHECK = "from detstudy.cli import app; app()"
READ = "import sys; from pathlib import Path; from detstudy.data.formats.entries import read_lists; \
read_lists(Path(sys.argv[1]), {})"
IJSON = "import sys, ijson; [None for _ in ijson.items(open(sys.argv[1], 'rb'), 'annotations.item', use_float=True, \
buf_size=1 << 20)]"
LOAD = "import sys; from pycocotools.coco import COCO; COCO(sys.argv[1])"


class Spent(NamedTuple):
    """What a command took, and what it printed."""

    seconds: float
    peak: int  # bytes, resident
    output: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--no-peer", action="store_true", help="leave pycocotools out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        annotations, damaged = write_annotations(path, int(arguments.gigabytes * 1e9))
        size = path.stat().st_size
        print(f"{size / 1e9:.2f} GB, {annotations:,} annotations; checking ...", flush=True)
        checked = measure(CHECK, "data", "check", str(path), "--annotations-only", "--json")
        print(f"checked in {checked.seconds:.0f} s, peak {format_size(checked.peak)}", flush=True)
        loaded = None if arguments.no_peer else measure(LOAD, str(path))
        scans = {
            name: measure(code, str(path))
            for name, module, code in (("read_lists", "json", READ), ("ijson", "ijson", IJSON))
            if importlib.util.find_spec(module)
        }
    found = {(fault["kind"], fault["where"].rpartition(" ")[2]) for fault in json.loads(checked.output)["faults"]}
    missed = [kind for kind, place in damaged.items() if (kind, str(place)) not in found]
    kept = not missed and len(found) == len(damaged) and checked.peak <= MOST_MEMORY
    lines = [
        "# An annotation file of a gigabyte checked",
        "",
        f"**A COCO file of {size / 1e9:.2f} GB was checked within {format_size(checked.peak)} of memory, and "
        f"{len(damaged) - len(missed)} of the {len(damaged)} faults in it were named with their place "
        f"({len(found) - len(damaged)} others were named). Promised are all of them, no other, and "
        f"{format_size(MOST_MEMORY)}: {'kept' if kept else 'NOT kept'}.**",
        "",
        f"It has {annotations:,} annotations: polygons of 20 to 60 points, {100 * PACKED:.0f} % compressed RLE, "
        f"{100 * CROWDS:.0f} % RLE of runs.",
        "",
        "| | seconds | peak memory |",
        "| --- | ---: | ---: |",
        f"| `detstudy data check --annotations-only` | {checked.seconds:.0f} | {format_size(checked.peak)} |",
    ]
    if loaded:
        ratio = f"{checked.seconds / loaded.seconds:.1f} times its time, {checked.peak / loaded.peak:.2f} of its memory"
        lines += [
            f"| pycocotools' `COCO(path)`, which checks nothing | {loaded.seconds:.0f} | {format_size(loaded.peak)} |",
            "",
            f"The check takes {ratio}.",
        ]
    lines += describe_scans(scans)
    lines += [
        "",
        f"{datetime.date.today()}, one of {count_cores()} cores of {read_cpu_name()}; repeat with "
        "`make bench-large-annotations`.",
    ]
    print("\n".join(lines))
    if arguments.gigabytes == parser.get_default("gigabytes") and loaded:
        (ROOT / "docs" / "benchmarks" / "large_annotations.md").write_text("\n".join(lines) + "\n")
    return 0 if kept else 1


def describe_scans(scans: dict[str, Spent]) -> list[str]:
    """Return what reading the entries alone takes, and why not ijson does it."""
    rows = [f"| `{name}` | {spent.seconds:.1f} | {format_size(spent.peak)} |" for name, spent in scans.items()]
    return [
        "",
        "Reading the entries alone, interpreter and imports included:",
        "",
        "| | seconds | peak memory |",
        "| --- | ---: | ---: |",
        *rows,
        "",
        "ijson (3.6, yajl's C code) is as bounded and somewhat faster, but refuses the whole file, without line and "
        "column, for one NaN, infinity or whole number of more than 64 bits in an annotation, where a check is to name "
        "the annotation and go on; it makes `?` of half a surrogate pair, and joins a list that stands twice. So the "
        "entries are found here, and decoded by Python's own JSON scanner.",
    ]


def measure(code: str, *arguments: str) -> Spent:
    """Run Python code with arguments in a process of its own, on one core's worth of threads."""
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TELL_PEAK + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds = time.perf_counter() - began
    peak = next(line for line in done.stderr.splitlines() if line.startswith("VmHWM:"))
    return Spent(seconds, int(peak.split()[1]) * 1024, done.stdout)


def write_annotations(path: Path, size: int) -> tuple[int, dict[str, int]]:
    """Write a COCO file of about so many bytes; return the number of annotations and the ids of the damaged ones.

    Its lists stand in the order of COCO's own files, so that the classes are known last.
    """
    rng = random.Random(0)
    shapes = list(make_shapes(rng, 2000))
    images = size // (PER_IMAGE * ANNOTATION_BYTES) + 1
    damaged: dict[str, int] = {}
    spread = size // (len(DAMAGES) + 1)
    with path.open("w") as file:
        written = file.write('{"info": {"year": 2026}, "images": [\n')
        for image in range(1, 1 + images):
            listed = {"id": image, "file_name": f"{image:012d}.jpg", "width": WIDTH, "height": HEIGHT}
            written += file.write(json.dumps(listed) + ("" if image == images else ",\n"))
        written += file.write('],\n"annotations": [\n')
        number = 0
        while written < size:
            number += 1
            entry: dict[str, Any] = {
                "id": number,
                "image_id": 1 + number % images,
                "category_id": 1 + number % 2,
                **rng.choice(shapes),
            }
            kinds = list(DAMAGES)[len(damaged) :]
            if kinds and written > spread * (len(damaged) + 1):
                entry |= DAMAGES[kinds[0]]
                damaged[kinds[0]] = entry["id"]
            written += file.write(("" if number == 1 else ",\n") + json.dumps(entry))
        file.write('],\n"categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "pedestrian"}]}\n')
    return number, damaged


def make_shapes(rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Give annotations without ids: blobs as polygons, as compressed RLE and, where they are crowds, as RLE of runs."""
    for index in range(count):
        crowd = index < count * CROWDS
        points = rng.randint(20, 60)
        x, y, radius = rng.uniform(80, WIDTH - 80), rng.uniform(80, HEIGHT - 80), rng.lognormvariate(3.6, 0.8)
        radius = min(max(radius, 3), 200)
        angles = np.sort([rng.uniform(0, 2 * np.pi) for _ in range(points)])
        radii = radius * np.array([rng.uniform(0.7, 1) for _ in range(points)])
        outline = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
        outline = outline.clip(0, [WIDTH, HEIGHT]).round(2)
        (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
        box = [round(float(value), 2) for value in (left, top, right - left, bottom - top)]
        segmentation: Any = [outline.ravel().tolist()]
        if index < count * (CROWDS + PACKED):
            mask = rasterize_polygons(segmentation, HEIGHT, WIDTH)
            segmentation = {"size": [HEIGHT, WIDTH], "counts": mask.counts.decode()}
            if crowd:
                segmentation["counts"] = decode_runs([mask]).lengths.tolist()
        area = round(0.7 * box[2] * box[3], 2)
        yield {"segmentation": segmentation, "area": area, "iscrowd": int(crowd), "bbox": box}


if __name__ == "__main__":
    sys.exit(main())
