"""A study's folder written by hand, and an Analysis made by hand: the report is tested without who makes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from detstudy.analysis import (
    Analysis,
    Conclusion,
    Contrast,
    ErrorSummary,
    FactorSummary,
    SettingSummary,
    Spread,
)
from detstudy.analysis.facts.choice import Certainty, Choice, Ground
from detstudy.analysis.facts.setting import SettingName
from detstudy.analysis.findings.convergence import judge_setting
from detstudy.analysis.findings.tradeoff import weigh_costs
from detstudy.evaluation import COUNTED, ERROR_KINDS
from detstudy.ledger import DataDescription, Effective, Ledger, Provenance, SplitNote
from detstudy.plan import BASELINE, Plan, plan_study
from detstudy.study.setting import Measure
from detstudy.study.spec import load_study

STUDY = """\
study: hand made
data:
  format: coco
  root: /gone
  train: {annotations: train.json, images: train}
  validation: {annotations: val.json, images: val}
model: {name: compact}
baseline: {learning_rate: 0.004, batch_size: 4, iterations: 40}
factors: %s
when_batch_size_changes: {hold: images, learning_rate: fixed}
design: %s
seeds: [0]
baseline_seeds: [0, 1]
"""
FACTORS = "{learning_rate: [0.04, 0.004], batch_size: [4, 16]}"
IMAGES = 10


def rle(mask: np.ndarray) -> dict[str, Any]:
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def make_row(image_id: int, box: tuple[int, int, int, int], category: int = 1, **more: Any) -> dict[str, Any]:
    x, y, w, h = box
    mask = np.zeros((48, 120), np.uint8)
    mask[y : y + h, x : x + w] = 1
    row = {"image_id": image_id, "category_id": category, "bbox": list(map(float, box)), "segmentation": rle(mask)}
    return {**row, **more}


class HandMade:
    """Writes a study's folder and analyses it with made-up AP: 40, less 10 for a learning rate of 0.04."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)

    def plan(self, factors: str = FACTORS, design: str = "one_factor", classes: tuple[str, ...] = ("car",)) -> Plan:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "source.yaml"
        path.write_text(STUDY % (factors, design))
        study = load_study(path)
        self.ledger.store_study(
            study,
            DataDescription(
                fingerprint="abc123",
                classes=classes,
                splits={"validation": SplitNote(images=IMAGES, objects=dict.fromkeys(classes, 20), ignore=1)},
                format="coco",
                root="/gone",
            ),
        )
        objects = [make_row(1, (10, 10, 30, 20), id=1, iscrowd=0, area=600)]
        objects += [make_row(1, (70, 10, 20, 20), id=2, iscrowd=0, area=400)]
        categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
        truth = {"images": [{"id": 1}], "annotations": objects, "categories": categories}
        self.ledger.store_ground_truth("validation", truth)
        jpeg = cv2.imencode(".jpg", np.full((48, 120, 3), 90, np.uint8))[1].tobytes()
        self.ledger.store_gallery([(1, "val/0001.png", 1.0, jpeg)])
        return plan_study(study)

    def finish(self, plan: Plan) -> None:
        for run in plan.runs:
            self.ledger.start_run(run, Provenance(host="box<1>", device="cpu", python="3.11", versions={"torch": "2"}))
            curve = self.ledger.open_curve(run)
            if run.setting["batch_size"] >= 16:
                memory = Measure(name="train/peak_memory_bytes", value=11.2 * 2**30, unit="bytes")
                self.ledger.end_run(run, "out_of_memory", "out of memory at 11.2 GiB", (memory,))
                continue
            for step in range(1, 11):
                point = {"kind": "train", "iteration": step, "images": 4 * step, "seconds": step / 2, "loss": 3 / step}
                curve.append({**point, "learning_rate": run.setting["learning_rate"]})
            curve.append({"kind": "validation", "iteration": 10, "images": 40, "seconds": 5.0, "loss": 0.4})
            self.ledger.end_run(run, "finished", None, measures=(), effective=Effective(optimizer_steps=40))
            self.ledger.end_evaluation(run, "validation", "finished", None)
            rows = [make_row(1, (11, 10, 30, 20), score=0.9), make_row(1, (90, 30, 10, 10), score=0.6)]
            (self.ledger.evaluation_folder(run) / "predictions.json").write_text(json.dumps(rows))

    def analyse(self, **changes: Any) -> Analysis:
        study = self.ledger.load_study()
        plan = plan_study(study)
        records = self.ledger.read_runs(plan)
        settings = {}
        for planned in plan.settings:
            runs = tuple(record for record in records if record.setting_id == planned.id)
            done = [run for run in runs if run.outcome == "finished"]
            outcomes: dict[str, int] = {}
            for run in runs:
                outcomes[run.outcome or run.state] = outcomes.get(run.outcome or run.state, 0) + 1
            ap = 30.0 if planned.levels.get("learning_rate") == 0.04 else 40.0
            settings[planned.id] = SettingSummary(
                id=planned.id,
                label=SettingName(tuple(planned.levels.items())),
                setting=planned.setting,
                levels=planned.levels,
                runs=runs,
                outcomes=outcomes,
                reason=next((run.reason for run in runs if run.reason), None),
                measures=make_measures(ap, [run.seed for run in done]) if done else {},
                undefined={"box/APl": "no large objects"} if done else {},
                errors=make_errors(ap) if done else {},
                contrasts={} if planned.id == BASELINE else make_contrasts(planned.id, ap - 40, bool(done)),
            )
        factors = tuple(
            FactorSummary(
                name=factor.name,
                levels=tuple((level, self.find_setting(plan, factor.name, level)) for level in factor.levels),
                choice=None,
                notes=("images are held",),
            )
            for factor in study.factors
        )
        finished = any(summary.measures for summary in settings.values())

        def compare(a: str, b: str) -> Contrast:
            means = [settings[name].measures[study.objective].mean for name in (a, b)]
            return dataclasses.replace(make_contrasts(a, means[0] - means[1], True)[study.objective], b=b)

        trade_offs = weigh_costs(list(settings.values()), study.objective, compare, lambda _: 0.7)
        values = {
            "study": study,
            "plan": plan,
            "settings": settings,
            "factors": factors,
            "choice": KEPT if finished else None,
            "learned": (Conclusion("One thing.", "settings"),),
            "unknown": (),
            "next": (),
            "warnings": (),
            "trade_offs": trade_offs,
            "factorial": None,
            "convergences": {
                key: judge_setting(summary.runs, study.objective, study.smallest_difference_that_matters)
                for key, summary in settings.items()
            },
            "units": "10 images",
            "seed_sd": 0.5,
        }
        return Analysis(**{**values, **changes})

    @staticmethod
    def find_setting(plan: Plan, name: str, level: Any) -> str:
        for setting in plan.settings:
            if setting.levels == {name: level}:
                return setting.id
        return BASELINE


