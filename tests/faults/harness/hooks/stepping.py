"""A fake trainer whose every step follows from the one before: one taken twice shows in all that follows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time

from detstudy.ledger.codec import read_record, write_record
from detstudy.ledger.files import write_atomically
from detstudy.study.setting import Measure
from detstudy.testing import FakeTrainer
from detstudy.trainers.contract import Job, Trained

KEPT = 2


class SteppingTrainer(FakeTrainer):
    """Keeps its last two checkpoints, as detstudy's own trainer does; weights, curve and predictions tell its path.

    Where FAULT_HANG is set it hangs until it is killed, once in a study, in the run that comes first.
    """

    seconds_per_iteration = 0.03

    def train(self, job: Job) -> Trained:
        """Take the steps that are missing."""
        if "FAULT_HANG" in os.environ:
            with contextlib.suppress(FileExistsError):
                (job.folder.parent.parent / "hung.txt").touch(exist_ok=False)
                time.sleep(3600)
        setting = job.setting
        began = time.monotonic()
        iteration, state = 0, str(job.seed)
        for path in sorted(job.folder.glob("checkpoint-*.json"), reverse=True):
            kept = read_record(path, dict)
            if isinstance(kept, dict) and kept.keys() == {"iteration", "state"}:
                iteration, state = kept["iteration"], kept["state"]
                break
        print(f"goes on from iteration {iteration}", flush=True)
        job.curve.rewind(iteration)
        while iteration < setting["iterations"]:
            time.sleep(self.seconds_per_iteration)
            iteration += 1
            state = hashlib.sha256(f"{state} {setting} {iteration}".encode()).hexdigest()
            if iteration % job.monitoring.log_every == 0 or iteration == setting["iterations"]:
                images = iteration * setting["batch_size"]
                point = {"kind": "train", "iteration": iteration, "images": images, "loss": int(state[:6], 16) / 2**24}
                job.curve.append({**point, "seconds": time.monotonic() - began})
            if iteration % job.monitoring.checkpoint_every == 0:
                write_record(job.folder / f"checkpoint-{iteration:08d}.json", {"iteration": iteration, "state": state})
                for path in sorted(job.folder.glob("checkpoint-*.json"), reverse=True)[KEPT:]:
                    path.unlink()
        write_atomically(job.folder / "weights.txt", f"{0.3 + 0.5 * int(state[:6], 16) / 2**24:.9f}".encode())
        for path in job.folder.glob("checkpoint-*.json"):
            path.unlink()
        seconds = Measure(name="train/seconds", value=time.monotonic() - began, unit="s")
        return Trained(outcome="finished", measures=(seconds,), effective={"optimizer_steps": iteration})
