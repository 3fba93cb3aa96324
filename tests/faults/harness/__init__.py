"""Faults done to running studies, and the proof that nothing was lost: for tests and for `benchmarks/faults.py`."""

from harness.faults import KINDS, SkippedError
from harness.rounds import Grounds, Round, play_round, prepare_grounds

__all__ = ["KINDS", "Grounds", "Round", "SkippedError", "play_round", "prepare_grounds"]
