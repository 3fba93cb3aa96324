"""No secret of the environment is written down, whatever a trainer prints before it crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SENTINEL = "hush-hush-1234567890"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": f"{SENTINEL}/a",
    "WANDB_API_KEY": f"{SENTINEL}b",
    "HF_TOKEN": f"{SENTINEL}c",
    "SOME_PASSWORD": f"{SENTINEL}d",
    "HTTPS_PROXY": f"http://user:{SENTINEL}e@localhost:9",
}
TRAINER = """
import os, time
from detstudy.testing import FakeTrainer

class Leaking(FakeTrainer):
    seconds_per_iteration = 0.05

    def train(self, job):
        print(dict(os.environ), flush=True)
        os.write(2, os.environb[b"HF_TOKEN"])  # as a library of another language does
        if job.setting['learning_rate'] == 0.04:
            raise ConnectionError("no answer from https://host/?token=" + os.environ["HF_TOKEN"])
        return super().train(job)

    def predict(self, job, split):
        if job.seed == 1:
            raise KeyError(os.environ["AWS_SECRET_ACCESS_KEY"])
        return super().predict(job, split)

    def probe(self, job):
        raise ConnectionError(os.environ["WANDB_API_KEY"])
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Secrets, and the trainer that tells them."""
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "leaking.py").write_text(TRAINER)
    return {**os.environ, **SECRETS, "PYTHONPATH": str(folder)}


def find_sentinel(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and SENTINEL.encode() in path.read_bytes()]


def test_no_file_of_a_study_holds_a_secret(
    tmp_path: Path, tiny_study: Callable[..., Path], environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    study = tiny_study(factors={"learning_rate": [0.04]}, baseline_seeds=[0, 1], gallery_images=1)
    command = [sys.executable, "-m", "detstudy.cli", "run", str(study), "--out", str(out)]
    command += ["--set", "trainer.python=leaking:Leaking", "--workers", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 3, done.stderr
    assert (out / "report.html").exists()
    assert find_sentinel(out) == []
    assert SENTINEL not in done.stdout + done.stderr
    logs = "".join(path.read_text() for path in out.glob("runs/*/log.txt"))
    assert "no answer from https://host/?token=[HF_TOKEN]" in logs
    assert "'WANDB_API_KEY': '[WANDB_API_KEY]'" in logs
    results = "".join(path.read_text() for path in out.glob("runs/**/result.json"))
    assert "ConnectionError: no answer from https://host/?token=[HF_TOKEN]" in results
    assert "KeyError: '[AWS_SECRET_ACCESS_KEY]'" in results


def test_a_forecast_tells_no_secret(
    tmp_path: Path, tiny_study: Callable[..., Path], environment: dict[str, str]
) -> None:
    study = tiny_study(factors={}, baseline_seeds=[0])
    command = [sys.executable, "-m", "detstudy.cli", "plan", str(study), "--out", str(tmp_path / "out"), "--forecast"]
    command += ["--set", "trainer.python=leaking:Leaking", "--workers", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2
    assert "ConnectionError: [WANDB_API_KEY]" in done.stderr
    assert SENTINEL not in done.stdout + done.stderr


def test_a_driver_that_is_killed_leaves_no_secret_behind(
    tmp_path: Path, tiny_study: Callable[..., Path], environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    study = tiny_study(factors={}, baseline_seeds=[0], gallery_images=0)
    driver = [sys.executable, str(Path(__file__).with_name("drive.py")), str(study), str(out), "leaking:Leaking"]
    with subprocess.Popen(driver, env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in out.glob("runs/*/curves.jsonl")):
            assert time.monotonic() < deadline, "no run began"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (log,) = out.glob("runs/*/log.txt")
    assert "[HF_TOKEN]" in log.read_text()
    deadline = time.monotonic() + 30
    while list(out.glob("runs/*/lease.json")) and time.monotonic() < deadline:
        time.sleep(0.05)  # its worker stops by itself
    assert not list(out.glob("runs/*/lease.json"))
    assert find_sentinel(out) == []
