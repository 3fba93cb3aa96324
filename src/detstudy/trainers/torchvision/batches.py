"""Which images are in a batch, and the batch itself: pure functions of seed and iteration, so nothing is replayed."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detstudy.data import ImageRecord, decode_masks, load_image
from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.transform import Target

CACHE_BYTES = 256 * 2**20  # of decoded images
PREFETCH = 2  # batches made ahead where an accelerator waits for them

# Tell the uses of a seed apart, so that no two random streams are the same.
_ORDER, _AUGMENTATION = 0, 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (uint8 [3, h, w]) with what is to be learnt from each (boxes, labels from 1, masks, scale)."""

    images: list[Tensor]
    targets: list[Target]

    def split(self, size: int) -> Iterator[Batch]:
        """Give the batch in pieces of at most that many images."""
        for start in range(0, len(self.images), size):
            yield Batch(self.images[start : start + size], self.targets[start : start + size])

    def move(self, device: torch.device) -> Batch:
        """Return the batch on a device; a no-op where it is there already."""
        if device.type == "cpu":
            return self
        return Batch(
            [image.to(device, non_blocking=True) for image in self.images],
            [{name: value.to(device, non_blocking=True) for name, value in t.items()} for t in self.targets],
        )

    def pin(self) -> Batch:
        """Return the batch in memory that an accelerator copies from without waiting."""
        return Batch(
            [image.pin_memory() for image in self.images],
            [{name: value.pin_memory() for name, value in t.items()} for t in self.targets],
        )


class ImageCache:
    """Decodes images once while they fit into a budget of bytes; beyond it every look decodes again.

    Nothing is thrown out: with an order that is random in each epoch no image is likelier than another to come next.
    """

    def __init__(self, budget: int = CACHE_BYTES) -> None:
        self._left = budget
        self._images: dict[object, NDArray[np.uint8]] = {}

    def load(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Return the image as uint8 [h, w, 3], RGB; not to be written to."""
        image = self._images.get(record.path)
        if image is None:
            image = load_image(record)
            if image.nbytes <= self._left:
                self._left -= image.nbytes
                self._images[record.path] = image
        return image


def pick_images(image_count: int, seed: int, first: int, count: int) -> list[int]:
    """Return the indices of `count` images from the position `first` on in a run's endless order of images.

    Each epoch is a permutation of all images, a new one by seed and epoch.
    """
    return [
        int(_permute_images(image_count, seed, position // image_count)[position % image_count])
        for position in range(first, first + count)
    ]


def count_learned_objects(record: ImageRecord) -> int:
    """Return how many objects of an image are learned from; crowds are not."""
    return sum(not annotation.crowd for annotation in record.annotations)


def make_batch(records: Sequence[ImageRecord], setting: Setting, seed: int, iteration: int, cache: ImageCache) -> Batch:
    """Return the batch that a run learns from after `iteration` done steps.

    An image's flip and scale depend on its position in the run's order, so they are the same for any batch size.
    """
    first = iteration * setting["batch_size"]
    images, targets = [], []
    for offset, index in enumerate(pick_images(len(records), seed, first, setting["batch_size"])):
        chance = np.random.default_rng((seed, _AUGMENTATION, first + offset))
        flip = bool(chance.random() < setting["horizontal_flip"])
        scale = float(chance.uniform(*setting["scale_jitter"])) if setting["scale_jitter"] is not None else None
        image, target = make_example(records[index], cache, flip=flip, scale=scale)
        images.append(image)
        targets.append(target)
    return Batch(images, targets)


def make_example(
    record: ImageRecord, cache: ImageCache, *, flip: bool = False, scale: float | None = None
) -> tuple[Tensor, Target]:
    """Return an image (uint8 [3, h, w]) and its target; crowds and boxes without area in the image are left out.

    `flip` mirrors left and right. `scale` is handed on: the detector scales the image, by that much more.
    """
    pixels = cache.load(record)
    height, width = record.height, record.width
    objects = [annotation for annotation in record.annotations if not annotation.crowd]
    boxes = np.array([annotation.box for annotation in objects], dtype=np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
    solid = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    objects = [annotation for annotation, good in zip(objects, solid.tolist(), strict=True) if good]
    boxes = boxes[solid]
    masks = decode_masks(objects, height, width)
    if flip:
        pixels, masks = pixels[:, ::-1], masks[:, :, ::-1]
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    target = {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.tensor([annotation.class_index + 1 for annotation in objects], dtype=torch.int64),
        "masks": torch.from_numpy(np.array(masks, order="C")),
    }
    if scale is not None:
        target["scale"] = torch.tensor(scale)
    return torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C")), target


def stream_batches(
    records: Sequence[ImageRecord], setting: Setting, seed: int, start: int, device: torch.device
) -> Generator[Batch, None, None]:
    """Give the batches from the iteration `start` to the last, on the device.

    On an accelerator threads make the next ones meanwhile; on a CPU they would only take its cores away.
    """
    cache = ImageCache()
    if device.type == "cpu":
        for iteration in range(start, setting["iterations"]):
            yield make_batch(records, setting, seed, iteration, cache)
        return
    pool = ThreadPoolExecutor(PREFETCH, thread_name_prefix="batches")
    try:
        ahead: dict[int, Future[Batch]] = {}
        for iteration in range(start, setting["iterations"]):
            for coming in range(iteration, min(iteration + PREFETCH + 1, setting["iterations"])):
                if coming not in ahead:
                    ahead[coming] = pool.submit(_make_pinned_batch, records, setting, seed, coming, cache)
            yield ahead.pop(iteration).result().move(device)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _make_pinned_batch(
    records: Sequence[ImageRecord], setting: Setting, seed: int, iteration: int, cache: ImageCache
) -> Batch:
    return make_batch(records, setting, seed, iteration, cache).pin()


@lru_cache(maxsize=4)
def _permute_images(image_count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(image_count)
