"""What somebody's own trainer declares, kept in the study's folder: it is read without anybody's code."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from detstudy.ledger.codec import read_record, write_record
from detstudy.study.declarations import describe_hyperparameter, read_hyperparameter
from detstudy.study.extension import Extension
from detstudy.study.spec import read_study
from detstudy.study.study import Study, StudyError
from detstudy.study.trainer import StudyTrainer, find_trainer

Declared = dict[str, list[dict[str, Any]]]  # hyperparameters by trainer

FILE = "hyperparameters.json"


def store_trainer(folder: Path, trainer: StudyTrainer) -> None:
    """Keep what somebody's own trainer declares, beside what earlier ones of this study did."""
    if isinstance(trainer.choice, Extension):
        before = read_record(folder / FILE, Declared) or {}
        declared = [describe_hyperparameter(each) for each in trainer.hyperparameters]
        if before.get(trainer.name) != json.loads(json.dumps(declared)):
            write_record(folder / FILE, {**before, trainer.name: declared})


def load_stored_study(path: Path) -> Study:
    """Return a study that lies in a study's folder. Raises StudyError."""
    return read_study(path, (), functools.partial(find_stored_trainer, path.parent))


def find_stored_trainer(folder: Path, choice: str | Extension) -> StudyTrainer:
    """Return what a trainer declared when the study was stored. Raises StudyError where that is not known."""
    if not isinstance(choice, Extension):
        return find_trainer(choice)
    stored = read_record(folder / FILE, Declared) or {}
    try:
        declared = tuple(map(read_hyperparameter, stored[choice.describe()]))
    except (KeyError, TypeError, ValueError):
        raise StudyError(f"{folder / FILE}: missing or damaged, or does not know {choice.describe()}") from None
    return StudyTrainer(choice=choice, hyperparameters=declared)
