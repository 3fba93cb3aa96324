"""Shipped fakes: a trainer that needs no torch, tiny data, studies run in one process."""

from detstudy.testing.study import draw_tiny_data, run_here, write_tiny_study
from detstudy.trainers.fake import FakeTrainer, HangingFakeTrainer, SlowFakeTrainer

__all__ = ["FakeTrainer", "HangingFakeTrainer", "SlowFakeTrainer", "draw_tiny_data", "run_here", "write_tiny_study"]
