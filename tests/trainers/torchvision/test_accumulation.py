"""Micro-batches against the whole batch, with the detectors' own losses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from detstudy.trainers.contract import Job
from detstudy.trainers.torchvision import loop
from detstudy.trainers.torchvision.accumulation import AVERAGED_OVER, share_losses
from detstudy.trainers.torchvision.batches import Batch
from detstudy.trainers.torchvision.detector import Detector, build_detector, find_norms
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.progress import Progress
from detstudy.trainers.torchvision.session import Session
from detstudy.trainers.torchvision.trainer import TorchvisionTrainer

MakeJob = Callable[..., Job]
LOSSES = tuple(AVERAGED_OVER)

FROZEN = {"name": "mask_rcnn", "backbone": "resnet18", "weights": "imagenet", "image_min_size": None}
LIVE = {"name": "compact", "image_min_size": None}


def make_session(model: dict[str, Any], micro: int | None, **training: object) -> Session:
    """Return a session whose detector samples every anchor and proposal, so that chance has no part."""
    fields = {"rpn_batch_size_per_image": 10**6, "box_batch_size_per_image": 10**6, **training}
    setting = make_setting(
        **model,
        learning_rate=1.0,
        batch_size=5,
        iterations=1,
        schedule="constant",
        momentum=0.0,
        weight_decay=0.0,
        rpn_pre_nms_top_n_train=50,
        rpn_post_nms_top_n_train=30,
        **fields,  # type: ignore[arg-type]
    )
    torch.manual_seed(3)
    detector = build_detector(setting, class_count=2)
    return Session(
        detector=detector.train(),
        optimizer=torch.optim.SGD(detector.parameters(), lr=1.0),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        device=torch.device("cpu"),
        dtype=None,
        progress=Progress(micro_batch_size=micro),
    )


def make_batch() -> Batch:
    """Return five images of one size with 0, 1, 4, 2 and 1 objects: parts of two have very unequal positives."""
    generator = torch.Generator().manual_seed(0)
    images, targets = [], []
    for objects in (0, 1, 4, 2, 1):
        image = torch.randint(0, 255, (3, 96, 128), generator=generator, dtype=torch.uint8)
        boxes, masks = [], torch.zeros(objects, 96, 128, dtype=torch.uint8)
        for number in range(objects):
            x, y = 4 + 29 * number, 8 + 9 * number
            boxes.append([x, y, x + 24, y + 30])
            masks[number, y : y + 30, x : x + 24 - 3 * number] = 1
        images.append(image)
        targets.append(
            {
                "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
                "labels": torch.arange(objects) % 2 + 1,
                "masks": masks,
            }
        )
    return Batch(images, targets)


def compute_gradients(
    model: dict[str, Any],
    micro: int | None,
    losses: tuple[str, ...] = LOSSES,
    *,
    exact: bool = False,
) -> torch.Tensor:
    """Return all gradients of a step, of some of the losses, as one vector; `exact` computes in double precision.

    Double precision is for the compact detector, its norms frozen.
    """
    session = make_session(model, micro)
    batch = make_batch()
    if exact:
        session.detector.double()
        for norm in find_norms(session.detector):
            norm.eval()
        for target in batch.targets:
            target["boxes"] = target["boxes"].double()
    forward = Detector.forward

    def pick(*arguments: object) -> dict[str, torch.Tensor]:
        return {name: value for name, value in forward(session.detector, *arguments).items() if name in losses}

    session.detector.forward = pick  # type: ignore[method-assign]
    loop.take_step(session, batch, TRAINING)
    gradients = [parameter.grad for parameter in session.detector.parameters() if parameter.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients]).double()


TRAINING = make_setting(
    name="compact", learning_rate=1e-9, batch_size=5, iterations=1, schedule="constant", momentum=0.0, weight_decay=0.0
)


def relate(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the length of the difference in lengths of the expected vector."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("losses", [*((name,) for name in LOSSES), LOSSES], ids=lambda names: "+".join(names)[:20])
def test_with_frozen_norms_each_loss_has_the_whole_batch_s_gradient(losses: tuple[str, ...]) -> None:
    """Five images in parts of one, two (2 + 2 + 1) and three (3 + 2): what differs is rounding.

    In double precision it is 1e-7 of the gradient's length at most: the shares and the sum of the losses are single.
    """
    whole = compute_gradients(LIVE, None, losses, exact=True)

    for micro in (1, 2, 3):
        assert relate(compute_gradients(LIVE, micro, losses, exact=True), whole) < 1e-7, micro


@pytest.mark.parametrize(("micro", "within"), [(2, 1e-5), (1, 1e-3)])
def test_in_single_precision_rounding_shows(micro: int, within: float) -> None:
    """5e-7 of the gradient's length differ in parts of two, 1e-4 in parts of one.

    Images alone go through other kernels than batches, which add up in another order. Inputs of three ReLUs in the mask
    branch lie so close to 0 that their sign changes by it, and what passes back through them comes or goes. The eight
    regions of this batch are few enough for that to be seen; in double precision the mask loss's gradients agree.
    """
    assert relate(compute_gradients(FROZEN, micro), compute_gradients(FROZEN, None)) < within


def test_weights_by_images_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above can tell apart: images as weights are off by more than a tenth in the mask loss."""
    whole = compute_gradients(FROZEN, None, ("loss_mask",))
    by_images = [dict.fromkeys(LOSSES, share) for share in (0.4, 0.4, 0.2)]
    monkeypatch.setattr(loop, "share_losses", lambda *_: by_images)

    assert relate(compute_gradients(FROZEN, 2, ("loss_mask",)), whole) > 0.1


