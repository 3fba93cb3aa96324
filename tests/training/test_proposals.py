from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

from detstudy.training.proposals import CountingProposals

SIZES, RATIOS = ((8, 16), (32, 48)), ((0.5, 1.0, 2.0),) * 2
LEVELS = (6, 10), (3, 5)  # cells of the feature maps
ANCHORS = [6 * 10 * 6, 3 * 5 * 6]


def make_pair(top_n: int, post: int) -> tuple[CountingProposals, RegionProposalNetwork]:
    torch.manual_seed(0)
    shared = (AnchorGenerator(SIZES, RATIOS), RPNHead(4, 6), 0.7, 0.3, 16, 0.5)
    k = {"training": top_n, "testing": top_n * 2}, {"training": post, "testing": post}
    return CountingProposals(*shared, *k, 0.6, levels=("a", "b")), RegionProposalNetwork(*shared, *k, 0.6)


def draw_features(scale: float = 1.0) -> tuple[ImageList, dict[str, torch.Tensor]]:
    random = torch.Generator().manual_seed(1)
    features = {
        name: torch.randn((2, 4, *size), generator=random) * scale
        for name, size in zip(("unused", "a", "b"), ((12, 20), *LEVELS), strict=True)
    }
    return ImageList(torch.zeros(2, 3, 48, 80), [(48, 80), (40, 66)]), features


@pytest.mark.parametrize("top_n", [1, 40, 200, 5000])
@pytest.mark.parametrize("training", [True, False])
def test_counts_follow_the_closed_form_and_proposals_are_torchvisions(top_n: int, training: bool) -> None:
    ours, theirs = make_pair(top_n, post=30)
    ours.train(training), theirs.train(training)
    images, features = draw_features(scale=30.0)
    targets = [{"boxes": torch.tensor([[4.0, 4.0, 20.0, 20.0]])}, {"boxes": torch.zeros(0, 4)}] if training else None

    torch.manual_seed(3)
    boxes, losses = ours(images, features, targets)
    torch.manual_seed(3)
    expected, expected_losses = theirs(images, {name: features[name] for name in "ab"}, targets)

    k = top_n if training else top_n * 2
    assert ours.entered == [sum(min(k, anchors) for anchors in ANCHORS)] * 2
    assert ours.kept == [len(image) for image in expected]
    assert all(e >= s >= kept for e, s, kept in zip(ours.entered, ours.survived, ours.kept, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(boxes, expected, strict=True))
    assert losses == expected_losses
    assert ours.anchors_per_level == ANCHORS


def test_survivors_are_counted_before_the_cut() -> None:
    few, _ = make_pair(200, post=2)
    many, _ = make_pair(200, post=10_000)
    images, features = draw_features()

    few.eval()(images, features), many.eval()(images, features)

    assert few.survived == many.survived == many.kept
    assert few.kept == [2, 2]


def test_weights_that_blew_up_give_no_proposals_rather_than_an_error() -> None:
    ours, _ = make_pair(40, post=30)
    images, features = draw_features()
    features["a"][:] = float("nan")
    features["b"][:] = float("inf")

    boxes, _ = ours.eval()(images, features)

    assert [len(image) for image in boxes] == [0, 0]
    assert ours.entered == [80 + 80, 80 + 80]