KEPT = Choice(
    setting_id=BASELINE,
    setting=SettingName(()),
    ground=Ground.NOTHING_BETTER,
    measure="mask/AP",
    mean=40.0,
    contrast=None,
    compared=2,
    loses_at_most=0.7,
    seconds=6972.0,
    time_ratio=None,
    memory_bytes=2.0 * 2**30,
    cheaper=None,
    certainty=Certainty(
        baseline_seeds=2, seeds=(1, 1), units="10 images", measure="mask/AP", seed_sd=0.5, detectable=None
    ),
)


def make_measures(ap: float, seeds: list[int]) -> dict[str, Spread]:
    def spread(value: float) -> Spread:
        sd = 0.5 if len(seeds) > 1 else None
        return Spread(mean=value, sd=sd, values=dict.fromkeys(seeds, value))

    names = ("AP", "AP50", "AP75", "APs", "APm", "APl")
    measures = {f"{kind}/{name}": spread(ap) for kind in ("box", "mask") for name in names}
    del measures["box/APl"]
    return {**measures, "train/seconds": spread(6972.0), "train/peak_memory_bytes": spread(2.0 * 2**30)}


def make_errors(ap: float) -> dict[str, ErrorSummary]:
    """Ten images: the lower AP the more background false positives; half an object an image is missed."""
    wrong = (50.0 - ap) / IMAGES
    counts = {**dict.fromkeys(COUNTED, 0.0), "background": wrong, "false_positives": wrong}
    counts = {**counts, "missed": 0.25, "false_negatives": 0.5, "correct": 1.5}

    def spread(values: dict[str, float]) -> dict[str, Spread]:
        return {name: Spread(mean=value, sd=None, values={0: value}) for name, value in values.items()}

    summary = ErrorSummary(
        score_threshold=0.5,
        counts=spread(counts),
        by_class={"car": counts},
        by_size={"small": counts, "medium": dict.fromkeys(COUNTED, 0.0), "large": dict.fromkeys(COUNTED, 0.0)},
        cost=spread({**dict.fromkeys(ERROR_KINDS, 0.0), "background": ap / 10}),
        best_threshold=Spread(mean=0.7, sd=None, values={0: 0.7}),
        best_f1=Spread(mean=0.8, sd=None, values={0: 0.8}),
        best_counts=spread(counts),
    )
    return {"box": summary, "mask": summary}


def make_contrasts(setting: str, estimate: float, done: bool) -> dict[str, Contrast]:
    return {
        measure: Contrast(
            a=setting,
            b=BASELINE,
            measure=measure,
            estimate=estimate if done else None,
            low=estimate - 2 if done else None,
            high=estimate + 2 if done else None,
            p=0.01 if done else None,
            degrees_of_freedom=4.0 if done else None,
            verdict=("worse" if estimate < -2 else "cannot tell") if done else None,
            reason=None if done else "no run finished",
            seeds=(1, 2),
            units="10 images",
        )
        for measure in ("box/AP", "mask/AP")
    }


@pytest.fixture
def hand_made(tmp_path: Path) -> HandMade:
    return HandMade(tmp_path / "study")


@pytest.fixture
def finished(hand_made: HandMade) -> HandMade:
    hand_made.finish(hand_made.plan())
    return hand_made


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    return make_row
