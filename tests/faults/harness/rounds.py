"""A round: a study, a fault at a random moment, a rerun, and what is lost, which must be nothing."""

from __future__ import annotations

import random
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from detstudy.ledger import Ledger
from detstudy.ledger.causes import CurveDamaged
from detstudy.testing import draw_tiny_data, write_tiny_study
from harness.facts import (
    describe_results,
    find_differences,
    find_leftovers,
    find_repetitions,
    hash_finished,
)
from harness.faults import KINDS, Aftermath, SkippedError, compare_finished, expect_status
from harness.scene import (
    STEPPING,
    Scene,
    count_points,
    end_scene,
    find_processes,
    make_scene,
    read_printed,
    start_driver,
    wait_until_quiet,
)

REAL = "detstudy.trainers.torchvision.trainer:TorchvisionTrainer"
STEPPING_STUDY = {
    "baseline": {"learning_rate": 0.004, "batch_size": 4, "iterations": 20},
    "factors": {"learning_rate": [0.04], "box_score_threshold": [0.3]},
    "baseline_seeds": [0, 1],
    "gallery_images": 1,
}
REAL_STUDY = {
    "baseline": {
        "learning_rate": 0.002,
        "batch_size": 2,
        "iterations": 8,
        "optimizer": "adamw",
        "rpn_pre_nms_top_n_train": 20,
        "rpn_post_nms_top_n_train": 16,
        "rpn_pre_nms_top_n_test": 20,
        "rpn_post_nms_top_n_test": 16,
        "box_batch_size_per_image": 16,
    },
    "factors": {"learning_rate": [0.01]},
    "baseline_seeds": [0],
    "monitoring": {"log_every": 1, "checkpoint_every": 2, "validate_every": 4},
    "gallery_images": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What rounds start from: a study file, and the same study run once without faults."""

    study: Path
    reference: Path
    trainer: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How a round ended; `lost` says what was lost or done wrong, `skipped` why it was not played."""

    kind: str
    seed: int
    seconds: float
    lost: tuple[str, ...] = ()
    skipped: str | None = None


def prepare_grounds(folder: Path, *, real: bool = False) -> Grounds:
    """Draw data, write a study of short runs and run it once without faults; `real` trains the compact detector."""
    folder.mkdir(parents=True)
    data = draw_tiny_data(folder / "data")
    study = write_tiny_study(folder, data, **(REAL_STUDY if real else STEPPING_STUDY))
    scene = make_scene(folder / "scene", study, random.Random(0), trainer=REAL if real else STEPPING)
    try:
        complaints = expect_status(scene, start_driver(scene), {0}).complaints
    finally:
        end_scene(scene)
    complaints += tuple(find_leftovers(scene.out))
    if complaints:
        raise RuntimeError("; ".join(complaints))
    return Grounds(study=study, reference=scene.out, trainer=scene.trainer, points=count_points(scene))


def play_round(kind: str, seed: int, grounds: Grounds, folder: Path) -> Round:
    """Play a round in a fresh folder, which is removed unless something was lost."""
    began = time.monotonic()
    generator = random.Random(f"{kind} {seed}")
    scene = make_scene(folder, grounds.study, generator, trainer=grounds.trainer, points=grounds.points)
    skipped = None
    try:
        lost = [*find_losses(scene, grounds, KINDS[kind](scene, grounds.reference))]
    except SkippedError as error:
        lost, skipped = [], str(error)
    except Exception:
        lost = [f"the round itself broke: {traceback.format_exc()}"]
    finally:
        end_scene(scene)
    if not lost:
        shutil.rmtree(folder)
    return Round(kind=kind, seed=seed, seconds=time.monotonic() - began, lost=tuple(lost), skipped=skipped)


def find_losses(scene: Scene, grounds: Grounds, aftermath: Aftermath) -> list[str]:
    """Run the study to its end and return all that is not as if nothing had happened."""
    lost = [*aftermath.complaints]
    if not aftermath.busy:
        wait_until_quiet(scene)
        lost += [f"a process is left: {process}" for process in find_processes(scene)]
    finished = hash_finished(scene.out)
    if aftermath.damaged is not None:  # what stands beside a damaged file may be written again with it
        before = hash_finished(grounds.reference)
        finished = {path: value for path, value in before.items() if Path(path).parent != aftermath.damaged.parent}
    lost += expect_status(scene, start_driver(scene, **aftermath.rerun), {0}).complaints
    wait_until_quiet(scene)
    lost += [f"a process is left after the rerun: {process}" for process in find_processes(scene)]
    lost += find_leftovers(scene.out)
    lost += find_repetitions(scene.out)
    lost += compare_finished(finished, hash_finished(scene.out))
    expected, found = describe_results(grounds.reference), describe_results(scene.out)
    named = find_named(scene, aftermath.damaged)
    if named is not None:
        expected[named] = found[named]
    return lost + find_differences(expected, found, "unlike the study without faults")


def find_named(scene: Scene, damaged: Path | None) -> str | None:
    """Return the run that says of itself that this file of it is damaged: all that can be done without training it."""
    if damaged is None:
        return None
    if damaged.name.startswith("weights."):
        named = damaged.name in read_printed(scene, scene.drivers[-1]).replace("\n", "")
        return damaged.parent.name if named else None
    if damaged.name != "curves.jsonl":
        return None
    runs = [record for record in Ledger(scene.out).read_runs() if record.folder.name == damaged.parent.name]
    return damaged.parent.name if all(isinstance(record.reason, CurveDamaged) for record in runs) else None
