from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from detstudy.data import DataError, decode_masks, load_image, read_dataset
from detstudy.study.setting import CocoData, Setting
from detstudy.trainers.torchvision.batches import (
    Batch,
    ImageCache,
    make_batch,
    make_example,
    pick_images,
    stream_batches,
)


def test_each_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    order = pick_images(7, seed=3, first=0, count=21)

    epochs = [order[:7], order[7:14], order[14:]]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert pick_images(7, seed=4, first=0, count=21) != order


def test_the_order_can_be_entered_anywhere() -> None:
    order = pick_images(5, seed=0, first=0, count=30)

    assert [pick_images(5, seed=0, first=i * 3, count=3) for i in range(10)] == [
        order[i * 3 : i * 3 + 3] for i in range(10)
    ]


def test_the_same_images_come_with_the_same_flips_whatever_the_batch_size(
    coco_data: CocoData, compact_setting: Setting
) -> None:
    records = read_dataset(coco_data).splits["train"]
    cache = ImageCache()
    fields = {"horizontal_flip": 0.5, "scale_jitter": (0.5, 2.0)}
    pairs = compact_setting.replace(batch_size=2, **fields)
    fours = compact_setting.replace(batch_size=4, **fields)

    two = [make_batch(records, pairs, 9, iteration, cache) for iteration in range(4)]
    four = [make_batch(records, fours, 9, iteration, cache) for iteration in range(2)]

    for small, large in zip(
        [image for batch in two for image in batch.images], [i for batch in four for i in batch.images], strict=True
    ):
        assert torch.equal(small, large)
    scales = [float(target["scale"]) for batch in two for target in batch.targets]
    assert scales == [float(target["scale"]) for batch in four for target in batch.targets]
    assert len(set(scales)) == 8
    assert all(0.5 <= scale <= 2 for scale in scales)


def test_a_flip_mirrors_pixels_boxes_and_masks(coco_data: CocoData) -> None:
    record = next(r for r in read_dataset(coco_data).splits["train"] if sum(not a.crowd for a in r.annotations) == 2)

    plain, target = make_example(record, ImageCache())
    mirrored, flipped = make_example(record, ImageCache(), flip=True)

    assert torch.equal(mirrored, plain.flip(-1))
    assert torch.equal(flipped["masks"], target["masks"].flip(-1))
    assert torch.equal(flipped["labels"], target["labels"])
    for mask, box in zip(flipped["masks"], flipped["boxes"], strict=True):
        columns, rows = mask.any(0).nonzero()[:, 0], mask.any(1).nonzero()[:, 0]
        assert box.tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_an_example_has_what_the_record_says_and_no_crowds(coco_data: CocoData) -> None:
    record = read_dataset(coco_data).splits["train"][2]
    objects = [annotation for annotation in record.annotations if not annotation.crowd]
    assert len(objects) == len(record.annotations) - 1 == 2

    image, target = make_example(record, ImageCache())

    assert np.array_equal(image.numpy().transpose(1, 2, 0), load_image(record))
    assert np.array_equal(target["masks"].numpy(), decode_masks(objects, 64, 96))
    assert target["labels"].tolist() == [annotation.class_index + 1 for annotation in objects]


def test_boxes_end_at_the_image_and_those_without_area_there_are_left_out(coco_data: CocoData) -> None:
    record = read_dataset(coco_data).splits["train"][2]
    first, second, _ = sorted(record.annotations, key=lambda annotation: annotation.crowd)
    strange = dataclasses.replace(
        record,
        annotations=(
            dataclasses.replace(first, box=(-5, 10, 20, 500)),
            dataclasses.replace(second, box=(200, 5, 9, 9)),
        ),
    )

    _, target = make_example(strange, ImageCache())

    assert target["boxes"].tolist() == [[0, 10, 15, 64]]
    assert len(target["labels"]) == len(target["masks"]) == 1


def test_an_image_without_objects_has_an_empty_target(coco_data: CocoData) -> None:
    record = next(r for r in read_dataset(coco_data).splits["train"] if not r.annotations)

    _, target = make_example(record, ImageCache())

    assert target["boxes"].shape == (0, 4)
    assert target["masks"].shape == (0, 64, 96)


def test_a_full_cache_decodes_again(coco_data: CocoData) -> None:
    first, second, *_ = read_dataset(coco_data).splits["train"]
    cache = ImageCache(budget=64 * 96 * 3)

    assert cache.load(first) is cache.load(first)
    assert cache.load(second) is not cache.load(second)


def test_batches_made_ahead_are_the_same_in_the_same_order(
    coco_data: CocoData, compact_setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of accelerators, on a machine without one: only the copies to it are left out."""
    monkeypatch.setattr(Batch, "pin", lambda batch: batch)
    monkeypatch.setattr(Batch, "move", lambda batch, _: batch)
    records = read_dataset(coco_data).splits["train"]
    setting = compact_setting.replace(iterations=7)

    ahead = list(stream_batches(records, setting, 3, 2, torch.device("cuda")))
    plain = list(stream_batches(records, setting, 3, 2, torch.device("cpu")))

    assert len(ahead) == len(plain) == 5
    for one, other in zip(ahead, plain, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.images, other.images, strict=True))


def test_a_fault_in_a_batch_made_ahead_reaches_the_loop(
    coco_data: CocoData, compact_setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "pin", lambda batch: batch)
    first, *others = read_dataset(coco_data).splits["train"]
    records = [dataclasses.replace(first, path=first.path / "gone.png"), *others]

    monkeypatch.setattr(Batch, "move", lambda batch, _: batch)
    with pytest.raises(DataError, match=r"gone\.png"):
        list(stream_batches(records, compact_setting, 3, 0, torch.device("cuda")))
