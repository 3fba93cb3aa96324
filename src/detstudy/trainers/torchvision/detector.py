"""A setting → the detector that it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.compact import make_compact_parts
from detstudy.trainers.torchvision.parts import Parts, widen
from detstudy.trainers.torchvision.proposals import CountingProposals
from detstudy.trainers.torchvision.resnet import make_resnet_parts
from detstudy.trainers.torchvision.sampling import CountingSampler, untracked_norms
from detstudy.trainers.torchvision.transform import ImageTransform, Target
from detstudy.trainers.torchvision.weights import (
    WeightsError,
    fetch_coco_weights,
    fetch_imagenet_weights,
    load_weights,
    read_weights,
)

# IoU with an object from which an anchor or proposal is one (first), and below which it is background (second).
ANCHOR_IOU = (0.7, 0.3)
PROPOSAL_IOU = (0.5, 0.5)


class Detector(GeneralizedRCNN):  # type: ignore[misc]
    """Mask R-CNN: torchvision's flow through transform, backbone, proposals and heads.

    In training it takes images (uint8 [3, h, w]) and targets and returns the losses by name; in evaluation it takes
    images and returns detections with the masks as the head gives them ([n, 1, 28, 28], probabilities).
    """

    def __init__(self, parts: Parts, setting: Setting) -> None:
        rpn = CountingProposals(
            AnchorGenerator(parts.anchor_sizes, (parts.anchor_aspect_ratios,) * len(parts.anchor_sizes)),
            parts.rpn_head,
            *ANCHOR_IOU,
            setting["rpn_batch_size_per_image"],
            setting["rpn_positive_fraction"],
            {"training": setting["rpn_pre_nms_top_n_train"], "testing": setting["rpn_pre_nms_top_n_test"]},
            {"training": setting["rpn_post_nms_top_n_train"], "testing": setting["rpn_post_nms_top_n_test"]},
            setting["rpn_nms_threshold"],
            levels=parts.rpn_levels,
        )
        heads = RoIHeads(
            parts.box_pool,
            parts.box_head,
            parts.box_predictor,
            *PROPOSAL_IOU,
            setting["box_batch_size_per_image"],
            setting["box_positive_fraction"],
            None,
            setting["box_score_threshold"],
            setting["box_nms_threshold"],
            setting["detections_per_image"],
            parts.mask_pool,
            parts.mask_head,
            parts.mask_predictor,
        )
        rpn.fg_bg_sampler = CountingSampler(setting["rpn_batch_size_per_image"], setting["rpn_positive_fraction"])
        heads.fg_bg_sampler = CountingSampler(setting["box_batch_size_per_image"], setting["box_positive_fraction"])
        transform = ImageTransform(
            min_size=setting["image_min_size"],
            max_size=setting["image_max_size"],
            mean=parts.image_mean,
            std=parts.image_std,
        )
        super().__init__(parts.backbone, rpn, heads, transform)
        # torchvision decodes boxes in the type of these outputs: bf16 would round a coordinate of 1,000 to 8 pixels.
        for head in (parts.rpn_head, parts.box_predictor):
            head.register_forward_hook(_widen_outputs)
        self.normalization = parts.normalization
        self.anchor_sizes = parts.anchor_sizes
        self.anchors_per_location = len(parts.anchor_sizes[0]) * len(parts.anchor_aspect_ratios)

    @torch.no_grad()
    def count_samples(self, images: list[Tensor], targets: list[Target]) -> dict[str, int]:
        """Return how many anchors, proposals and positives among these a training pass over the images would sample.

        Draws from the random state what that pass draws, in the same order; changes nothing else.
        """
        with untracked_norms(find_norms(self)):
            batch, fitted = self.transform(images, targets)
            proposals, _ = self.rpn(batch, self.backbone(batch.tensors), fitted)
            self.roi_heads.select_training_samples(proposals, fitted)
        anchors, proposals = self.rpn.fg_bg_sampler, self.roi_heads.fg_bg_sampler
        return {
            "anchors": int(anchors.positives + anchors.negatives),
            "proposals": int(proposals.positives + proposals.negatives),
            "positives": int(proposals.positives),
        }


def _widen_outputs(_module: nn.Module, _inputs: object, outputs: Any) -> Any:
    """Return a head's two outputs (each a tensor or a list of them) in fp32 at least."""
    first, second = ([widen(part) for part in out] if isinstance(out, list) else widen(out) for out in outputs)
    return first, second


def build_detector(setting: Setting, class_count: int) -> Detector:
    """Return the setting's detector with fresh weights from torch's random state, on the CPU, in training mode.

    `class_count` leaves the background out. Raises RefusedError where the setting contradicts itself (a backbone is
    missing, anchors don't fit the levels).
    """
    make_parts = make_compact_parts if setting["name"] == "compact" else make_resnet_parts
    return Detector(make_parts(setting, class_count), setting)


def load_initial_weights(detector: Detector, setting: Setting) -> None:
    """Put the weights that training starts from into a fresh detector, in place; `none` leaves it as it is.

    Raises WeightsError where they can't be had, or don't fit the detector.
    """
    if setting["weights"] == "none":
        return
    if setting["weights"] in ("coco", "imagenet") and (setting["name"] == "compact" or setting["backbone"] is None):
        raise WeightsError(
            f"model.weights: there are no {setting['weights']} weights for {setting['name']}; use none or a file's path"
        )
    if setting["weights"] == "coco":
        load_weights(detector, fetch_coco_weights(str(setting["backbone"])), source="coco")
    elif setting["weights"] == "imagenet":
        load_weights(detector.backbone.body, fetch_imagenet_weights(str(setting["backbone"])), source="imagenet")
    else:
        path = Path(setting["weights"]).expanduser()
        load_weights(detector, read_weights(path), source=str(path))


def find_norms(model: nn.Module) -> list[_BatchNorm]:
    """Return the layers whose statistics follow the batches in training mode."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def find_nonfinite(model: nn.Module) -> list[str]:
    """Return the names of the weights and statistics that hold a nan or an infinity."""
    return [
        name
        for name, value in model.state_dict().items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
