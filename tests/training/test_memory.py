from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from detstudy.setting import CocoData
from detstudy.training.memory import is_out_of_memory, measure_need, measure_peak, reset_peak

CPU = torch.device("cpu")

TRAIN = """
import json, sys
from pathlib import Path
from detstudy.setting import *
from detstudy.trainer import Job
from detstudy.training.trainer import TorchvisionTrainer

class Curve:
    def append(self, point): pass
    def rewind(self, iteration): pass

root, folder, limit = sys.argv[1:]
setting = Setting(
    model=ModelSetting(name="compact", image_min_size=1000, image_max_size=2000),
    training=TrainingSetting(learning_rate=0.001, batch_size=8, iterations=2),
    evaluation=EvaluationSetting(),
)
data = CocoData(root=root, train=CocoSplit(annotations="train.json", images="train"),
                validation=CocoSplit(annotations="validation.json", images="validation"))
job = Job(setting=setting, seed=0, data=data, monitoring=Monitoring(), objective="mask/AP", folder=Path(folder),
          device="cpu", threads=1, memory_limit=int(limit), curve=Curve(), measure=lambda p, i: {})
trained = TorchvisionTrainer().train(job)
print(json.dumps([trained.outcome, trained.reason, {m.name: m.value for m in trained.measures}]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_run_that_does_not_fit_ends_as_out_of_memory(tmp_path: Path, coco_data: CocoData) -> None:
    limit = 1200 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, coco_data.root, str(tmp_path), str(limit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert done.returncode == 0, done.stderr
    outcome, reason, measures = json.loads(done.stdout.splitlines()[-1])
    assert outcome == "out_of_memory"
    assert " GiB (limit 1.2 GiB), batch of 8, densest image of the batch has 2 objects (train" in reason
    assert float(reason.split()[4]) >= 1.1
    assert measures["train/peak_memory_bytes"] < limit * 1.1


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
