"""A study's folder: what was planned, the data's description, and what happened in every run.

```
study.yaml            the study as it is now, overrides applied
planned.yaml          the study as it was planned when its first run started
plan.json             the settings and runs that the study's design began with; planned.json: those of planned.yaml
decisions/            what the design asked for later, a file each
openings/             when the test split was looked at, by whom and for which settings, a file each
hyperparameters.json  what somebody's own trainer declares, by trainer
data.json             fingerprint, classes, counts of images and objects by split
ground_truth/         validation.json (and test.json), COCO JSON
gallery/              some validation images, and index.json
records/              <data's fingerprint>.msgpack, the data's records for workers, which read no annotations
sessions/             a file for each driver: the seconds that it has worked on the study
runs/<run>/           run.json, curves.jsonl, checkpoints, weights, log.txt, result.json; while at work lease.json
runs/<run>/evaluations/<evaluation>/    predictions.json, matches.npz, result.json
report.html, report.md, report_files/   the report, made of all this
```
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from detstudy.ledger.attempts import (
    find_largest_micro_batch,
    list_attempts,
    list_shortages,
    may_evaluate_again,
    may_try_again,
)
from detstudy.ledger.causes import Reason
from detstudy.ledger.codec import read_record, write_record
from detstudy.ledger.curve import CurveFile
from detstudy.ledger.effective import Effective, read_effective
from detstudy.ledger.files import (
    remove_dead_temporaries,
    remove_temporaries,
    sum_bytes,
    sum_file,
    write_atomically,
)
from detstudy.ledger.gallery import holds_gallery, read_gallery, store_gallery
from detstudy.ledger.lease import Lease
from detstudy.ledger.openings import OPENINGS
from detstudy.ledger.plans import DECISIONS, ask_plan, load_plan, store_plan
from detstudy.ledger.records import Attempt, DataDescription, GalleryImage, Provenance, Result, RunRecord, StartedRun
from detstudy.ledger.results import (
    describe_ending,
    judge_run,
    list_unlike,
    read_result,
    sum_files,
)
from detstudy.ledger.trainers import load_stored_study, store_trainer
from detstudy.plan import Plan, PlannedRun, identify_evaluation, identify_training
from detstudy.study.setting import Measure, Outcome, SplitName
from detstudy.study.study import Study, StudyError

EVALUATION_FILES = ("predictions.json", "matches.npz")

SHARED_FOLDERS = ("ground_truth", "gallery", "sessions", "records", DECISIONS, OPENINGS)
"""The parts of a study that any driver may write to, beside its runs."""


def refuse_link(path: Path) -> None:
    """Raise StudyError where a link, or a pipe, is in place of a file or a folder that may be written to."""
    if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
        raise StudyError(
            f"{path}: is a link or a pipe, and nothing is written into one; put a copy there, or remove it"
        )


class Ledger:
    """The only writer of what happened in a study. All is files; nothing is cached but the data's fingerprint."""

    def __init__(self, folder: Path, study: Study | None = None) -> None:
        """`study` is what counts in place of the one stored in the folder, as the study file says it now."""
        self.folder = folder
        self._study = study
        self._fingerprint: tuple[tuple[int, int, int], str] | None = None  # of which state of data.json, and the value

    # -- the study ---------------------------------------------------------------------------------------------------

    def store_study(self, study: Study, data: DataDescription) -> None:
        """Keep the study and its data's description.

        Until the first run starts the study is what is planned; from then on the plan is fixed. Files that are as they
        should be are not written again: another driver's workers may be reading them.
        """
        for folder in (self.folder, *(self.folder / name for name in SHARED_FOLDERS)):
            remove_dead_temporaries(folder)
        store_trainer(self.folder, study.trainer)
        source = study.source.encode()
        before = self._read_description()
        noted = before.files.get("planned.yaml") if before else None
        planned = noted or sum_file(self.folder / "planned.yaml")
        fresh = next(self.folder.glob("runs/*/run.json"), None) is None
        if fresh or planned == sum_bytes(source) != sum_file(self.folder / "planned.yaml"):
            write_atomically(self.folder / "planned.yaml", source)
            planned = sum_bytes(source)
        described = dataclasses.replace(data, files={"study.yaml": sum_bytes(source), "planned.yaml": planned})
        if described != before:
            write_record(self.folder / "data.json", described)
        store_plan(self.folder, study, sum_bytes(source), planned)
        if sum_file(self.folder / "study.yaml") != sum_bytes(source):
            write_atomically(self.folder / "study.yaml", source)

    def load_study(self) -> Study:
        """Return the stored study. Raises StudyError where the folder holds none, or a damaged one."""
        if self._study is not None:
            return self._study
        path = self.folder / "study.yaml"
        if not path.is_file():
            raise StudyError(f"{self.folder}: no study here (study.yaml is missing); give the folder of `detstudy run`")
        remedy = "`detstudy run` with the study file writes it again"
        for seconds in (0.1, 0.2, 0.4, None):  # another driver may be writing data.json and study.yaml just now
            try:
                study = load_stored_study(path)
            except StudyError as error:
                raise StudyError(f"{error}\n{path}: {remedy}") from None
            if self._is_as_written("study.yaml"):
                return study
            if seconds is not None:
                time.sleep(seconds)
        raise StudyError(f"{path}: is not as it was written (cut off or edited); {remedy}")

    def load_planned_study(self) -> Study | None:
        """Return the study as it was planned at the first run; None where that is missing or damaged."""
        path = self.folder / "planned.yaml"
        try:
            planned = load_stored_study(path) if path.is_file() else None
        except StudyError:
            return None
        return planned if self._is_as_written("planned.yaml") else None

    def load_plan(self) -> Plan:
        """Return the plan of all that the design has asked for so far. Raises StudyError as `load_study` does."""
        if self._study is not None:
            return ask_plan(self.folder, self._study)
        return load_plan(self.folder, self.load_study())

    def _is_as_written(self, name: str) -> bool:
        """Whether a file of the study has the checksum that the data's description notes; true where it notes none."""
        described = self._read_description()
        return described is None or described.files.get(name) in (None, sum_file(self.folder / name))

    def _read_description(self) -> DataDescription | None:
        return read_record(self.folder / "data.json", DataDescription)

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

    def refuse_links(self) -> None:
        """Raise StudyError where a part of the study is a link: what is written there would land wherever it leads.

        The study's folder itself, and `runs`, may be links.
        """
        for name in SHARED_FOLDERS:
            refuse_link(self.folder / name)

    def holds_data(self, fingerprint: str, splits: Iterable[SplitName]) -> bool:
        """Whether the data of that fingerprint is described here, with undamaged ground truth of the splits."""
        try:
            same = self.fingerprint == fingerprint
        except StudyError:
            return False
        return (
            same
            and all(read_record(self.ground_truth_path(split), dict) is not None for split in splits)
            and holds_gallery(self.folder / "gallery")
        )

    @property
    def data(self) -> DataDescription:
        """The data's description. Raises StudyError where the folder holds none."""
        value = self._read_description()
        if value is None:
            raise StudyError(f"{self.folder / 'data.json'}: missing or damaged; `detstudy run` writes it again")
        return value

    @property
    def fingerprint(self) -> str:
        """The data's fingerprint, which every run's folder is named by: read again only where data.json was written.

        Raises StudyError where the folder holds none.
        """
        try:
            state = (self.folder / "data.json").stat()
        except OSError:
            return self.data.fingerprint
        signature = state.st_ino, state.st_mtime_ns, state.st_size
        if self._fingerprint is None or self._fingerprint[0] != signature:
            self._fingerprint = signature, self.data.fingerprint
        return self._fingerprint[1]

    @property
    def records_path(self) -> Path:
        """Where the records of the data are, for trainers to read. Raises StudyError where the folder holds no data."""
        return self.folder / "records" / f"{self.fingerprint}.msgpack"

    def ground_truth_path(self, split: SplitName) -> Path:
        """Where the split's annotations are kept as COCO JSON."""
        return self.folder / "ground_truth" / f"{split}.json"

    def store_ground_truth(self, split: SplitName, ground_truth: dict[str, Any]) -> None:
        """Keep a split's annotations (COCO JSON)."""
        write_record(self.ground_truth_path(split), ground_truth)

    def store_gallery(self, images: list[tuple[int, str, float, bytes]]) -> None:
        """Keep validation images for the report: (image id, name, scale, JPEG bytes) each."""
        store_gallery(self.folder / "gallery", images)

    def read_gallery(self) -> list[GalleryImage]:
        """Return the kept validation images; [] where there are none. Damaged ones are left out."""
        return read_gallery(self.folder / "gallery")

    # -- runs --------------------------------------------------------------------------------------------------------

    def run_folder(self, run: PlannedRun) -> Path:
        """Where the run's training is kept; settings that differ only in evaluation share it."""
        return self.folder / "runs" / identify_training(run, self.fingerprint)

    def make_run_folder(self, run: PlannedRun) -> Path:
        """Make the run's folder where it is missing, and return it.

        Raises StudyError where the folder is a link or holds one, or a pipe: a study that was copied from elsewhere
        would have its runs written wherever that leads. The study's folder itself, and `runs`, may be links.
        """
        folder = self.run_folder(run)
        for path in (folder, *folder.rglob("*")):
            refuse_link(path)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def evaluation_folder(self, run: PlannedRun, split: SplitName = "validation") -> Path:
        """Where the run's predictions on a split are kept."""
        suffix = "" if split == "validation" else f"--{split}"
        return self.run_folder(run) / "evaluations" / f"{identify_evaluation(run.setting)}{suffix}"

    @contextlib.contextmanager
    def claim(self, run: PlannedRun) -> Iterator[Path]:
        """Hold the run's folder against other workers. Raises LeaseHeldError, and StudyError as `make_run_folder`."""
        folder = self.make_run_folder(run)
        with Lease(folder):
            remove_temporaries(folder)
            yield folder

    def start_run(self, run: PlannedRun, provenance: Provenance) -> None:
        """Note where and with what a training starts or goes on."""
        folder = self.run_folder(run)
        before = read_record(folder / "run.json", StartedRun)
        started = StartedRun(
            setting=run.setting.list_parts(),
            seed=run.seed,
            data_fingerprint=self.fingerprint,
            provenance=(*(before.provenance if before else ()), provenance),
        )
        write_record(folder / "run.json", started)

    def open_curve(self, run: PlannedRun) -> CurveFile:
        """Return the run's curve to write."""
        return CurveFile(self.run_folder(run) / "curves.jsonl")

    def end_run(
        self,
        run: PlannedRun,
        outcome: Outcome,
        reason: Reason | str | None,
        measures: tuple[Measure, ...] = (),
        effective: Effective | None = None,
    ) -> None:
        """Write how the training ended; last of all its files."""
        path = self.run_folder(run) / "result.json"
        before = read_result(path)
        content = describe_ending(path, outcome, reason, measures, effective, ("curves.jsonl",))
        weights = sum_files(path.parent, (each.name for each in path.parent.glob("weights.*")))
        earlier = list_attempts(before) if before else ()
        write_record(path, dataclasses.replace(content, weights=weights, earlier=earlier))

    def end_evaluation(
        self,
        run: PlannedRun,
        split: SplitName,
        outcome: Outcome,
        reason: Reason | str | None,
        measures: tuple[Measure, ...] = (),
        per_class: dict[str, dict[str, float | None]] | None = None,
        effective: Effective | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        """Write how the evaluation ended, and where it was made; last of all its files."""
        path = self.evaluation_folder(run, split) / "result.json"
        content = describe_ending(path, outcome, reason, measures, effective, EVALUATION_FILES)
        write_record(path, dataclasses.replace(content, per_class=per_class or {}, provenance=provenance))

    def is_training_due(self, run: PlannedRun) -> bool:
        """Whether the run must be trained: it never ended, or failed in a way that is to be tried again."""
        result = self._read_training(run)
        return result is None or may_try_again(result, self.load_study)

    def list_damaged_weights(self, plan: Plan) -> list[Path]:
        """Return the weights of ended trainings that are missing, or not as they were written. Reads all of them."""
        folders = dict.fromkeys(self.run_folder(run) for run in plan.runs)
        return [folder / name for folder in folders for name in list_unlike(folder / "result.json", "weights")]

    def list_shortages(self, run: PlannedRun) -> list[Attempt]:
        """Return the run's attempts that ran out of memory, first to last, without those at a limit that has risen."""
        result = self._read_training(run)
        return list_shortages(result, self.load_study) if result else []

    def find_largest_micro_batch(self, run: PlannedRun) -> int | None:
        """Return how many images may go through at once, since more ran out of memory; None where all may."""
        result = self._read_training(run)
        return find_largest_micro_batch(result, self.load_study) if result else None

    def is_evaluation_due(self, run: PlannedRun, split: SplitName = "validation") -> bool:
        """Whether the run finished training and its predictions on the split are missing or damaged."""
        training = self._read_training(run)
        if training is None or training.outcome != "finished":
            return False
        path = self.evaluation_folder(run, split) / "result.json"
        result = read_result(path)
        return result is None or may_evaluate_again(result, self.load_study) or bool(list_unlike(path))

    def _read_training(self, run: PlannedRun) -> Result | None:
        return read_result(self.run_folder(run) / "result.json")

    def read_runs(self, plan: Plan | None = None, split: SplitName = "validation") -> list[RunRecord]:
        """Return what is known of every planned run, in the plan's order."""
        plan = plan or self.load_plan()
        return [self.read_run(plan, run, split) for run in plan.runs]

    def read_run(self, plan: Plan, run: PlannedRun, split: SplitName = "validation") -> RunRecord:
        """Return what is known of one planned run."""
        folder, evaluation_folder = self.run_folder(run), self.evaluation_folder(run, split)
        started = read_record(folder / "run.json", StartedRun)
        training = self._read_training(run)
        evaluation = read_result(evaluation_folder / "result.json")
        same = run.setting.part("evaluation") == plan.settings[0].setting.part("evaluation")
        results = [result for result in (training, evaluation) if result]
        state, outcome, reason = judge_run(folder, evaluation_folder, started is not None, training, evaluation)
        failed = state == "ended" and outcome != "finished"
        return RunRecord(
            id=folder.name if same else f"{folder.name}/evaluations/{evaluation_folder.name}",
            setting_id=run.setting_id,
            setting=run.setting,
            levels=plan.setting(run.setting_id).levels,
            seed=run.seed,
            step=run.step,
            state=state,
            outcome=outcome,
            reason=reason,
            measures={measure.name: measure for result in results for measure in result.measures},
            per_class=evaluation.per_class if evaluation else {},
            effective=read_effective(training.effective if training else {}),
            provenance=started.provenance[-1] if started and started.provenance else Provenance(),
            evaluation_provenance=evaluation.provenance if evaluation else None,
            attempts=training.attempts if training else 0,
            again=failed and (self.is_training_due(run) or self.is_evaluation_due(run, split)),
            earlier=training.earlier if training else (),
            folder=folder,
            evaluation_folder=evaluation_folder,
        )
