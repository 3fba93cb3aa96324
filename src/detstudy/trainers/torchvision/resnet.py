"""Mask R-CNN with a ResNet and a feature pyramid, as torchvision builds it."""

from __future__ import annotations

from torch import nn
from torchvision.models import resnet
from torchvision.models.detection.backbone_utils import BackboneWithFPN, _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.anchors import choose_anchors
from detstudy.trainers.torchvision.parts import Parts

STAGES = 5  # the stem and four more
CHANNELS = 256
HEAD_FEATURES = 1024
ANCHOR_SIZES = ((32,), (64,), (128,), (256,), (512,))  # pixels, at strides 4, 8, 16, 32, 64
ANCHOR_ASPECT_RATIOS = (0.5, 1.0, 2.0)
POOLED_LEVELS = ["0", "1", "2", "3"]


def make_resnet_parts(setting: Setting, class_count: int) -> Parts:
    """Make the parts of torchvision's `maskrcnn_resnet50_fpn` (or another depth) for that number of classes.

    Norms are frozen where the weights come from elsewhere, since small batches would spoil their statistics, and
    BatchNorm where the detector starts from random ones. The weights here are fresh ones.
    """
    sizes, ratios = choose_anchors(setting, ANCHOR_SIZES, ANCHOR_ASPECT_RATIOS)
    frozen = setting["weights"] != "none"
    return Parts(
        backbone=_make_backbone(setting, frozen_norm=frozen),
        rpn_levels=("0", "1", "2", "3", "pool"),
        rpn_head=RPNHead(CHANNELS, len(sizes[0]) * len(ratios)),
        anchor_sizes=sizes,
        anchor_aspect_ratios=ratios,
        box_pool=MultiScaleRoIAlign(featmap_names=POOLED_LEVELS, output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(CHANNELS * 7 * 7, HEAD_FEATURES),
        box_predictor=FastRCNNPredictor(HEAD_FEATURES, class_count + 1),
        mask_pool=MultiScaleRoIAlign(featmap_names=POOLED_LEVELS, output_size=14, sampling_ratio=2),
        mask_head=MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1),
        mask_predictor=MaskRCNNPredictor(CHANNELS, CHANNELS, class_count + 1),
        image_mean=(0.485, 0.456, 0.406),  # of ImageNet, as the published weights expect
        image_std=(0.229, 0.224, 0.225),
        normalization="frozen batch norm" if frozen else "batch norm",
    )


def _make_backbone(setting: Setting, *, frozen_norm: bool) -> BackboneWithFPN:
    norm = FrozenBatchNorm2d if frozen_norm else nn.BatchNorm2d
    body = getattr(resnet, setting["backbone"])(weights=None, norm_layer=norm)
    backbone = _resnet_fpn_extractor(body, STAGES - setting["frozen_stages"])
    if setting["weights"] == "coco":
        # The published COCO weights were trained with norms that add nothing to the variance.
        for module in backbone.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = 0.0
    return backbone
