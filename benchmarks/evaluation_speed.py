"""Times evaluation against pycocotools, and resampling against evaluating again, on drawn data, on one core.

    python benchmarks/evaluation_speed.py                                # 2,000 images, 2 and 80 classes: minutes
    python benchmarks/evaluation_speed.py --images 200 --resamples 200   # a quick look

Ratios are of processor seconds in this one process, one thread, each timed once. Both sides start from ground truth
and predictions in memory, checked and indexed, and end with the summary; pycocotools' loadRes is not in its time, our
reading and checking stands in a row of its own. What evaluating again for each resample would cost is not run: it is
pycocotools' time for box and mask, times the resamples. Resampling starts from matches, whose making it leaves out.
Memory is the peak of a fresh process that reads both files and evaluates boxes and masks, with and without what the
imported libraries take in it (numba's compiler about 100 MiB).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import datetime
import io
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import encode

from detstudy.evaluation import (
    ERROR_MEASURES,
    MEASURE_NAMES,
    Kind,
    Matches,
    draw_weights,
    evaluate,
    load_ground_truth,
    load_predictions,
    match_predictions,
    resample_errors,
    resample_measures,
    resampling_units,
    summarize,
)
from detstudy.evaluation.protocol import DEFINITIONS, KINDS
from detstudy.execution.provenance import read_cpu_name

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "evaluation_speed.md"

HEIGHT, WIDTH = 375, 1242
FEW = 200  # resamples that an analysis draws of the measures of errors
RESAMPLED = [name for name in MEASURE_NAMES if "/AP" in name]


def draw_shape(rng: np.random.Generator, box: np.ndarray) -> dict:
    """Return the RLE of a rough ellipse in the box."""
    x, y, w, h = box
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = rng.uniform(0.75, 1.0, 24)
    points = np.stack([x + w / 2 * (1 + radius * np.cos(angles)), y + h / 2 * (1 + radius * np.sin(angles))], axis=1)
    canvas = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1)
    rle = encode(np.asfortranarray(canvas))
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


def draw_data(images: int, detections: int, classes: int) -> tuple[dict, list[dict]]:
    """Return ground truth of about seven objects an image and predictions: near hits, wrong classes, inventions."""
    rng = np.random.default_rng(0)
    annotations, predictions = [], []

    def draw_box() -> np.ndarray:
        side = np.exp(rng.uniform(np.log(12), np.log(200)))
        return np.array([rng.uniform(0, WIDTH - side), rng.uniform(0, HEIGHT - side), side, side * rng.uniform(0.5, 1)])

    for image_id in range(1, images + 1):
        boxes = [draw_box() for _ in range(rng.poisson(7))]
        labels = rng.integers(1, classes + 1, len(boxes)).tolist()
        for box, label in zip(boxes, labels, strict=True):
            mask = draw_shape(rng, box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": label,
                    "bbox": box.tolist(),
                    "area": float(box[2] * box[3] * 0.7),
                    "iscrowd": int(rng.random() < 0.02),
                    "segmentation": mask,
                }
            )
        for _ in range(detections):
            label, box, score = int(rng.integers(1, classes + 1)), draw_box(), float(rng.beta(1, 6))
            if boxes and rng.random() < 0.5:
                n = int(rng.integers(len(boxes)))
                box = boxes[n] * (1 + rng.normal(0, 0.06, 4))
                label, score = labels[n] if rng.random() < 0.8 else label, float(rng.beta(3, 2))
            predictions.append(
                {
                    "image_id": image_id,
                    "category_id": label,
                    "bbox": box.tolist(),
                    "score": score,
                    "segmentation": draw_shape(rng, box),
                }
            )
    return {
        "images": [{"id": id_, "height": HEIGHT, "width": WIDTH} for id_ in range(1, images + 1)],
        "categories": [{"id": id_, "name": f"class {id_}"} for id_ in range(1, classes + 1)],
        "annotations": annotations,
    }, predictions


def time_pycocotools(document: dict, predictions: list[dict], kind: str) -> tuple[float, np.ndarray]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(document)
        truth.createIndex()
        found = truth.loadRes(copy.deepcopy(predictions))
        start = time.process_time()
        evaluation = COCOeval(truth, found, "bbox" if kind == "box" else "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return time.process_time() - start, evaluation.stats


def measure_peaks(document: dict, predictions: list[dict]) -> dict[str, tuple[int, int]]:
    """Return the peak memory of a fresh process for each side, and what it added to its imports, bytes."""
    with tempfile.TemporaryDirectory() as folder:
        truth, found = Path(folder) / "truth.json", Path(folder) / "predictions.json"
        truth.write_text(json.dumps(document))
        found.write_text(json.dumps(predictions))
        peaks = {}
        for evaluate_files in (evaluate_ours, evaluate_theirs):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peaks[evaluate_files.__name__] = pool.apply(evaluate_files, (str(truth), str(found)))
    return peaks


def read_memory(name: str) -> int:
    """Return this process's VmHWM (peak) or VmRSS (now), bytes; getrusage's peak would begin with the parent's."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


