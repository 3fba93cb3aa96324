"""A study's folder: what was planned, the data's description, and what happened in every run.

```
study.yaml            the study as it stands, overrides applied
planned.yaml          the study as it was planned when its first run started
data.json             fingerprint, classes, counts of images and objects by split
ground_truth/         validation.json (and test.json), COCO JSON
gallery/              some validation images, and index.json
runs/<run>/           run.json, curves.jsonl, checkpoints, weights, log.txt, result.json
runs/<run>/evaluations/<evaluation>/    predictions.json, matches.npz, result.json
```
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from detstudy.ledger.curve import CurveFile, read_curve
from detstudy.ledger.files import read_json, write_atomically, write_json
from detstudy.ledger.lease import Lease, is_lease_live
from detstudy.plan import Plan, PlannedRun, identify_evaluation, identify_training, plan_study
from detstudy.setting import Measure, Outcome, Setting, SplitName
from detstudy.spec import load_study
from detstudy.study import Study, StudyError

MAX_ATTEMPTS = 3
"""How often a training is tried before its crash stands."""


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
    state: Literal["planned", "running", "ended"]
    outcome: Outcome | None = None
    reason: str | None = None
    measures: dict[str, Measure] = field(default_factory=dict)
    per_class: dict[str, dict[str, float | None]] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    folder: Path
    evaluation_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryImage:
    """A validation image kept for the report. `scale` is stored pixels a pixel of the original."""

    image_id: int
    name: str
    path: Path
    scale: float


class Ledger:
    """The only writer of what happened in a study. Everything is files; nothing is cached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- the study ---------------------------------------------------------------------------------------------------

    def store_study(self, study: Study, data: dict[str, Any]) -> None:
        """Keep the study and its data's description: {"fingerprint", "classes", "splits", ...}.

        Until the first run starts the study is what is planned; from then on the plan is fixed.
        """
        if next(self.folder.glob("runs/*/run.json"), None) is None:
            write_atomically(self.folder / "planned.yaml", study.source.encode())
        write_atomically(self.folder / "study.yaml", study.source.encode())
        write_json(self.folder / "data.json", data)

    def load_study(self) -> Study:
        """Return the stored study. Raises StudyError where the folder holds none."""
        if not (self.folder / "study.yaml").exists():
            raise StudyError(f"{self.folder}: no study here (study.yaml is missing); give the folder of `detstudy run`")
        return load_study(self.folder / "study.yaml")

    def load_planned_study(self) -> Study | None:
        """Return the study as it was planned at the first run; None where that is missing or damaged."""
        try:
            return load_study(self.folder / "planned.yaml")
        except StudyError:
            return None

    def refuse_other_study(self, study: Study) -> None:
        """Raise StudyError where the folder holds a study of another name; one that is damaged may be replaced."""
        try:
            name = self.load_study().name
        except StudyError:
            return
        if name != study.name:
            raise StudyError(
                f"{self.folder}: holds the study {name}, not {study.name}; give another folder with --out, or the "
                "study file its former name"
            )

    def holds_data(self, fingerprint: str, splits: Iterable[SplitName]) -> bool:
        """Whether the data of that fingerprint is described here, with the ground truth of the splits."""
        try:
            same: bool = self.data["fingerprint"] == fingerprint
        except StudyError:
            return False
        return same and all(self.ground_truth_path(split).exists() for split in splits)

    @property
    def data(self) -> dict[str, Any]:
        """The data's description. Raises StudyError where the folder holds none."""
        value = read_json(self.folder / "data.json")
        if not isinstance(value, dict) or not isinstance(value.get("fingerprint"), str):
            raise StudyError(f"{self.folder / 'data.json'}: missing or damaged; `detstudy run` writes it again")
        return value

    def ground_truth_path(self, split: SplitName) -> Path:
        """Where the split's annotations are kept as COCO JSON."""
        return self.folder / "ground_truth" / f"{split}.json"

    def store_ground_truth(self, split: SplitName, ground_truth: dict[str, Any]) -> None:
        """Keep a split's annotations (COCO JSON)."""
        write_json(self.ground_truth_path(split), ground_truth)

    def store_gallery(self, images: list[tuple[int, str, float, bytes]]) -> None:
        """Keep validation images for the report: (image id, name, scale, JPEG bytes) each."""
        folder = self.folder / "gallery"
        index = []
        for number, (image_id, name, scale, content) in enumerate(images):
            file = f"{number:02d}.jpg"
            write_atomically(folder / file, content)
            index.append({"image_id": image_id, "name": name, "file": file, "scale": scale})
        write_json(folder / "index.json", index)

    def read_gallery(self) -> list[GalleryImage]:
        """Return the kept validation images; [] where there are none."""
        folder = self.folder / "gallery"
        return [
            GalleryImage(image_id=row["image_id"], name=row["name"], path=folder / row["file"], scale=row["scale"])
            for row in read_json(folder / "index.json") or []
        ]

    # -- runs --------------------------------------------------------------------------------------------------------

    def run_folder(self, run: PlannedRun) -> Path:
        """Where the run's training is kept; settings that differ only in evaluation share it."""
        return self.folder / "runs" / identify_training(run, self.data["fingerprint"])

    def evaluation_folder(self, run: PlannedRun, split: SplitName = "validation") -> Path:
        """Where the run's predictions on a split are kept."""
        suffix = "" if split == "validation" else f"--{split}"
        return self.run_folder(run) / "evaluations" / f"{identify_evaluation(run.setting)}{suffix}"

    @contextlib.contextmanager
    def claim(self, run: PlannedRun) -> Iterator[Path]:
        """Hold the run's folder against other workers. Raises LeaseHeldError."""
        folder = self.run_folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        with Lease(folder):
            yield folder

    def start_run(self, run: PlannedRun, provenance: dict[str, Any]) -> None:
        """Note where and with what a training starts or goes on."""
        folder = self.run_folder(run)
        before = read_json(folder / "run.json") or {}
        write_json(
            folder / "run.json",
            {
                "setting": dataclasses.asdict(run.setting),
                "seed": run.seed,
                "data_fingerprint": self.data["fingerprint"],
                "provenance": [*before.get("provenance", []), provenance],
            },
        )

    def open_curve(self, run: PlannedRun) -> CurveFile:
        """Return the run's curve to write."""
        return CurveFile(self.run_folder(run) / "curves.jsonl")

    def end_run(
        self,
        run: PlannedRun,
        outcome: Outcome,
        reason: str | None,
        measures: tuple[Measure, ...] = (),
        effective: dict[str, Any] | None = None,
    ) -> None:
        """Write how the training ended; last of all its files."""
        path = self.run_folder(run) / "result.json"
        content = {
            "outcome": outcome,
            "reason": reason,
            "attempts": count_attempts(path) + 1,
            "measures": [dataclasses.asdict(measure) for measure in measures],
            "effective": effective or {},
        }
        write_json(path, content)

    def end_evaluation(
        self,
        run: PlannedRun,
        split: SplitName,
        outcome: Outcome,
        reason: str | None,
        measures: tuple[Measure, ...] = (),
        per_class: dict[str, dict[str, float | None]] | None = None,
    ) -> None:
        """Write how the evaluation ended; last of all its files."""
        path = self.evaluation_folder(run, split) / "result.json"
        content = {
            "outcome": outcome,
            "reason": reason,
            "attempts": count_attempts(path) + 1,
            "measures": [dataclasses.asdict(measure) for measure in measures],
            "per_class": per_class or {},
        }
        write_json(path, content)

    def is_training_due(self, run: PlannedRun) -> bool:
        """Whether the run must be trained: it never ended, or crashed fewer than MAX_ATTEMPTS times."""
        return is_due(self.run_folder(run) / "result.json")

    def is_evaluation_due(self, run: PlannedRun, split: SplitName = "validation") -> bool:
        """Whether the run finished training and its predictions on the split are missing."""
        training = read_json(self.run_folder(run) / "result.json")
        finished = training is not None and training["outcome"] == "finished"
        return finished and is_due(self.evaluation_folder(run, split) / "result.json")

    def read_runs(self, plan: Plan | None = None, split: SplitName = "validation") -> list[RunRecord]:
        """Return what is known of every planned run, in the plan's order."""
        plan = plan or plan_study(self.load_study())
        return [self.read_run(plan, run, split) for run in plan.runs]

    def read_run(self, plan: Plan, run: PlannedRun, split: SplitName = "validation") -> RunRecord:
        """Return what is known of one planned run."""
        folder, evaluation_folder = self.run_folder(run), self.evaluation_folder(run, split)
        started = read_json(folder / "run.json")
        training = read_json(folder / "result.json")
        evaluation = read_json(evaluation_folder / "result.json")
        same = run.setting.evaluation == plan.settings[0].setting.evaluation
        results = [result for result in (training, evaluation) if result]
        state, outcome, reason = judge_run(folder, started, training, evaluation)
        return RunRecord(
            id=folder.name if same else f"{folder.name}/evaluations/{evaluation_folder.name}",
            setting_id=run.setting_id,
            setting=run.setting,
            levels=plan.setting(run.setting_id).levels,
            seed=run.seed,
            state=state,
            outcome=outcome,
            reason=reason,
            measures={row["name"]: Measure(**row) for result in results for row in result["measures"]},
            per_class=(evaluation or {}).get("per_class", {}),
            effective=(training or {}).get("effective", {}),
            provenance=((started or {}).get("provenance") or [{}])[-1],
            attempts=(training or {}).get("attempts", 0),
            folder=folder,
            evaluation_folder=evaluation_folder,
        )


def is_due(path: Path) -> bool:
    """Whether the result file is missing, or tells of a crash that may be tried again."""
    result = read_json(path)
    return result is None or (result["outcome"] == "crashed" and result["attempts"] < MAX_ATTEMPTS)


def count_attempts(path: Path) -> int:
    """Return how often the result file's work was ended before."""
    return int((read_json(path) or {}).get("attempts", 0))


def judge_run(
    folder: Path, started: dict[str, Any] | None, training: dict[str, Any] | None, evaluation: dict[str, Any] | None
) -> tuple[Literal["planned", "running", "ended"], Outcome | None, str | None]:
    """Return the state, outcome and reason of a run from its files."""
    if training and training["outcome"] != "finished":
        return "ended", training["outcome"], training["reason"]
    if training and evaluation:
        return "ended", evaluation["outcome"], evaluation["reason"]
    if is_lease_live(folder):
        return "running", None, None
    if training:
        return "planned", None, "trained; its evaluation is missing"
    if started is None:
        return "planned", None, None
    points = read_curve(folder / "curves.jsonl")
    at = f"at iteration {points[-1]['iteration']}" if points else "before its first point"
    return "ended", "interrupted", f"stopped {at}; `detstudy run` goes on from its checkpoint"
