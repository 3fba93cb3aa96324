"""A batch in micro-batches: what each loss averages over, so that the parts' gradients add up to the whole batch's.

With frozen norms they do for the same samples, up to rounding: 1e-7 of the gradient's length where the detector
computes in double precision, 5e-7 in single. A batch of one image takes other kernels than a larger one, which round
otherwise; the input of a ReLU that is that close to 0 then changes its sign, and its gradient comes or goes: 1e-4 was
measured.
What differs beyond that: samples are drawn in another order, padding follows the micro-batch, and live batch norm sees
the micro-batch alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from detstudy.trainers.torchvision.batches import Batch
from detstudy.trainers.torchvision.session import Session

AVERAGED_OVER = {
    "loss_objectness": "anchors",
    "loss_rpn_box_reg": "anchors",
    "loss_classifier": "proposals",
    "loss_box_reg": "proposals",
    "loss_mask": "positives",
}
"""What torchvision's losses divide their sums by: sampled anchors, sampled proposals, the positives among these."""


def share_losses(session: Session, parts: Sequence[Batch]) -> list[dict[str, float]]:
    """Return for each micro-batch the share of its losses in the batch's, by loss name; a whole batch has all of each.

    A loss is a mean over what was sampled, so its share is that of the samples. How many positives there are is known
    only after backbone and RPN, and the gradients of all losses meet in the backbone: so with more than one micro-batch
    these two run twice, first without gradients to count. The random state is put back between, so that the same
    samples are drawn again; the norms' statistics don't follow the first pass. A loss without samples has no share.
    """
    if len(parts) == 1:
        return [dict.fromkeys(AVERAGED_OVER, 1.0)]
    devices = [session.device] if session.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), session.autocast():
        counts = [session.detector.count_samples(part.images, part.targets) for part in parts]
    totals = {name: sum(count[name] for count in counts) for name in counts[0]}
    return [
        {loss: count[name] / totals[name] if totals[name] else 0.0 for loss, name in AVERAGED_OVER.items()}
        for count in counts
    ]