def evaluate_ours(truth: str, found: str) -> tuple[int, int]:
    import detstudy.evaluation.kernels  # noqa: F401, since evaluate imports it when first called

    before = read_memory("VmRSS")
    evaluate(load_ground_truth(truth), found)
    return read_memory("VmHWM"), read_memory("VmHWM") - before


def evaluate_theirs(truth: str, found: str) -> tuple[int, int]:
    before = read_memory("VmRSS")
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(truth)
        detected = known.loadRes(found)
        for kind in ("bbox", "segm"):
            evaluation = COCOeval(known, detected, kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
    return read_memory("VmHWM"), read_memory("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--detections", type=int, default=50, help="per image")
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 80])
    parser.add_argument("--resamples", type=int, default=1000)
    arguments = parser.parse_args()

    warm, warm_predictions = draw_data(4, 8, 2)  # compiles the kernels, or loads them from numba's cache
    matches, _ = evaluate(load_ground_truth(warm), warm_predictions)
    resample_measures(matches, np.ones((2, 4), dtype=int), MEASURE_NAMES)
    resample_errors(matches, np.ones((2, 4), dtype=int), ["box/cost/missed"], 0.5)

    rows, memory = [], []
    for classes in arguments.classes:
        document, predictions = draw_data(arguments.images, arguments.detections, classes)
        peaks = measure_peaks(document, predictions)
        both = zip(("whole process", "without imports"), peaks["evaluate_ours"], peaks["evaluate_theirs"], strict=True)
        for what, own, other in both:
            memory.append(f"| {classes} | {what} | {own / 2**20:,.0f} | {other / 2**20:,.0f} | {other / own:.1f}× |")
        start = time.process_time()
        truth = load_ground_truth(document)
        checked = load_predictions(predictions, truth)
        loading = time.process_time() - start
        tables: dict[Kind, Matches] = {}
        theirs_total = 0.0
        for kind in KINDS:
            start = time.process_time()
            tables[kind] = match_predictions(truth, checked, kind)
            summary = summarize({kind: tables[kind]}, truth)
            ours = time.process_time() - start
            theirs, stats = time_pycocotools(document, predictions, kind)
            theirs_total += theirs
            for short, expected in zip(DEFINITIONS, stats, strict=True):
                value = summary.measures[f"{kind}/{short}"]
                assert value is None or abs(value - expected * 100) < 1e-9
            rows.append(
                {"classes": classes, "what": f"{kind}: match and summarize", "seconds": ours, "against": theirs}
            )
        weights = draw_weights(resampling_units(truth), arguments.resamples, seed=0)
        start = time.process_time()
        resample_measures(tables, weights, RESAMPLED)
        ours = time.process_time() - start
        what = f"{arguments.resamples} resamples (against: reckoned)"
        rows.append({"classes": classes, "what": what, "seconds": ours, "against": theirs_total * arguments.resamples})
        few = weights[:FEW]
        for what, part in (("counts", "/errors/"), ("costs", "/cost/")):
            names = [name for name in ERROR_MEASURES if part in name and name.count("/") == 2]
            start = time.process_time()
            resample_errors(tables, few, names, 0.5)
            spent = time.process_time() - start
            text = f"{len(few)} resamples of the {what} of errors"
            rows.append({"classes": classes, "what": text, "seconds": spent, "against": None})
        rows.append({"classes": classes, "what": "read and check both inputs", "seconds": loading, "against": None})
    lines = [
        "# Evaluation against pycocotools",
        "",
        f"{datetime.date.today()}: {arguments.images} images, {arguments.detections} detections an image, one core of "
        f"{read_cpu_name()}, processor seconds in one run; repeat with `make bench-evaluation`. For the resamples "
        "pycocotools' seconds are reckoned: one evaluation times the number of resamples.",
        "",
        "| classes | what | detstudy, s | pycocotools, s | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        against = (
            "– | –" if row["against"] is None else f"{row['against']:.1f} | {row['against'] / row['seconds']:.0f}×"
        )
        lines.append(f"| {row['classes']} | {row['what']} | {row['seconds']:.2f} | {against} |")
    lines += ["", "| classes | peak memory | detstudy, MiB | pycocotools, MiB | ratio |"]
    lines += ["| --- | --- | --- | --- | --- |", *memory]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
