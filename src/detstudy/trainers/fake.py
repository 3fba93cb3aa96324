"""A trainer that trains nothing: its results depend on the setting and the seed as a real detector's would."""

from __future__ import annotations

import dataclasses
import math
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from detstudy.data import ImageRecord
from detstudy.numbers import format_size
from detstudy.study.hyperparameter import Hyperparameter
from detstudy.study.setting import Measure, Setting, SplitName
from detstudy.trainers.contract import (
    MOST_PROPOSALS,
    Job,
    Predicted,
    Prediction,
    Probe,
    RefusedError,
    Trained,
    choose_micro_batch,
    describe_accumulation,
)
from detstudy.trainers.torchvision.hyperparameters import HYPERPARAMETERS, find_contradictions
from detstudy.trainers.torchvision.schedule import compute_multiplier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


ANCHORS = {"P3": 960, "P4": 240, "P5": 60}
"""By feature level: six a cell of images of 160 by 64 pixels."""

IMAGE_BYTES = 2**28
TOO_MANY_IMAGES = 16
"""What an image at once takes, and how many of them no machine has room for."""


class FakeTrainer:
    """Follows the `Trainer` protocol without torch, in milliseconds.

    Its quality peaks at a learning rate of 0.004 and grows with the RPN's top-k; seeds scatter around it. A learning
    rate of 1 or more diverges. Each image at once takes 256 MiB: beyond the study's limit, and with 16 or more at once,
    memory runs out. Predictions are the ground truth, moved, missed and joined by false positives the more the worse
    the quality. Its proposals come from three levels with few anchors, and the more of them enter NMS at test time, the
    more objects they cover. It leaves a file of weights and resumes from a checkpoint as a real trainer does.
    `seconds_per_iteration` makes it slow.
    """

    # It takes studies of the torchvision trainer as they are.
    hyperparameters: Sequence[Hyperparameter] = HYPERPARAMETERS
    seconds_per_iteration = 0.0

    def check(self, setting: Setting) -> Mapping[str, str]:
        """Refuse what that trainer refuses."""
        return find_contradictions(setting)

    def prepare(self, setting: Setting) -> None:
        """Accept every setting."""

    def train(self, job: Job) -> Trained:
        """Write a curve of falling losses, going on from the checkpoint."""
        setting = job.setting
        checkpoint = job.folder / "checkpoint.txt"
        start = int(checkpoint.read_text()) if checkpoint.exists() else 0
        job.curve.rewind(start)
        micro = choose_micro_batch(setting, job.largest_micro_batch)
        shortage = _find_shortage(job, micro)
        if shortage is not None:
            limit = {"limit_memory_bytes": job.memory_limit} if micro < TOO_MANY_IMAGES else {}
            return Trained(outcome="out_of_memory", reason=shortage, effective=limit)
        split = {}
        if micro < setting["batch_size"]:
            differs = "samples are drawn in another order and images padded by micro-batch"
            accumulation = describe_accumulation(setting["batch_size"], micro)
            split = {"accumulation": accumulation, "accumulation_differs": differs}
        every = job.monitoring.log_every
        for iteration in range(start + 1, setting["iterations"] + 1):
            time.sleep(self.seconds_per_iteration)
            job.heartbeat()
            if setting["learning_rate"] >= 1 and iteration >= 3:
                reason = f"loss was nan at iteration {iteration} (learning rate {setting['learning_rate']:g})"
                return Trained(outcome="diverged", reason=reason)
            if iteration % every == 0 or iteration == setting["iterations"]:
                job.curve.append(self._make_point(job, iteration))
            if iteration % job.monitoring.checkpoint_every == 0:
                unfinished = job.folder / "checkpoint.part"
                unfinished.write_text(str(iteration))
                unfinished.replace(checkpoint)
        (job.folder / "weights.txt").write_text(f"{_rate_quality(job.setting, job.seed):.6f}")
        checkpoint.unlink(missing_ok=True)
        entered, survived = _count_proposals(setting["rpn_pre_nms_top_n_train"])
        seconds = (0.16 + sum(entered) * 1e-5) * setting["iterations"] * setting["batch_size"] / 4
        return Trained(
            outcome="finished",
            measures=(
                Measure(name="train/seconds", value=seconds, unit="s"),
                Measure(name="train/peak_memory_bytes", value=float(IMAGE_BYTES * micro), unit="bytes"),
            ),
            effective={
                "learning_rate_first": setting["learning_rate"] * setting["warmup_factor"],
                "learning_rate_max": setting["learning_rate"],
                "learning_rate_last": setting["learning_rate"] * compute_multiplier(setting, setting["iterations"] - 1),
                "optimizer_steps": setting["iterations"],
                "images_seen": setting["iterations"] * setting["batch_size"],
                "micro_batch_size": micro,
                **split,
                "precision": setting["precision"],
                "proposals_entered": sum(entered),
                "proposals_survived": sum(survived),
                "proposals_kept": min(sum(survived), float(setting["rpn_post_nms_top_n_train"])),
                "feature_levels": list(ANCHORS),
                "proposals_entered_per_level": entered,
                "proposals_survived_per_level": survived,
                "anchors_per_level": [float(anchors) for anchors in ANCHORS.values()],
            },
        )

    def predict(self, job: Job, split: SplitName) -> Predicted:
        """Return damaged ground truth; raises FileNotFoundError without weights."""
        import numpy as np

        setting = job.setting
        trained = float((job.folder / "weights.txt").read_text())
        quality = trained * min(1.0, setting["rpn_pre_nms_top_n_test"] / 1000) ** 0.1
        dataset = job.data()
        rng = np.random.default_rng([job.seed, zlib.crc32(_describe(job.setting).encode())])
        predictions = []
        for record in dataset.splits[split]:
            predictions += _damage_image(record, quality, dataset.category_ids, rng)
        entered, survived = _count_proposals(setting["rpn_pre_nms_top_n_test"])
        kept = min(int(sum(survived)), setting["rpn_post_nms_top_n_test"])
        per_level = {
            "anchors": [float(anchors) for anchors in ANCHORS.values()],
            "proposals_entered": entered,
            "proposals_survived": survived,
        }
        return Predicted(
            predictions=[line for line in predictions if line["score"] >= setting["box_score_threshold"]],
            proposals={record.id: _propose_boxes(record, trained, kept, job.seed) for record in dataset.splits[split]},
            measures=(
                Measure(name="test/seconds_per_image", value=0.01 + sum(entered) * 1e-6, unit="s"),
                Measure(name="test/proposals_entered", value=sum(entered), unit="count"),
                Measure(name="test/proposals_survived", value=sum(survived), unit="count"),
                Measure(name="test/proposals_kept", value=float(kept), unit="count"),
                *(
                    Measure(name=f"test/{name}_{level}", value=value, unit="count")
                    for name, values in per_level.items()
                    for level, value in zip(ANCHORS, values, strict=True)
                ),
            ),
        )

    def probe(self, job: Job) -> Probe:
        """Return what its runs take; memory runs out as in training."""
        setting = job.setting
        micro = choose_micro_batch(setting, job.largest_micro_batch)
        shortage = _find_shortage(job, micro)
        if shortage is not None:
            return Probe(shortage=shortage)
        seconds = self.seconds_per_iteration or 0.001
        return Probe(
            iteration_seconds=(0.9 * seconds, seconds),
            crowded_seconds=(seconds, 1.2 * seconds),
            validation_seconds=0.001,
            peak_memory_bytes=IMAGE_BYTES * micro,
        )

    def _make_point(self, job: Job, iteration: int) -> dict[str, object]:
        setting = job.setting
        entered, survived = _count_proposals(setting["rpn_pre_nms_top_n_train"])
        loss = 3 * math.exp(-2 * _rate_quality(job.setting, job.seed) * iteration / setting["iterations"])
        return {
            "kind": "train",
            "iteration": iteration,
            "images": iteration * setting["batch_size"],
            "seconds": 0.17 * iteration,
            "data_seconds": 0.01 * iteration,
            "images_per_second": setting["batch_size"] / 0.17,
            "learning_rate": setting["learning_rate"],
            "loss": loss,
            "losses": {"loss_classifier": loss / 2, "loss_mask": loss / 2},
            "memory_bytes": IMAGE_BYTES * choose_micro_batch(setting, job.largest_micro_batch),
            "proposals_entered": sum(entered),
            "proposals_survived": sum(survived),
        }


