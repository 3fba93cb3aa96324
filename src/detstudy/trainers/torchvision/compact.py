"""The compact detector: a Mask R-CNN of about 1.3 million parameters that learns from random weights on a CPU.

What paid there: few channels, an RPN without the finest level, BatchNorm everywhere, RoIs pooled by `grid_sample`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.anchors import choose_anchors
from detstudy.trainers.torchvision.parts import Parts, widen

STEM_CHANNELS = 24
STAGE_CHANNELS = (32, 64, 96, 128)  # at strides 4, 8, 16, 32
PYRAMID_CHANNELS = 48
HEAD_FEATURES = 256
ANCHOR_SIZES = ((16, 26), (38, 50), (68, 92))  # pixels, at strides 8, 16, 32
ANCHOR_ASPECT_RATIOS = (0.5, 1.0, 2.5)
FINEST_STRIDE = 4  # pixels of the image a cell, of the level that RoIs are pooled from


def make_compact_parts(setting: Setting, class_count: int) -> Parts:
    """Make the compact detector's parts with fresh weights for that number of classes (background left out)."""
    sizes, ratios = choose_anchors(setting, ANCHOR_SIZES, ANCHOR_ASPECT_RATIOS)
    rpn_head = RPNHead(PYRAMID_CHANNELS, len(sizes[0]) * len(ratios))
    # torchvision's start (deviation 0.01) is meant for pretrained features; from random ones it wastes the first steps.
    nn.init.kaiming_normal_(rpn_head.conv[0][0].weight, nonlinearity="relu")
    return Parts(
        backbone=CompactBackbone(setting["frozen_stages"]),
        rpn_levels=("1", "2", "3"),
        rpn_head=rpn_head,
        anchor_sizes=sizes,
        anchor_aspect_ratios=ratios,
        box_pool=GridPool("0", FINEST_STRIDE, 7),
        box_head=FastRCNNConvFCHead(
            (PYRAMID_CHANNELS, 7, 7), [PYRAMID_CHANNELS], [HEAD_FEATURES], norm_layer=nn.BatchNorm2d
        ),
        box_predictor=FastRCNNPredictor(HEAD_FEATURES, class_count + 1),
        mask_pool=GridPool("0", FINEST_STRIDE, 14),
        mask_head=MaskRCNNHeads(PYRAMID_CHANNELS, [PYRAMID_CHANNELS] * 2, 1, norm_layer=nn.BatchNorm2d),
        mask_predictor=MaskRCNNPredictor(PYRAMID_CHANNELS, PYRAMID_CHANNELS, class_count + 1),
        image_mean=(0.45, 0.45, 0.45),
        image_std=(0.25, 0.25, 0.25),
        normalization="batch norm",
    )


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut, the first with the stride."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return features at the block's stride."""
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(self.norm2(self.conv2(y)).add_(self.shortcut(x)), inplace=True)


class CompactBackbone(nn.Module):
    """A strided stem, four stages of one block each and a feature pyramid; features "0" to "3" at strides 4 to 32."""

    def __init__(self, frozen_stages: int = 0) -> None:
        super().__init__()
        self.out_channels = PYRAMID_CHANNELS
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM_CHANNELS, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM_CHANNELS), nn.ReLU(inplace=True)
        )
        widths = (STEM_CHANNELS, *STAGE_CHANNELS)
        self.stages = nn.ModuleList(
            ResidualBlock(widths[stage], widths[stage + 1], 2) for stage in range(len(STAGE_CHANNELS))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.pyramid = FeaturePyramidNetwork(list(STAGE_CHANNELS), PYRAMID_CHANNELS, norm_layer=nn.BatchNorm2d)
        # Convolutions are about a tenth faster so on CPUs, and on GPUs in lower precision.
        self.to(memory_format=torch.channels_last)
        for part in (self.stem, *self.stages)[:frozen_stages]:
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the pyramid's features of images [n, 3, h, w] whose sides are divisible by 32."""
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        features = OrderedDict()
        for level, stage in enumerate(self.stages):
            x = stage(x)
            features[str(level)] = x
        result: dict[str, Tensor] = self.pyramid(features)
        return result


class GridPool(nn.Module):
    """Pools regions of one feature level by bilinear samples, one at each bin's centre.

    Takes the arguments of torchvision's MultiScaleRoIAlign. One sample a bin is coarse for large regions, but the
    backward pass costs a fraction of RoIAlign's on a CPU. Regions smaller than a cell are pooled as one cell.
    """

    centers: Tensor

    def __init__(self, level: str, stride: int, size: int) -> None:
        super().__init__()
        self.level = level
        self.stride = stride
        self.output_size = (size, size)
        self.register_buffer("centers", (torch.arange(size) + 0.5) / size, persistent=False)

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_shapes: object) -> Tensor:  # noqa: ARG002
        """Return [regions, channels, size, size] for boxes (x1, y1, x2, y2, in pixels) of each image, in order."""
        maps = widen(features[self.level])  # positions in a lower precision would be off by whole cells
        channels, height, width = maps.shape[1:]
        size = self.output_size[0]
        pooled = []
        for index, regions in enumerate(boxes):
            count = len(regions)
            if not count:
                continue
            cells = regions / self.stride
            spans = (cells[:, 2:] - cells[:, :2]).clamp(min=1)
            # A cell's value stands at its centre, and grid_sample counts from -1 to 1 between the map's edges.
            x = (cells[:, :1] + self.centers * spans[:, :1]) * (2 / width) - 1
            y = (cells[:, 1:2] + self.centers * spans[:, 1:]) * (2 / height) - 1
            grid = torch.stack(
                [x[:, None, :].expand(count, size, size), y[:, :, None].expand(count, size, size)], dim=-1
            )
            samples = functional.grid_sample(
                maps[index : index + 1],
                grid.reshape(1, count * size, size, 2),
                padding_mode="border",
                align_corners=False,
            )
            pooled.append(samples[0].reshape(channels, count, size, size).transpose(0, 1))
        return torch.cat(pooled) if pooled else maps.new_zeros((0, channels, size, size))
