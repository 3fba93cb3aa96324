"""Weights and images → a COCO result file's lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detstudy.data import ImageRecord, encode_mask
from detstudy.study.setting import Measure
from detstudy.trainers.contract import MOST_PROPOSALS, Predicted, Prediction
from detstudy.trainers.torchvision.batches import ImageCache
from detstudy.trainers.torchvision.detector import Detector
from detstudy.trainers.torchvision.progress import ProposalCounts
from detstudy.trainers.torchvision.transform import Target, scale_boxes

MASK_THRESHOLD = 0.5  # probability from which a pixel is an object's
CUDA_BATCH = 4  # images; on a CPU they go one by one


@torch.inference_mode()
def predict_images(
    detector: Detector,
    records: Sequence[ImageRecord],
    category_ids: Sequence[int],
    device: torch.device,
    cache: ImageCache | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> Predicted:
    """Predict images by the detector's own evaluation settings; its mode is put back afterwards.

    Computed in fp32 whatever precision it was trained in; `heartbeat` is called after every few images. Measures, means
    over images: `test/seconds_per_image` (network and masks, decoding of the image left out), `test/proposals_entered`,
    `test/proposals_survived` and `test/proposals_kept`; for each feature level `test/anchors_P3`,
    `test/proposals_entered_P3`, `test/proposals_survived_P3`.
    """
    cache = cache or ImageCache(0)
    predictions: list[Prediction] = []
    proposals: dict[int, NDArray[np.float32]] = {}
    counts = ProposalCounts()
    seconds = 0.0
    was_training = detector.training
    detector.eval()
    try:
        for batch in _split_records(records, CUDA_BATCH if device.type == "cuda" else 1):
            images = [torch.from_numpy(np.array(cache.load(record).transpose(2, 0, 1), order="C")) for record in batch]
            start = time.perf_counter()
            results = detector([image.to(device) for image in images])
            for record, result in zip(batch, results, strict=True):
                predictions.extend(_list_predictions(record, result, category_ids))
            seconds += time.perf_counter() - start
            proposals.update(_list_proposals(batch, detector))
            counts.add(detector.rpn.counts)
            heartbeat()
    finally:
        detector.train(was_training)
    return Predicted(
        predictions=predictions, proposals=proposals, measures=_list_measures(seconds, counts, detector.rpn.level_names)
    )


def paste_mask(
    probabilities: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int
) -> NDArray[np.uint8]:
    """Return the object's pixels as 0 and 1, [height, width] in column order, from the mask head's [m, m] and its box.

    The mask is framed by zeros, stretched over the box (x1, y1, x2, y2 in pixels) grown by as much, and cut at the
    threshold: torchvision's `paste_masks_in_image`, without holding a full-size float mask for each object.
    """
    canvas = np.zeros((height, width), dtype=np.uint8, order="F")
    size = probabilities.shape[-1]
    framed = np.pad(probabilities, 1)
    center, half = (box[2:] + box[:2]) * 0.5, (box[2:] - box[:2]) * 0.5 * ((size + 2) / size)
    x1, y1 = (center - half).astype(np.int64).tolist()
    x2, y2 = (center + half).astype(np.int64).tolist()
    stretched = cv2.resize(framed, (max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)), interpolation=cv2.INTER_LINEAR)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2 + 1, width), min(y2 + 1, height)
    if left < right and top < bottom:
        canvas[top:bottom, left:right] = stretched[top - y1 : bottom - y1, left - x1 : right - x1] >= MASK_THRESHOLD
    return canvas


def _list_predictions(record: ImageRecord, result: Target, category_ids: Sequence[int]) -> Iterator[Prediction]:
    """Give the detections of one image as lines of a COCO result file."""
    boxes = result["boxes"].cpu().numpy()
    masks = result["masks"][:, 0].float().cpu().numpy()
    labels, scores = result["labels"].tolist(), result["scores"].tolist()
    for box, mask, label, score in zip(boxes, masks, labels, scores, strict=True):
        x1, y1, x2, y2 = box.tolist()
        rle = encode_mask(paste_mask(mask, box, record.height, record.width))
        yield {
            "image_id": record.id,
            "category_id": category_ids[label - 1],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
            "segmentation": {"size": [rle.height, rle.width], "counts": rle.counts.decode("ascii")},
        }


def _list_proposals(batch: Sequence[ImageRecord], detector: Detector) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Give the proposals of the last forward pass by image id: x, y, width, height in the image's own pixels."""
    for record, boxes, size in zip(batch, detector.rpn.boxes, detector.rpn.sizes, strict=True):
        corners = scale_boxes(boxes[:MOST_PROPOSALS], size, (record.height, record.width)).cpu().numpy()
        yield record.id, np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def _list_measures(seconds: float, counts: ProposalCounts, level_names: Sequence[str]) -> tuple[Measure, ...]:
    """Return sums over images as the means of an image."""
    totals = {
        "proposals_entered": sum(counts.entered),
        "proposals_survived": sum(counts.survived),
        "proposals_kept": counts.kept,
    }
    for name, anchors, entered, survived in zip(
        level_names, counts.anchors, counts.entered, counts.survived, strict=bool(counts.images)
    ):
        totals |= {
            f"anchors_{name}": anchors,
            f"proposals_entered_{name}": entered,
            f"proposals_survived_{name}": survived,
        }
    why = None if counts.images else "no images"
    timed = seconds / counts.images if counts.images else None
    return (
        Measure(name="test/seconds_per_image", value=timed, unit="s", reason=why),
        *(
            Measure(name=f"test/{name}", value=counts.average(total), unit="count", reason=why)
            for name, total in totals.items()
        ),
    )


def _split_records(records: Sequence[ImageRecord], size: int) -> Iterator[Sequence[ImageRecord]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]
