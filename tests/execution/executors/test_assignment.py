"""Workers and probes are started alike: the same environment, the same place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from detstudy.execution import Place
from detstudy.execution.executors.assignment import make_assignment, make_environment, read_assignment
from detstudy.ledger import Ledger


def test_a_process_on_the_cpu_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    environment = make_environment("cpu")
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    assert [environment[name] for name in names] == ["1", "1", "3"]
    assert make_assignment(Ledger(Path("study")), "cpu").place.device == "cpu"


def test_a_process_on_a_gpu_sees_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    environment = make_environment("3")
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["OMP_NUM_THREADS"]) == ("3", "16")
    assignment = make_assignment(Ledger(Path("study")), "3", 2, splits=["test"])
    assert assignment.folder == str(Path("study").absolute())
    assert assignment.place == Place(device="cuda:0", workers=2)
    monkeypatch.setattr("sys.stdin", io.StringIO(assignment.encode().decode()))
    assert read_assignment() == assignment
