"""The contract between executor and trainer: a job in; curves, effective values, predictions, an outcome out.

The executor knows nothing else of a trainer. detstudy's own is `detstudy.training.trainer.TorchvisionTrainer`; a fake
one that needs no torch is `detstudy.testing.FakeTrainer`. Another framework is a class with these three methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from detstudy.errors import InputError
from detstudy.setting import DataSetting, Measure, Monitoring, Outcome, Setting, SplitName

Prediction = dict[str, Any]
"""A line of a COCO result file: image_id, category_id, bbox [x, y, w, h] in pixels, score, segmentation (RLE)."""


class Curve(Protocol):
    """Where a run's points go, in order; the ledger keeps them in `curves.jsonl`.

    A point has `kind` ("train" or "validation"), `iteration` (optimizer steps done), `images` (seen), `seconds` (of
    training, added up over resumes, validation and checkpoints excluded). A train point adds `loss`, `losses` (by
    name), `learning_rate`, `data_seconds`, `images_per_second`, `memory_bytes`, `proposals_entered` and
    `proposals_survived` (mean per image, NMS between them); a validation point adds `loss`, `losses`, `measures`
    (by flat name).
    """

    def append(self, point: dict[str, Any]) -> None:
        """Add a point, durably."""

    def rewind(self, iteration: int) -> None:
        """Drop the points after the iteration: the run goes on from a checkpoint made there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a trainer is told. The folder is its own: checkpoints and final weights go there."""

    setting: Setting
    seed: int
    data: DataSetting
    monitoring: Monitoring
    objective: str  # the measure that checkpoint_rule "best" goes by
    folder: Path
    device: str  # "cpu" or "cuda:0"
    threads: int  # of one process on the CPU
    memory_limit: int | None  # bytes
    curve: Curve
    measure: Callable[[Sequence[Prediction], Sequence[int]], dict[str, float | None]]
    """Predictions and ids of the validation images they are for → measures by flat name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a training ended. `effective` holds what really happened, among it:

    `learning_rate_first`, `learning_rate_max`, `learning_rate_last` (applied), `optimizer_steps`, `images_seen`,
    `micro_batch_size`, `precision`, `proposals_entered`, `proposals_survived` (mean per image), and whatever else the
    trainer knows.
    """

    outcome: Outcome
    reason: str | None = None
    measures: tuple[Measure, ...] = ()  # train/seconds, train/peak_memory_bytes, train/parameters, ...
    effective: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The predictions of a split's images, and what they cost."""

    predictions: list[Prediction]
    measures: tuple[Measure, ...] = ()  # test/seconds_per_image, ...


class RefusedError(InputError):
    """A setting that can't be trained here, such as one whose weights can't be had; the message says what to do."""


class Trainer(Protocol):
    """Trains a setting and predicts with the weights it left."""

    def prepare(self, setting: Setting) -> None:
        """Check, before any run starts, that the setting can be trained here. Raises RefusedError."""

    def train(self, job: Job) -> Trained:
        """Train to the end, going on from the newest good checkpoint in the job's folder.

        Expected failures (non-finite loss, out of memory) are outcomes with a reason. Everything else raises, and the
        executor calls it a crash.
        """

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Predict the split with the final weights in the job's folder, by the job's evaluation setting."""
