from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

from detstudy.trainers.torchvision.proposals import CountingProposals

SIZES, RATIOS = ((8, 16), (32, 48)), ((0.5, 1.0, 2.0),) * 2
LEVEL_KEYS = ("1", "pool")  # what the RPN looks at; feature "0" is not among it
LEVELS = (6, 10), (3, 5)  # cells of the feature maps
ANCHORS = [6 * 10 * 6, 3 * 5 * 6]


def make_pair(top_n: int, post: int) -> tuple[CountingProposals, RegionProposalNetwork]:
    torch.manual_seed(0)
    shared = (AnchorGenerator(SIZES, RATIOS), RPNHead(4, 6), 0.7, 0.3, 16, 0.5)
    k = {"training": top_n, "testing": top_n * 2}, {"training": post, "testing": post}
    return CountingProposals(*shared, *k, 0.6, levels=LEVEL_KEYS), RegionProposalNetwork(*shared, *k, 0.6)


def draw_features(scale: float = 1.0) -> tuple[ImageList, dict[str, torch.Tensor]]:
    random = torch.Generator().manual_seed(1)
    features = {
        name: torch.randn((2, 4, *size), generator=random) * scale
        for name, size in zip(("0", *LEVEL_KEYS), ((12, 20), *LEVELS), strict=True)
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
    expected, expected_losses = theirs(images, {name: features[name] for name in LEVEL_KEYS}, targets)

    k = top_n if training else top_n * 2
    counts = ours.counts
    assert counts.images == 2
    assert counts.anchors == [2 * anchors for anchors in ANCHORS]
    assert counts.entered == [2 * min(k, anchors) for anchors in ANCHORS]
    assert all(0 < survived <= entered for survived, entered in zip(counts.survived, counts.entered, strict=True))
    assert counts.kept == sum(len(image) for image in expected) <= sum(counts.survived)
    assert ours.sizes == images.image_sizes
    assert all(torch.equal(a, b) for a, b in zip(ours.boxes, expected, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(boxes, expected, strict=True))
    assert losses == expected_losses


def test_levels_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each level NMS is made to keep another share: its survivors must be told by level."""

    def keep_some(boxes: torch.Tensor, scores: torch.Tensor, levels: torch.Tensor, threshold: float) -> torch.Tensor:
        return torch.cat([(levels == 1).nonzero()[:3, 0], (levels == 0).nonzero()[:7, 0]])

    ours, _ = make_pair(40, post=5)
    monkeypatch.setattr("detstudy.trainers.torchvision.proposals.box_ops.batched_nms", keep_some)

    ours.eval()(*draw_features())

    assert ours.counts.survived == [2 * 7, 2 * 3]
    assert ours.counts.kept == 2 * 5


def test_levels_have_the_names_of_the_pyramid() -> None:
    ours, _ = make_pair(40, post=5)

    assert ours.level_names == ("P3", "P6")


def test_survivors_are_counted_before_the_cut() -> None:
    few, _ = make_pair(200, post=2)
    many, _ = make_pair(200, post=10_000)
    images, features = draw_features()

    few.eval()(images, features), many.eval()(images, features)

    assert few.counts.survived == many.counts.survived
    assert sum(many.counts.survived) == many.counts.kept
    assert few.counts.kept == 2 + 2


def test_weights_that_blew_up_give_no_proposals_rather_than_an_error() -> None:
    ours, _ = make_pair(40, post=30)
    images, features = draw_features()
    features["1"][:] = float("nan")
    features["pool"][:] = float("inf")

    boxes, _ = ours.eval()(images, features)

    assert [len(image) for image in boxes] == [0, 0]
    assert ours.counts.entered == [2 * 80, 2 * 80]
    assert ours.counts.survived == [0, 0]
