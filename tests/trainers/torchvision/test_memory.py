from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from detstudy.study.setting import CocoData
from detstudy.study.size import GIB, MIB
from detstudy.trainers.contract import Job
from detstudy.trainers.torchvision import work
from detstudy.trainers.torchvision.memory import is_out_of_memory, measure_need, measure_peak, reset_peak
from detstudy.trainers.torchvision.session import open_session

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")

TRAIN = """
import json, sys
from pathlib import Path
from detstudy.study.setting import *
from detstudy.trainers.contract import Job
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.trainer import TorchvisionTrainer
from detstudy.data import read_dataset

class Curve:
    def append(self, point): pass
    def rewind(self, iteration): pass

root, folder, limit, space = sys.argv[1:]
if int(space):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(space),) * 2)
setting = make_setting(name="compact", image_min_size=1000, image_max_size=2000, learning_rate=0.001, batch_size=8,
                       iterations=2)
data = CocoData(root=root, train=CocoSplit(annotations="train.json", images="train"),
                validation=CocoSplit(annotations="validation.json", images="validation"))
job = Job(setting=setting, seed=0, data=lambda: read_dataset(data), monitoring=Monitoring(), objective="mask/AP",
          folder=Path(folder), device="cpu", threads=1, memory_limit=int(limit) or None, curve=Curve(),
          measure=lambda p, i: {})
trained = TorchvisionTrainer().train(job)
print(json.dumps([trained.outcome, trained.reason, {m.name: m.value for m in trained.measures}]))
"""


def train_within(folder: Path, root: str, *, limit: int = 0, space: int = 0) -> tuple[str, str, dict[str, float]]:
    """Return outcome, reason and measures of a training under a limit, or in an address space, of so many bytes."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, root, str(folder), str(limit), str(space)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    outcome, reason, measures = json.loads(done.stdout.splitlines()[-1])
    return outcome, reason, measures


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_run_that_does_not_fit_ends_as_out_of_memory(tmp_path: Path, coco_data: CocoData) -> None:
    limit = 1200 * MIB

    outcome, reason, measures = train_within(tmp_path, coco_data.root, limit=limit)

    assert outcome == "out_of_memory"
    assert " GiB (limit 1.2 GiB), batch of 8, densest image of the batch has 2 objects (train" in reason
    assert float(reason.split()[4]) >= 1.1
    assert measures["train/peak_memory_bytes"] < limit * 1.1


@pytest.mark.skipif(sys.platform != "linux", reason="an address space is limited on Linux only")
def test_a_host_that_has_no_more_is_out_of_memory(tmp_path: Path, coco_data: CocoData) -> None:
    outcome, reason, _ = train_within(tmp_path, coco_data.root, space=5 * 2**30)

    assert outcome == "out_of_memory"
    assert "(its address space is limited to 5.0 GiB), batch of 8, densest image of the batch has 2 objects" in reason


def test_a_gpu_that_has_no_more_is_out_of_memory(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's error and its figures stand in for a GPU."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of ..."
        )

    monkeypatch.setattr(work, "run_loop", fail)
    monkeypatch.setattr(work, "open_device", lambda _: GPU)
    monkeypatch.setattr(work, "open_session", lambda job, classes, _: open_session(job, classes, CPU))
    fractions = imitate_cuda(monkeypatch, total=80 * GIB, allocated=8 * GIB, reserved=9 * GIB)

    trained = work.TorchvisionWork().train(make_job(memory_limit=11 * GIB, batch_size=4))

    assert trained.outcome == "out_of_memory"
    assert trained.reason is not None
    assert trained.reason.startswith(
        "out of memory at 11.5 GiB (limit 11.0 GiB, the GPU has 80.0 GiB), batch of 4, densest"
    )
    assert trained.effective["out_of_memory_in"] == "training"
    assert trained.effective["limit_memory_bytes"] == 11 * GIB
    assert fractions == [11 / 80, 1.0]  # set for the training, and lifted so that it can be told of
    imitate_cuda(monkeypatch, total=80 * GIB, allocated=3 * GIB, reserved=4 * GIB)  # others have the rest
    trained = work.TorchvisionWork().train(make_job(memory_limit=11 * GIB, batch_size=4))
    assert "limit_memory_bytes" not in trained.effective


def imitate_cuda(monkeypatch: pytest.MonkeyPatch, *, total: int, allocated: int, reserved: int) -> list[float]:
    """Let torch tell these bytes of a GPU; return where the fractions go that it is limited to."""
    fractions: list[float] = []
    fakes: dict[str, Callable[..., object]] = {
        "get_device_properties": lambda _: SimpleNamespace(total_memory=total),
        "max_memory_allocated": lambda _: allocated,
        "memory_reserved": lambda _: reserved,
        "reset_peak_memory_stats": lambda _: None,
        "set_per_process_memory_fraction": lambda fraction, _: fractions.append(fraction),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return fractions


def fail_in_torch() -> None:
    torch.empty(2**50)


def fail_in_numpy() -> None:
    np.zeros(2**50)


def fail_in_opencv() -> None:
    cv2.resize(np.zeros((8, 8), np.float32), (2**30, 2**15))


def fail_in_python() -> None:
    bytearray(2**50)


@pytest.mark.parametrize("fail", [fail_in_torch, fail_in_numpy, fail_in_opencv, fail_in_python])
def test_every_allocator_is_understood(fail: object) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        fail()  # type: ignore[operator]

    assert is_out_of_memory(caught.value), caught.value


def test_errors_of_cuda_are_understood() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))


def test_a_library_that_finds_no_room_is_understood() -> None:
    assert is_out_of_memory(ImportError("_mask.so: failed to map segment from shared object"))


def test_other_errors_are_other_errors() -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("not enough memory cards"))


def test_an_error_raised_from_a_shortage_is_one() -> None:
    error = ValueError("no batch")
    error.__cause__ = MemoryError()

    assert is_out_of_memory(error)


def test_what_was_asked_for_counts_as_needed() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)

    assert measure_need(CPU, caught.value) > 2**50
    assert measure_need(CPU, MemoryError()) == pytest.approx(measure_peak(CPU), rel=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is reset on Linux only")
def test_the_peak_covers_what_has_been_freed() -> None:
    reset_peak(CPU)
    before = measure_peak(CPU)
    held = np.ones(200 * 2**20, dtype=np.uint8)
    del held

    assert measure_peak(CPU) - before > 150 * 2**20
    reset_peak(CPU)
    assert measure_peak(CPU) - before < 100 * 2**20


def test_figures_are_json() -> None:
    json.dumps(measure_peak(CPU))