class HangingFakeTrainer(FakeTrainer):
    """A fake that stops doing anything at its seventh iteration, the first time in a folder."""

    def train(self, job: Job) -> Trained:
        """Train as the fake does; a file in the folder tells that it hung before."""
        hung = job.folder / "hung.txt"
        iterations = 0

        def heartbeat() -> None:
            nonlocal iterations
            job.heartbeat()
            iterations += 1
            if iterations == 7 and not hung.exists():
                hung.touch()
                time.sleep(600)

        return super().train(dataclasses.replace(job, heartbeat=heartbeat))


class RefusingFakeTrainer(FakeTrainer):
    """A fake that can train nothing here."""

    def prepare(self, setting: Setting) -> None:
        """Refuse every setting."""
        raise RefusedError(f"learning rate {setting['learning_rate']:g} can't be trained here")


class SlowFakeTrainer(FakeTrainer):
    """A fake that takes its time, so that a test can stop it in the middle."""

    seconds_per_iteration = 0.02


def _rate_quality(setting: Setting, seed: int) -> float:
    """Return 0 (useless) to 1 (perfect)."""
    distance = abs(math.log10(setting["learning_rate"] / 0.004))
    top_k = 1 - 0.3 * math.exp(-setting["rpn_pre_nms_top_n_train"] / 500)
    scatter = (zlib.crc32(f"{_describe(setting)}{seed}".encode()) % 1000 / 1000 - 0.5) * 0.04
    return min(1.0, max(0.02, 0.8 * math.exp(-(distance**2)) * top_k + scatter))


