from __future__ import annotations

import torch
from torch import nn

from detstudy.trainers.torchvision.batches import Batch
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.loop import take_step
from detstudy.trainers.torchvision.optimizer import build_optimizer
from detstudy.trainers.torchvision.progress import Progress, ProposalCounts
from detstudy.trainers.torchvision.session import Session


class CountingStub:
    counts = ProposalCounts()


class MeanDetector(nn.Module):
    """Its losses are means over as many samples as a target has labels, and over twice as many."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1, dtype=torch.float64)
        self.rpn = CountingStub()

    def count_samples(self, images: list[torch.Tensor], targets: list[dict[str, torch.Tensor]]) -> dict[str, int]:
        positives = sum(len(target["labels"]) for target in targets)
        return {"anchors": 0, "proposals": 2 * positives, "positives": positives}

    def forward(self, images: list[torch.Tensor], targets: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        count = len(images)
        weights = torch.tensor([len(target["labels"]) for target in targets])[:, None]
        self.rpn.counts = ProposalCounts(
            images=count, anchors=[9 * count, 3 * count], entered=[2 * count] * 2, survived=[count, 0], kept=count
        )
        outputs = self.layer(torch.stack(images)) ** 2
        total = (outputs * weights).sum()
        return {"loss_classifier": total / (2 * weights.sum()), "loss_mask": total / weights.sum().clamp(min=1)}


def train_once(micro: int | None, clip: float | None = None) -> tuple[torch.Tensor, Session]:
    torch.manual_seed(0)
    setting = make_setting(
        name="compact",
        learning_rate=0.5,
        batch_size=5,
        iterations=3,
        schedule="constant",
        momentum=0.0,
        weight_decay=0.0,
        gradient_clip_norm=clip,
    )
    detector = MeanDetector()
    session = Session(
        detector=detector,  # type: ignore[arg-type]
        optimizer=build_optimizer(detector, setting),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        device=torch.device("cpu"),
        dtype=None,
        progress=Progress(micro_batch_size=micro),
    )
    images = list(torch.randn(5, 3, dtype=torch.float64))
    before = detector.layer.weight.detach().clone()
    take_step(session, Batch(images, [{"labels": torch.zeros(n)} for n in (0, 1, 2, 3, 4)]), setting)
    return detector.layer.weight.detach() - before, session


def test_micro_batches_add_up_to_the_batch() -> None:
    whole, session = train_once(None)
    parts, pieces = train_once(2)

    torch.testing.assert_close(parts, whole, rtol=1e-6, atol=0)
    assert pieces.progress.iteration == 1
    assert pieces.progress.images == 5
    counted = ProposalCounts(images=5, anchors=[45, 15], entered=[10, 10], survived=[5, 0], kept=5)
    assert pieces.progress.proposals == pieces.progress.window.proposals == session.progress.proposals == counted
    assert pieces.progress.densest_image == 4
    for name, value in session.progress.window.losses.items():
        assert abs(pieces.progress.window.losses[name] - value) < 1e-6


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    change, session = train_once(None, clip=0.01)

    bias = session.detector.layer.bias.grad
    assert bias is not None
    assert torch.hypot(change.norm() / 0.5, bias.norm()) <= 0.01 * (1 + 1e-6)


def test_only_weights_of_convolutions_and_linear_layers_decay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 2, 1), nn.Linear(2, 2))
    model[0].bias.requires_grad_(False)
    setting = make_setting(name="compact", learning_rate=0.5, batch_size=5, iterations=3, weight_decay=0.3)

    optimizer = build_optimizer(model, setting)

    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = {g["weight_decay"]: {names[id(p)] for p in g["params"]} for g in optimizer.param_groups}
    assert groups == {0.3: {"0.weight", "2.weight", "3.weight"}, 0.0: {"1.weight", "1.bias", "2.bias", "3.bias"}}
