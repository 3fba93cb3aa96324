"""What the files of a study's folder hold, and what they say together, as records that no longer change.

The first are written and read by `ledger.codec`: a type is the check of what is in its file, which another program
or a hand may have written. What has a default may be missing in a file of an older version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from detstudy.ledger.causes import Reason, Why
from detstudy.ledger.effective import Effective
from detstudy.study.hyperparameter import Part
from detstudy.study.setting import Measure, Outcome, Setting

FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,100}\Z")]
"""The name of a file in a folder, which can't lead out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitNote:
    """What a split of the data holds."""

    images: int
    objects: dict[str, int] = field(default_factory=dict)  # by class
    ignore: int = 0
    sequences: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultNote:
    """A fault of the data that was found when the study was prepared."""

    kind: str
    message: str
    where: str = ""
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDescription:
    """`data.json`: which data a study has. `files` are the checksums of the study's own files."""

    fingerprint: str
    classes: tuple[str, ...] = ()
    splits: dict[str, SplitNote] = field(default_factory=dict)
    format: str | None = None
    root: str | None = None
    faults: tuple[FaultNote, ...] = ()
    files: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and with what a run was made: what a reader needs to judge times and to repeat it."""

    started: str | None = None
    host: str | None = None
    cpu: str | None = None
    cores: int | None = None
    device: str | None = None
    gpu: str | None = None
    workers: int | None = None  # runs that shared the machine; times of shared machines are longer
    trainer: str | None = None
    python: str | None = None
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """`run.json`: what a training was started with, and where each time that it started or went on."""

    provenance: tuple[Provenance, ...]
    setting: dict[Part, dict[str, Any]] = field(default_factory=dict)
    seed: int = 0
    data_fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How a training or an evaluation ended; `effective` is what `read_effective` takes."""

    outcome: Outcome
    reason: Reason | str | None
    measures: tuple[Measure, ...]
    effective: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Attempt):
    """`result.json` of a training or an evaluation; files are noted with their checksums.

    `earlier` are a training's failed attempts; an evaluation's are only counted. Weights are noted apart from the other
    files, since reading them all takes a while.
    """

    attempts: int
    files: dict[FileName, str] = field(default_factory=dict)
    weights: dict[FileName, str] = field(default_factory=dict)
    earlier: tuple[Attempt, ...] = ()
    per_class: dict[str, dict[str, float | None]] = field(default_factory=dict)
    provenance: Provenance | None = None  # of an evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryRow:
    """A row of the gallery's index; its file lies in the gallery and nowhere else."""

    image_id: int
    name: str
    file: FileName
    scale: Annotated[float, Meta(gt=0, le=1)]
    sum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryIndex:
    """`gallery/index.json`."""

    images: tuple[GalleryRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A file of `sessions/`: how long a driver has worked on the study."""

    seconds: Annotated[float, Meta(gt=0)]


# -- what they say  --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is known of one run (a setting with a seed), its training and its evaluation together.

    `measures` hold what was measured by flat name (box/AP, train/seconds, ...). `evaluation_folder` holds
    predictions.json and matches.npz where the run finished.
    """

    id: str
    setting_id: str
    setting: Setting
    levels: dict[str, Any]
    seed: int
    step: int = 0  # of the plan: how often the design had seen results when it asked for the run
    state: Literal["planned", "running", "ended"]
    outcome: Outcome | None = None
    reason: Why | None = None
    measures: dict[str, Measure] = field(default_factory=dict)
    per_class: dict[str, dict[str, float | None]] = field(default_factory=dict)
    effective: Effective = field(default_factory=Effective)
    provenance: Provenance = field(default_factory=Provenance)
    evaluation_provenance: Provenance | None = None  # version 0.1 noted none
    attempts: int = 0
    again: bool = False  # whether it failed and `detstudy run` tries it again, or goes on with it
    earlier: tuple[Attempt, ...] = ()  # failed ones, first to last
    folder: Path
    evaluation_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryImage:
    """A validation image kept for the report. `scale` is stored pixels a pixel of the original."""

    image_id: int
    name: str
    path: Path
    scale: float