def _describe(setting: Setting) -> str:
    """Return the training's hyperparameters as text: what noise is drawn from."""
    return f"TrainingSetting({', '.join(f'{name}={value!r}' for name, value in setting.part('training').items())})"


def _find_shortage(job: Job, micro: int) -> str | None:
    """Return why so many images at once do not fit into memory; None where they do."""
    batch = f"batch of {job.setting['batch_size']}"
    if micro >= TOO_MANY_IMAGES:
        return f"out of memory at 11.2 GiB, {batch}"
    if job.memory_limit is not None and micro * IMAGE_BYTES > job.memory_limit:
        need, limit = format_size(micro * IMAGE_BYTES), format_size(job.memory_limit)
        return f"out of memory at {need} (limit {limit}), {batch}"
    return None


def _count_proposals(top_k: int) -> tuple[list[float], list[float]]:
    """Return the proposals of an image that enter and survive NMS at each level; the more enter, the more overlap."""
    entered = [float(min(top_k, anchors)) for anchors in ANCHORS.values()]
    return entered, [float(math.ceil(count**0.8)) for count in entered]


def _propose_boxes(record: ImageRecord, quality: float, kept: int, seed: int) -> NDArray[np.float32]:
    """Return the first boxes of a list that does not depend on their number: each a random one or near an object."""
    import numpy as np

    rng = np.random.default_rng([seed, record.id])
    corners = rng.uniform(0, (record.width, record.height), (MOST_PROPOSALS, 2))
    boxes = np.concatenate([corners, rng.uniform(8, 60, (MOST_PROPOSALS, 2))], axis=1)
    known = np.array([annotation.box for annotation in record.annotations if not annotation.crowd])
    if len(known):
        near = known[rng.integers(len(known), size=MOST_PROPOSALS)]
        moved = near + rng.normal(0, 0.3 * (1.2 - quality), near.shape) * near[:, [2, 3, 2, 3]]
        boxes = np.where(rng.random((MOST_PROPOSALS, 1)) < 0.1, moved, boxes)
    return boxes[:kept].clip(min=0).astype(np.float32)


def _damage_image(
    record: ImageRecord, quality: float, category_ids: tuple[int, ...], rng: np.random.Generator
) -> list[Prediction]:
    from detstudy.data import decode_masks, encode_mask

    predictions: list[Prediction] = []
    for annotation in record.annotations:
        if annotation.crowd:
            continue
        found, shift, score = rng.random(), rng.normal(0, 0.25, 2), rng.random()
        if found > quality:
            continue
        x, y, width, height = annotation.box
        dx, dy = (round(s * (1 - quality) * side) for s, side in zip(shift, (width, height), strict=True))
        mask = decode_masks([annotation], record.height, record.width)[0]
        moved = _shift_mask(mask, dx, dy)
        predictions.append(
            {
                "image_id": record.id,
                "category_id": category_ids[annotation.class_index],
                "bbox": [x + dx, y + dy, width, height],
                "score": 0.5 + 0.5 * score * quality,
                "segmentation": _name_rle(encode_mask(moved)),
            }
        )
    for _ in range(int(rng.poisson(1.5 * (1 - quality)))):
        width, height = rng.uniform(8, 40, 2)
        x, y = rng.uniform(0, max(1, record.width - width)), rng.uniform(0, max(1, record.height - height))
        predictions.append(
            {
                "image_id": record.id,
                "category_id": int(rng.choice(category_ids)),
                "bbox": [float(x), float(y), float(width), float(height)],
                "score": float(rng.uniform(0.05, 0.9)),
                "segmentation": _name_rle(encode_mask(_draw_box(record, x, y, width, height))),
            }
        )
    return predictions


def _shift_mask(mask: np.ndarray, dx: int, dy: int) -> np.ndarray:
    import numpy as np

    moved = np.zeros_like(mask)
    height, width = mask.shape
    source = mask[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    moved[max(0, dy) : max(0, dy) + source.shape[0], max(0, dx) : max(0, dx) + source.shape[1]] = source
    return moved


def _draw_box(record: ImageRecord, x: float, y: float, width: float, height: float) -> np.ndarray:
    import numpy as np

    mask = np.zeros((record.height, record.width), np.uint8)
    mask[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1] = 1
    return mask


def _name_rle(rle: object) -> dict[str, object]:
    return {"size": [rle.height, rle.width], "counts": rle.counts.decode()}  # type: ignore[attr-defined]
