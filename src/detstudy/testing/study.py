"""Tiny data and whole studies run in this process, for tests of whoever plans, records, analyses or reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detstudy.execution import Place, ask_for_more, is_task_due, list_tasks, prepare_ledger, work_on
from detstudy.ledger import Ledger
from detstudy.plan import Plan
from detstudy.study.spec import load_study
from detstudy.study.study import Study
from detstudy.study.trainer import make_trainer
from detstudy.trainers.contract import Trainer

TRAIN_SEQUENCES = 2
VALIDATION_SEQUENCES = 6


def draw_tiny_data(folder: Path) -> Path:
    """Draw eight short sequences of scenes (two to train, six to validate) and return the folder."""
    from detstudy.scenes.dataset import draw_scenes

    draw_scenes(
        folder,
        train_sequences=TRAIN_SEQUENCES,
        validation_sequences=VALIDATION_SEQUENCES,
        frames=2,
        width=160,
        height=64,
    )
    return folder


def write_tiny_study(folder: Path, data: Path | Mapping[str, Any], **sections: Any) -> Path:
    """Write a study file over tiny data and return its path; keyword arguments replace whole top-level keys.

    `data` is what `draw_tiny_data` returned, or the study file's whole section of another data set.
    """
    from ruamel.yaml import YAML

    document: dict[str, Any] = {
        "study": "tiny",
        "trainer": {"python": "detstudy.testing:FakeTrainer"},
        "data": data
        if isinstance(data, Mapping)
        else {
            "format": "kitti_mots",
            "root": str(data.absolute()),
            "train": list(range(TRAIN_SEQUENCES)),
            "validation": list(range(TRAIN_SEQUENCES, TRAIN_SEQUENCES + VALIDATION_SEQUENCES)),
        },
        "model": {"name": "compact", "image_min_size": None},
        "baseline": {
            "learning_rate": 0.004,
            "batch_size": 4,
            "iterations": 20,
            "optimizer": "adamw",
            "rpn_pre_nms_top_n_train": 500,
        },
        "factors": {"learning_rate": [0.04, 0.004, 1.0], "batch_size": [4, 16]},
        "when_batch_size_changes": {"hold": "images", "learning_rate": "fixed"},
        "seeds": [0],
        "baseline_seeds": [0, 1, 2],
        "monitoring": {"log_every": 5, "checkpoint_every": 5},
    }
    path = folder / "study.yaml"
    with path.open("w") as file:
        YAML().dump({**document, **sections}, file)
    return path


def run_here(study_file: Path, folder: Path, trainer: Trainer | None = None) -> tuple[Study, Ledger]:
    """Run a study in this process, one run after the other, with its trainer or one in place of it."""
    study, ledger = load_study(study_file), Ledger(folder)
    prepare_ledger(study, ledger)
    worker = trainer or make_trainer(study.trainer.choice)
    plan: Plan | None = ledger.load_plan()
    while plan:
        for task in list_tasks(plan, ledger.fingerprint):
            work_on(task, study, ledger, worker, Place())
            while ledger.find_largest_micro_batch(task.runs[0]) and is_task_due(ledger, task):  # in smaller parts
                work_on(task, study, ledger, worker, Place())
        plan = ask_for_more(ledger)
    return study, ledger
