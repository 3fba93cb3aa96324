"""What happens to images and targets on the device: scaling, normalisation, padding, and back again for boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList

Target = dict[str, Tensor]


class ImageTransform(nn.Module):
    """Makes a batch of images and targets as torchvision's GeneralizedRCNNTransform does, at less cost.

    Images are uint8 [3, h, w]; targets hold `boxes` (x1, y1, x2, y2 in pixels), `labels`, `masks` (uint8) and,
    optionally, `scale`, a further factor for the image's size. Images are scaled so that the shorter side has
    `min_size` pixels unless the longer one would exceed `max_size`; None keeps their own size. Objects whose box has
    no width or height left are dropped. Masks of detections are left as the mask head gives them: `prediction.py`
    pastes them into the image.
    """

    shift: Tensor
    gain: Tensor

    def __init__(
        self,
        *,
        min_size: int | None,
        max_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        size_divisible: int = 32,
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.size_divisible = size_divisible
        self.register_buffer("shift", torch.tensor(mean)[:, None, None] * 255, persistent=False)
        self.register_buffer("gain", 1 / (torch.tensor(std)[:, None, None] * 255), persistent=False)

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        """Return the padded batch with each image's size in it, and new targets in its pixels."""
        scaled: list[Tensor] = []
        fitted: list[Target] = []
        for index, image in enumerate(images):
            target = targets[index] if targets is not None else None
            size = self.fit_size(image.shape[-2], image.shape[-1], target)
            scaled.append(self._normalise(image, size))
            if target is not None:
                fitted.append(_scale_target(target, (image.shape[-2], image.shape[-1]), size))
        sizes = [(image.shape[-2], image.shape[-1]) for image in scaled]
        return ImageList(self._pad(scaled, sizes), sizes), fitted if targets is not None else None

    def fit_size(self, height: int, width: int, target: Target | None = None) -> tuple[int, int]:
        """Return the height and width in pixels that an image is scaled to."""
        factor = 1.0
        if self.min_size is not None:
            factor = min(self.min_size / min(height, width), self.max_size / max(height, width))
        if target is not None and "scale" in target:
            factor *= float(target["scale"])
        if factor == 1.0:
            return height, width
        return max(1, math.floor(height * factor)), max(1, math.floor(width * factor))

    def postprocess(
        self, result: list[Target], image_shapes: list[tuple[int, int]], original_image_sizes: list[tuple[int, int]]
    ) -> list[Target]:
        """Return detections with boxes in the pixels of the images as they came."""
        if self.training:  # only losses, then
            return result
        for detections, size, original in zip(result, image_shapes, original_image_sizes, strict=True):
            detections["boxes"] = scale_boxes(detections["boxes"], size, original)
        return result

    def _normalise(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return a scaled float image with the mean taken off and the deviation divided out."""
        pixels = image.to(self.shift.dtype)
        if size != tuple(image.shape[-2:]):
            pixels = functional.interpolate(pixels[None], size=size, mode="bilinear", align_corners=False)[0]
        return pixels.sub_(self.shift).mul_(self.gain)

    def _pad(self, images: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        """Return the images in one tensor whose sides are divisible, zeros beyond each image."""
        step = self.size_divisible
        height = math.ceil(max(size[0] for size in sizes) / step) * step
        width = math.ceil(max(size[1] for size in sizes) / step) * step
        if all(size == (height, width) for size in sizes):
            return torch.stack(images)
        batch = images[0].new_zeros((len(images), 3, height, width))
        for row, image, size in zip(batch, images, sizes, strict=True):
            row[:, : size[0], : size[1]] = image
        return batch


def _scale_target(target: Target, original: tuple[int, int], size: tuple[int, int]) -> Target:
    """Return the target in the scaled image's pixels, without objects that vanish there."""
    boxes, labels, masks = target["boxes"], target["labels"], target["masks"]
    if size != original:
        boxes = scale_boxes(boxes, original, size)
        if len(masks):
            # Nearest neighbour on bytes: masks stay masks, and take a quarter of the memory of floats.
            masks = functional.interpolate(masks[:, None], size=size, mode="nearest")[:, 0]
    solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    if not bool(solid.all()):
        boxes, labels, masks = boxes[solid], labels[solid], masks[solid]
    return {"boxes": boxes, "labels": labels, "masks": masks}


def scale_boxes(boxes: Tensor, original: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Return boxes of an image of one (height, width) in the pixels of another."""
    if original == size:
        return boxes
    vertical, horizontal = size[0] / original[0], size[1] / original[1]
    return boxes * boxes.new_tensor([horizontal, vertical, horizontal, vertical])