def test_with_live_batch_norm_the_gradients_are_others() -> None:
    assert relate(compute_gradients(LIVE, 2), compute_gradients(LIVE, None)) > 0.1


@pytest.mark.parametrize("model", [FROZEN, LIVE])
def test_counting_changes_nothing_and_draws_what_training_draws(model: dict[str, Any]) -> None:
    session = make_session(model, 2, rpn_batch_size_per_image=20, box_batch_size_per_image=8)
    detector, parts = session.detector, list(make_batch().split(2))
    torch.manual_seed(7)
    state = copy.deepcopy(detector.state_dict())

    shares = share_losses(session, parts)

    assert all(torch.equal(value, state[name]) for name, value in detector.state_dict().items())
    assert all(norm.track_running_stats for norm in find_norms(detector))
    drawn: dict[str, list[int]] = {"anchors": [], "proposals": [], "positives": []}
    for part in parts:
        detector(part.images, part.targets)
        rpn, heads = detector.rpn.fg_bg_sampler, detector.roi_heads.fg_bg_sampler
        drawn["anchors"].append(int(rpn.positives + rpn.negatives))
        drawn["proposals"].append(int(heads.positives + heads.negatives))
        drawn["positives"].append(int(heads.positives))
    for name, counted in AVERAGED_OVER.items():
        total = sum(drawn[counted])
        assert [share[name] for share in shares] == [count / total for count in drawn[counted]]
    assert len(set(drawn["positives"])) > 1


def test_a_batch_without_objects_has_no_share_in_the_mask_loss() -> None:
    session = make_session(FROZEN, 1)
    batch = make_batch()
    empty = Batch(batch.images[:1] * 2, batch.targets[:1] * 2)

    shares = share_losses(session, list(empty.split(1)))

    assert [share["loss_mask"] for share in shares] == [0.0, 0.0]
    assert [share["loss_objectness"] for share in shares] == [0.5, 0.5]


def test_a_run_that_had_to_be_split_says_so(make_job: MakeJob) -> None:
    effective = TorchvisionTrainer().train(make_job(iterations=2, batch_size=5, largest_micro_batch=2)).effective

    assert effective["micro_batch_size"] == 2
    assert effective["accumulation"] == "5 as 2 × 2 + 1"
    assert "batch norm sees 2 images at a time" in effective["accumulation_differs"]


def test_a_split_that_was_asked_for_says_so_too(make_job: MakeJob) -> None:
    effective = (
        TorchvisionTrainer()
        .train(make_job(iterations=1, batch_size=4, micro_batch_size=2, largest_micro_batch=3))
        .effective
    )

    assert effective["accumulation"] == "4 as 2 × 2"


def test_a_checkpoint_of_another_micro_batch_is_not_gone_on_from(make_job: MakeJob) -> None:
    job = make_job(iterations=3, batch_size=4, checkpoint_every=1)
    job.curve.break_at = 3  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        TorchvisionTrainer().train(job)
    job.curve.break_at = None  # type: ignore[attr-defined]
    split = dataclasses.replace(job, largest_micro_batch=2)
    afresh = make_job(folder="afresh", iterations=3, batch_size=4, largest_micro_batch=2)

    for each in (split, afresh):
        TorchvisionTrainer().train(each)

    assert split.curve.list_results() == afresh.curve.list_results()  # type: ignore[attr-defined]
