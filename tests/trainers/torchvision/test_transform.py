from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from detstudy.trainers.torchvision.transform import ImageTransform

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def draw_batch() -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    random = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random) for size in ((40, 70), (61, 33))]
    targets = []
    for image in images:
        masks = (torch.rand((2, *image.shape[1:]), generator=random) > 0.5).to(torch.uint8)
        boxes = torch.tensor([[1.0, 2.0, 20.0, 30.0], [5.0, 5.0, 31.0, 38.0]])
        targets.append({"boxes": boxes, "labels": torch.tensor([1, 2]), "masks": masks})
    return images, targets


@pytest.mark.parametrize(("min_size", "max_size"), [(80, 1000), (80, 100), (23, 60)])
def test_scales_normalises_and_pads_as_torchvision_does(min_size: int, max_size: int) -> None:
    images, targets = draw_batch()
    theirs = GeneralizedRCNNTransform(min_size, max_size, list(MEAN), list(STD))
    expected, expected_targets = theirs([image / 255 for image in images], targets)

    found, found_targets = ImageTransform(min_size=min_size, max_size=max_size, mean=MEAN, std=STD)(images, targets)

    assert found.image_sizes == expected.image_sizes
    torch.testing.assert_close(found.tensors, expected.tensors, rtol=1e-4, atol=1e-4)
    assert found_targets is not None
    for ours, their in zip(found_targets, expected_targets, strict=True):
        torch.testing.assert_close(ours["boxes"], their["boxes"])
        # Nearest pixels at a factor of exactly the size and at the size's own quotient part where the two round apart.
        assert (ours["masks"] == their["masks"]).float().mean() > 0.97


def test_images_keep_their_size_where_none_is_asked_for() -> None:
    images, targets = draw_batch()

    found, found_targets = ImageTransform(min_size=None, max_size=10, mean=MEAN, std=STD)(images, targets)

    assert found.image_sizes == [(40, 70), (61, 33)]
    assert found.tensors.shape == (2, 3, 64, 96)
    assert float(found.tensors[0, :, 40:].abs().sum()) == 0
    assert found_targets is not None
    assert torch.equal(found_targets[1]["boxes"], targets[1]["boxes"])


def test_scale_jitter_comes_on_top_of_the_size_asked_for() -> None:
    transform = ImageTransform(min_size=80, max_size=1000, mean=MEAN, std=STD)

    assert transform.fit_size(40, 70) == (80, 140)
    assert transform.fit_size(40, 70, {"scale": torch.tensor(0.5)}) == (40, 70)
    assert ImageTransform(min_size=None, max_size=9, mean=MEAN, std=STD).fit_size(
        40, 70, {"scale": torch.tensor(1.5)}
    ) == (60, 105)


def test_objects_that_vanish_are_dropped_and_the_images_stay() -> None:
    images, targets = draw_batch()
    targets[0]["boxes"] = torch.tensor([[30.0, 2.0, 30.0, 30.0], [5.0, 5.0, 31.0, 38.0]])

    _, found = ImageTransform(min_size=80, max_size=1000, mean=MEAN, std=STD)(images, targets)

    assert found is not None
    assert [len(target["masks"]) for target in found] == [1, 2]
    assert found[0]["labels"].tolist() == [2]


def test_the_images_given_are_left_as_they_are() -> None:
    images, targets = draw_batch()
    before = [image.clone() for image in images]

    ImageTransform(min_size=None, max_size=10, mean=MEAN, std=STD)(images, targets)

    assert all(torch.equal(image, copy) for image, copy in zip(images, before, strict=True))
