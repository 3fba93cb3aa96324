"""The contract between executor and trainer: a job in; curves, effective values, predictions, an outcome out.

The executor knows nothing else of a trainer. The default one is `trainers/torchvision`; a fake one that needs no torch
is `trainers/fake.py`. Another framework is a class with these methods; without `probe` its studies can't be forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from detstudy.errors import InputError
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Measure, Monitoring, Outcome, Setting, SplitName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detstudy.data.records import Dataset

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
    data: Callable[[], Dataset]
    """Returns the data set's records, the same ones however often it is called."""
    monitoring: Monitoring
    objective: str  # the measure that checkpoint_rule "best" goes by
    folder: Path
    device: str  # "cpu" or "cuda:0"
    threads: int  # of one process on the CPU
    memory_limit: int | None  # bytes
    curve: Curve
    measure: Callable[[Sequence[Prediction], Sequence[int]], dict[str, float | None]]
    """Predictions and ids of the validation images they are for → measures by flat name."""
    largest_micro_batch: int | None = None
    """Images that may go through the detector at once, where more did not fit into memory; None goes by the setting.

    Gradients are then added up to the batch asked for. A checkpoint made with another size is not to be gone on from.
    """
    at_work: Callable[[str], None] = lambda _: None
    """To be told, before it is begun, of a batch denser than all before, in words that follow "its densest batch": of a
    process that the system kills for memory nothing else is known."""
    heartbeat: Callable[[], None] = lambda: None
    """To be called after each iteration and each predicted image: a run that is silent for long is taken to hang."""


def choose_micro_batch(setting: Setting, largest: int | None = None) -> int:
    """Return how many images at most go through the detector at once; `largest` is what memory has room for."""
    sizes = (largest, setting.get("micro_batch_size"), setting.get("batch_size", 1))
    return min(size for size in sizes if size is not None)


def describe_accumulation(batch_size: int, micro_batch_size: int) -> str:
    """Return a batch in its parts: "16 as 2 × 8", "5 as 2 × 2 + 1"."""
    whole, rest = divmod(batch_size, micro_batch_size)
    parts = f"{whole} × {micro_batch_size}" if whole > 1 or not rest else f"{micro_batch_size}"
    return f"{batch_size} as {parts} + {rest}" if rest else f"{batch_size} as {parts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a training ended. `effective` holds what really happened, among it:

    `learning_rate_first`, `learning_rate_max`, `learning_rate_last` (applied), `optimizer_steps`, `images_seen`,
    `micro_batch_size`, where that is less than the batch `accumulation` ("16 as 2 × 8") and
    `accumulation_differs` (what then differs from the whole batch, a clause), `precision`, `proposals_entered`,
    `proposals_survived` (NMS) and `proposals_kept` (by the cut after it; means of an image), the same by feature level
    as `proposals_entered_per_level` and `proposals_survived_per_level` with `anchors_per_level`, in the order of
    `feature_levels` (["P3", "P4", ...]), and whatever else the trainer knows. Of a run that is `out_of_memory` it holds
    `out_of_memory_in`: "training" where a smaller micro-batch may help, else what the run was doing ("loading",
    "validation"); and `limit_memory_bytes`, the job's memory limit, where that is what it ran out at and not the
    machine's own memory: such a run is tried again once the limit is higher.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a few iterations of a setting cost, in a process that did nothing else; seconds unless named otherwise.

    Where memory ran out `shortage` is the reason, and the rest may be missing.
    """

    iteration_seconds: tuple[float, ...] = ()  # one an iteration, of batches as the run draws them
    crowded_seconds: tuple[float, ...] = ()  # of batches with many objects, as a detector that learns comes to see them
    warmup_seconds: float = 0.0  # of the first iterations, counted once
    first_validation_seconds: float = 0.0  # what the first validation takes longer than others
    validation_seconds: float = 0.0  # an image: losses, predictions, AP
    checkpoint_seconds: float = 0.0
    timed_seconds: float = 0.0  # all of the above together, as they were spent
    peak_memory_bytes: int | None = None
    growth_bytes: int = 0  # what a whole run adds to the peak: images kept in memory
    shortage: str | None = None
    predicted: Predicted | None = None  # of some validation images


class MemoryShortageError(RuntimeError):
    """Memory ran out while predicting, which has no other outcome; the message is the reason.

    `limit` is the job's memory limit in bytes, where that is what it ran out at and not the machine's own memory.
    """

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class RefusedError(InputError):
    """A setting that can't be trained here, such as one whose weights can't be had; the message says what to do."""


class Trainer(Protocol):
    """Trains a setting and predicts with the weights it left.

    A study file names it as python "module:Class", and its options are the class's keyword arguments. Making one must
    be light: `detstudy plan` does it for the hyperparameters.
    """

    @property
    def hyperparameters(self) -> Sequence[Hyperparameter]:
        """All that a setting of this trainer has, each name once; an attribute of the class will do.

        Where it has the field's standard ones (`study.standard`) they mean what they mean there.
        """

    def check(self, setting: Setting) -> Mapping[str, str]:
        """Return what in a setting is refused: by the hyperparameter's name, a sentence each. Needs nothing heavy."""

    def prepare(self, setting: Setting) -> None:
        """Check, before any run starts, that the setting can be trained here. Raises RefusedError."""

    def train(self, job: Job) -> Trained:
        """Train to the end, going on from the newest good checkpoint in the job's folder.

        Expected failures (non-finite loss, out of memory) are outcomes with a reason. Everything else raises, and the
        executor calls it a crash.
        """

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Predict the split with the final weights in the job's folder, by the job's evaluation setting.

        Raises MemoryShortageError where memory runs out.
        """

    def probe(self, job: Job) -> Probe:
        """Measure what a run of the setting would cost, by a few of its iterations in a folder of their own.

        Memory that runs out is no error but a `shortage`. Only `detstudy plan --forecast` asks for it.
        """
