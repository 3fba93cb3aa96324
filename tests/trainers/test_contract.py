"""The trainers that ship keep the contract of all trainers."""

from __future__ import annotations

from typing import Any, ClassVar

from detstudy.testing import FakeTrainer, TrainerContract
from detstudy.trainers.contract import Trainer
from detstudy.trainers.torchvision.trainer import TorchvisionTrainer

VALUES: dict[str, Any] = {"name": "compact", "image_min_size": None, "learning_rate": 0.004, "batch_size": 2}


class TestFakeTrainer(TrainerContract):
    values: ClassVar[dict[str, Any]] = {**VALUES, "iterations": 20, "precision": "bf16"}

    def make_trainer(self) -> Trainer:
        return FakeTrainer()


class TestTorchvisionTrainer(TrainerContract):
    values: ClassVar[dict[str, Any]] = {
        **VALUES,
        "iterations": 3,
        "optimizer": "adamw",
        "schedule": "constant",
        "micro_batch_size": 1,
    }

    def make_trainer(self) -> Trainer:
        return TorchvisionTrainer()
