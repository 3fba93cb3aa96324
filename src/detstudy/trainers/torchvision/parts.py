"""The parts that a detector is assembled from; compact.py and resnet.py make them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What differs between detectors; everything else is in the setting.

    `backbone` returns features by name and has `out_channels`. The RPN looks at the features named in `rpn_levels`,
    with `anchor_sizes` (pixels) for each of them and `anchor_aspect_ratios` (height / width) for all.
    """

    backbone: nn.Module
    rpn_levels: tuple[str, ...]
    rpn_head: nn.Module
    anchor_sizes: tuple[tuple[int, ...], ...]
    anchor_aspect_ratios: tuple[float, ...]
    box_pool: nn.Module
    box_head: nn.Module
    box_predictor: nn.Module
    mask_pool: nn.Module
    mask_head: nn.Module
    mask_predictor: nn.Module
    image_mean: tuple[float, float, float]  # of values from 0 to 1, as image_std
    image_std: tuple[float, float, float]
    normalization: str  # "batch norm" or "frozen batch norm"


def widen(tensor: Tensor) -> Tensor:
    """Return a tensor in fp32 at least."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
