"""The contract between executor and trainer: a job in; curves, effective values, predictions, an outcome out.

The executor knows nothing else of a trainer. detstudy's own is `detstudy.training.trainer.TorchvisionTrainer`; a fake
one that needs no torch is `detstudy.testing.FakeTrainer`. Another framework is a class with these three methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from detstudy.errors import InputError
from detstudy.setting import DataSetting, Measure, Monitoring, Outcome, Setting, SplitName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PROPOSALS = 1000  # of an image, that are looked at

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
    `micro_batch_size`, `precision`, `proposals_entered`, `proposals_survived` (NMS) and `proposals_kept` (by the cut
    after it; means of an image), the same by feature level as `proposals_entered_per_level` and
    `proposals_survived_per_level` with `anchors_per_level`, in the order of `feature_levels` (["P3", "P4", ...]), and
    whatever else the trainer knows.
    """

    outcome: Outcome
    reason: str | None = None
    measures: tuple[Measure, ...] = ()  # train/seconds, train/peak_memory_bytes, train/parameters, ...
    effective: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The predictions of a split's images, and what they cost.

    `proposals` are those that NMS and the cut after it left for the heads, by image id: [n, 4] of x, y, width, height
    in the image's own pixels, best first, the first MOST_PROPOSALS of them. Empty where a trainer has none. The
    measures may hold, as means of an image, `test/proposals_entered`, `test/proposals_survived` and
    `test/proposals_kept`, and for each feature level `test/anchors_P3`, `test/proposals_entered_P3` and
    `test/proposals_survived_P3`.
    """

    predictions: list[Prediction]
    measures: tuple[Measure, ...] = ()  # test/seconds_per_image, ...
    proposals: dict[int, NDArray[np.float32]] = field(default_factory=dict, compare=False)


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
