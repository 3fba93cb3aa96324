"""Which GPU a run was made on, as a fake nvidia-smi lists them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.execution import list_gpus, provenance
from detstudy.execution.provenance import describe_machine
from detstudy.library.run import choose_devices

FakeSmi = Callable[[str], None]
TWO = """
case "$*" in
  *=index,uuid,name*) printf '0, GPU-8a1f, NVIDIA A100\\n1, GPU-77be, NVIDIA H200\\n' ;;
  *=index*) printf '0\\n1\\n' ;;
  *) printf 'NVIDIA A100\\nNVIDIA H200\\n' ;;
esac
"""


@pytest.fixture
def fake_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmi:
    def write(script: str) -> None:
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return write


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [
        ("1", "cuda:0", "NVIDIA H200"),
        ("0", "cuda:0", "NVIDIA A100"),
        ("1,0", "cuda:1", "NVIDIA A100"),
        ("GPU-77be", "cuda:0", "NVIDIA H200"),
        ("GPU-8", "cuda:0", "NVIDIA A100"),  # CUDA takes the beginning of a name too
        (None, "cuda:1", "NVIDIA H200"),
        (None, "cuda", "NVIDIA A100"),
        ("MIG-5", "cuda:0", None),  # a part of either
        ("1", "cpu", None),
    ],
)
def test_a_run_records_its_own_gpu_alone(
    fake_smi: FakeSmi, monkeypatch: pytest.MonkeyPatch, visible: str | None, device: str, expected: str | None
) -> None:
    fake_smi(TWO)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert describe_machine(device, 1).gpu == expected


def test_the_gpus_to_use_are_those_in_sight(fake_smi: FakeSmi, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_smi(TWO)
    assert list_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-8a1f,")
    assert list_gpus() == ["1", "GPU-8a1f"]


def test_a_driver_without_gpus_has_none(fake_smi: FakeSmi) -> None:
    fake_smi("echo 'No devices were found'; exit 6")
    assert list_gpus() == []
    assert describe_machine("cuda:0", 1).gpu is None


def test_a_hanging_nvidia_smi_is_said_and_no_gpu_is_used(fake_smi: FakeSmi, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_smi("exec sleep 60")
    monkeypatch.setattr(provenance, "ANSWER_SECONDS", 0.2, raising=False)
    warnings: list[str] = []
    assert choose_devices(2, warnings.append) == ["cpu", "cpu"]
    assert "nvidia-smi gives no answer, so no GPU is used" in warnings[0]
    assert describe_machine("cuda:0", 1).gpu is None
