"""Workers and probes are started alike: the same environment, the same place."""

from __future__ import annotations

from pathlib import Path

import pytest

from detstudy.execution.order import make_environment, make_order
from detstudy.ledger import Ledger


def test_a_process_on_the_cpu_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    environment = make_environment("cpu")
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    assert [environment[name] for name in names] == ["1", "1", "3"]
    assert make_order(Ledger(Path("study")), "a:B", "cpu")["device"] == "cpu"


def test_a_process_on_a_gpu_sees_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    environment = make_environment("3")
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["OMP_NUM_THREADS"]) == ("3", "16")
    order = make_order(Ledger(Path("study")), "a:B", "3", kind="work")
    assert order == {
        "folder": str(Path("study").absolute()),
        "trainer": "a:B",
        "device": "cuda:0",
        "threads": 1,
        "kind": "work",
    }
