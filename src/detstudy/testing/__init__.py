"""Shipped fakes: a trainer that needs no torch, tiny data, studies run in one process."""

from detstudy.testing.study import draw_tiny_data, run_here, write_tiny_study
from detstudy.testing.trainer import FakeTrainer, SlowFakeTrainer

__all__ = ["FakeTrainer", "SlowFakeTrainer", "draw_tiny_data", "run_here", "write_tiny_study"]
