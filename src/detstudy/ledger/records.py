"""What a study's folder tells, as records that no longer change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from detstudy.ledger.causes import Reason
from detstudy.study.setting import Measure, Outcome, Setting


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
    reason: Reason | str | None = None  # a text is the trainer's own, or one of version 0.1
    measures: dict[str, Measure] = field(default_factory=dict)
    per_class: dict[str, dict[str, float | None]] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    evaluation_provenance: dict[str, Any] | None = None  # version 0.1 noted none
    attempts: int = 0
    again: bool = False  # whether it failed and `detstudy run` tries it again, or goes on with it
    earlier: tuple[dict[str, Any], ...] = ()  # failed attempts: outcome, reason, measures, effective
    folder: Path
    evaluation_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryImage:
    """A validation image kept for the report. `scale` is stored pixels a pixel of the original."""

    image_id: int
    name: str
    path: Path
    scale: float
