"""A region proposal network that counts the proposals it puts into non-maximum suppression and gets out of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import boxes as box_ops

from detstudy.trainers.torchvision.progress import ProposalCounts

LEVEL_NAMES = {"0": "P2", "1": "P3", "2": "P4", "3": "P5", "pool": "P6"}
"""Features by the pyramid's own names: Pn has a stride of 2 to the n pixels, in the compact detector too."""


class CountingProposals(RegionProposalNetwork):  # type: ignore[misc]
    """torchvision's RegionProposalNetwork on some feature levels, with counts of the last forward pass.

    `levels` names the features it looks at. After a forward pass `counts` holds, for each level and summed over images,
    the anchors (those of the padded batch), the proposals that entered NMS (the smaller of k and the level's anchors;
    those without a pixel inside the image are counted, and dropped before NMS) and those that NMS kept; `boxes` and
    `sizes` hold, for each image, what the cut at `post_nms_top_n` left for the heads, best first, and the height and
    width in whose pixels those boxes are. The proposals themselves are exactly torchvision's.
    """

    def __init__(self, *args: object, levels: tuple[str, ...], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.levels = levels
        self.level_names = tuple(LEVEL_NAMES[level] for level in levels)
        self.counts = ProposalCounts()
        self.boxes: list[Tensor] = []
        self.sizes: list[tuple[int, int]] = []

    def forward(
        self, images: ImageList, features: dict[str, Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Return the proposals of each image and, in training, the losses."""
        result: tuple[list[Tensor], dict[str, Tensor]] = super().forward(
            images, {name: features[name] for name in self.levels}, targets
        )
        return result

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: list[tuple[int, int]],
        num_anchors_per_level: list[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the boxes and scores of each image that are left after top-k, NMS and the cut; keeps them and counts.

        Args are torchvision's: proposals [images, anchors, 4], objectness (any shape with images × anchors numbers).
        """
        objectness = objectness.detach().reshape(len(image_shapes), -1)
        picked, levels = [], []
        offset = 0
        for level, count in enumerate(num_anchors_per_level):
            k = min(self.pre_nms_top_n(), count)
            index = objectness[:, offset : offset + count].topk(k, dim=1).indices + offset
            picked.append(index)
            levels.append(torch.full((k,), level, dtype=torch.int64, device=objectness.device))
            offset += count
        index, level_of = torch.cat(picked, dim=1), torch.cat(levels)
        scores_of = objectness.gather(1, index).sigmoid()
        boxes_of = proposals.gather(1, index[:, :, None].expand(-1, -1, 4))

        kept_boxes, kept_scores, survived = [], [], []
        for boxes, scores, shape in zip(boxes_of, scores_of, image_shapes, strict=True):
            boxes = box_ops.clip_boxes_to_image(boxes, shape)
            sizes = boxes[:, 2:] - boxes[:, :2]
            # Where weights have blown up, boxes and scores are not numbers; comparisons with those are false.
            valid = ((sizes >= self.min_size).all(dim=1) & (scores >= self.score_thresh)).nonzero()[:, 0]
            boxes, scores, origins = boxes[valid], scores[valid], level_of[valid]
            keep = box_ops.batched_nms(boxes, scores, origins, self.nms_thresh)
            survived.append(torch.bincount(origins[keep], minlength=len(picked)))
            keep = keep[: self.post_nms_top_n()]
            kept_boxes.append(boxes[keep])
            kept_scores.append(scores[keep])
        images = len(image_shapes)
        self.counts = ProposalCounts(
            images=images,
            anchors=[count * images for count in num_anchors_per_level],
            entered=[part.shape[1] * images for part in picked],
            survived=torch.stack(survived).sum(dim=0).tolist(),
            kept=sum(len(boxes) for boxes in kept_boxes),
        )
        self.boxes, self.sizes = kept_boxes, image_shapes
        return kept_boxes, kept_scores
