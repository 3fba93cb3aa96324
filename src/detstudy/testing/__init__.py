"""Shipped fakes and contracts: trainers without torch, tiny data, studies run in one process, what a seam promises."""

from detstudy.testing.data_format import DataFormatContract
from detstudy.testing.design import DesignContract
from detstudy.testing.executor import ExecutorContract
from detstudy.testing.study import draw_tiny_data, run_here, write_tiny_study
from detstudy.testing.trainer import TrainerContract
from detstudy.trainers.fake import FakeTrainer, HangingFakeTrainer, RefusingFakeTrainer, SlowFakeTrainer

__all__ = [
    "DataFormatContract",
    "DesignContract",
    "ExecutorContract",
    "FakeTrainer",
    "HangingFakeTrainer",
    "RefusingFakeTrainer",
    "SlowFakeTrainer",
    "TrainerContract",
    "draw_tiny_data",
    "run_here",
    "write_tiny_study",
]
