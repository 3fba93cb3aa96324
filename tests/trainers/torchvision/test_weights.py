from __future__ import annotations

import re
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.detector import build_detector, load_initial_weights
from detstudy.trainers.torchvision.hyperparameters import make_setting
from detstudy.trainers.torchvision.weights import WeightsError


def use_weights(setting: Setting, weights: Path | str, **fields: Any) -> Setting:
    return setting.replace(weights=str(weights), **fields)


def test_a_file_starts_the_detector_and_keeps_fresh_predictors_for_other_classes(
    tmp_path: Path, compact_setting: Setting
) -> None:
    donor = build_detector(compact_setting, class_count=7)
    torch.save(donor.state_dict(), tmp_path / "donor.pt")
    setting = use_weights(compact_setting, tmp_path / "donor.pt")
    detector = build_detector(setting, class_count=2)
    fresh = detector.roi_heads.box_predictor.cls_score.weight.clone()

    load_initial_weights(detector, setting)

    state, given = detector.state_dict(), donor.state_dict()
    assert torch.equal(detector.roi_heads.box_predictor.cls_score.weight, fresh)
    same = [name for name in state if state[name].shape == given[name].shape]
    assert len(same) > 100
    assert all(torch.equal(state[name], given[name]) for name in same)


def test_a_checkpoint_of_the_same_data_starts_the_detector_whole(tmp_path: Path, compact_setting: Setting) -> None:
    donor = build_detector(compact_setting, class_count=2)
    torch.save({"model": donor.state_dict(), "epoch": 3}, tmp_path / "donor.pt")
    setting = use_weights(compact_setting, tmp_path / "donor.pt")
    detector = build_detector(setting, class_count=2)

    load_initial_weights(detector, setting)

    assert all(torch.equal(value, donor.state_dict()[name]) for name, value in detector.state_dict().items())


def test_published_coco_weights_load_under_their_old_names(tmp_path: Path, monkeypatch: Any) -> None:
    """The published file names the mask head's, the RPN's and the pyramid's layers as torchvision did years ago."""
    setting = make_resnet50().replace(weights="coco")
    torch.manual_seed(1)
    donor = build_detector(setting, class_count=90).state_dict()
    old = {}
    for name, value in donor.items():
        name = re.sub(r"mask_head\.(\d)\.0\.", lambda found: f"mask_head.mask_fcn{int(found[1]) + 1}.", name)
        name = re.sub(r"(rpn\.head\.conv)\.0\.0\.|(blocks\.\d)\.0\.", lambda found: f"{found[1] or found[2]}.", name)
        old[name] = value
    assert {"rpn.head.conv.weight", "backbone.fpn.inner_blocks.0.weight", "roi_heads.mask_head.mask_fcn4.bias"} <= set(
        old
    )
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(old, tmp_path / "hub" / "checkpoints" / "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(2)
    detector = build_detector(setting, class_count=90)
    fresh = detector.roi_heads.mask_predictor.mask_fcn_logits.weight.clone()

    load_initial_weights(detector, setting)

    state = detector.state_dict()
    replaced = [name for name in state if not torch.equal(state[name], donor[name])]
    assert all(name.startswith(("roi_heads.box_predictor", "roi_heads.mask_predictor.mask_fcn")) for name in replaced)
    assert torch.equal(detector.roi_heads.mask_predictor.mask_fcn_logits.weight, fresh)
    assert detector.backbone.body.bn1.eps == 0.0


def test_imagenet_weights_go_into_the_backbone(tmp_path: Path, monkeypatch: Any) -> None:
    from torchvision.models import resnet18

    donor = resnet18()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(donor.state_dict(), tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    setting = make_resnet50().replace(weights="imagenet", backbone="resnet18")
    detector = build_detector(setting, class_count=2)

    load_initial_weights(detector, setting)

    assert torch.equal(detector.backbone.body.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)
    assert torch.equal(detector.backbone.body.bn1.running_var, donor.bn1.running_var)
    assert detector.normalization == "frozen batch norm"


def test_weights_that_cannot_be_had_name_the_file_and_its_place(tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    setting = use_weights(make_resnet50(), "coco")
    detector = torch.nn.Linear(1, 1)

    with pytest.raises(WeightsError) as caught:
        load_initial_weights(detector, setting)  # type: ignore[arg-type]

    assert "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth" in str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints") in str(caught.value)
    assert "no network" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": "coco", "backbone": "resnet18"}, "resnet50 only, not resnet18"),
        ({"weights": "coco", "name": "compact"}, "no coco weights for compact"),
        ({"weights": "imagenet", "name": "compact"}, "no imagenet weights for compact"),
        ({"weights": "/nowhere/w.pt"}, "no file /nowhere/w.pt"),
    ],
)
def test_weights_that_do_not_exist_are_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_initial_weights(torch.nn.Linear(1, 1), make_resnet50().replace(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can't be read"),
        (b"PK\x03\x04 cut off", "can't be read"),
        ({}, "it is empty"),
        ({"backbone": 3}, "'backbone' is no tensor"),
        ([torch.zeros(1)], "holds a list"),
        ({"backbone.stem.0.weight": torch.zeros(1), "more": torch.zeros(1)}, "does not fit the model"),
    ],
)
def test_files_with_anything_else_are_refused(
    tmp_path: Path, compact_setting: Setting, content: object, message: str
) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    setting = use_weights(compact_setting, path)

    with pytest.raises(WeightsError, match=message) as caught:
        load_initial_weights(build_detector(setting, 2), setting)

    assert str(path) in str(caught.value)


def test_misfits_are_listed(tmp_path: Path, compact_setting: Setting) -> None:
    state = build_detector(compact_setting, 2).state_dict()
    state["backbone.stem.9.weight"] = state.pop("backbone.stem.0.weight")
    torch.save(state, tmp_path / "weights.pt")
    setting = use_weights(compact_setting, tmp_path / "weights.pt")

    with pytest.raises(WeightsError, match=r"stem\.0\.weight is missing; backbone\.stem\.9\.weight is unknown"):
        load_initial_weights(build_detector(setting, 2), setting)


def make_resnet50() -> Setting:

    return make_setting(name="mask_rcnn", backbone="resnet50", learning_rate=0.01, batch_size=2, iterations=2)
