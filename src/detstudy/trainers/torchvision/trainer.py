"""detstudy's own trainer, as executors and study files know it; torch is imported where it is needed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from detstudy.study.setting import Setting, SplitName
from detstudy.trainers.contract import Job, Predicted, Probe, Trained
from detstudy.trainers.torchvision.hyperparameters import HYPERPARAMETERS, find_contradictions

if TYPE_CHECKING:
    from detstudy.trainers.torchvision.work import TorchvisionWork


class TorchvisionTrainer:
    """Trains Mask R-CNN from torchvision's parts: a `Trainer` that can say what it refuses without torch."""

    hyperparameters = HYPERPARAMETERS

    def check(self, setting: Setting) -> Mapping[str, str]:
        """Return what in the setting contradicts itself."""
        return find_contradictions(setting)

    def prepare(self, setting: Setting) -> None:
        """Check that the setting's detector can be built and its weights be had. Raises RefusedError."""
        self._work.prepare(setting)

    def train(self, job: Job) -> Trained:
        """Train to the end; see `TorchvisionWork.train`."""
        return self._work.train(job)

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Predict the split; see `TorchvisionWork.predict`."""
        return self._work.predict(job, split)

    def probe(self, job: Job) -> Probe:
        """Measure what a run of the setting would cost; see `TorchvisionWork.probe`."""
        return self._work.probe(job)

    @functools.cached_property
    def _work(self) -> TorchvisionWork:
        from detstudy.trainers.torchvision.work import TorchvisionWork

        return TorchvisionWork()
