from __future__ import annotations

import pytest
import torch
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.detector import build_detector
from detstudy.trainers.torchvision.hyperparameters import make_setting


@pytest.fixture
def resnet_setting() -> Setting:
    return make_setting(
        name="mask_rcnn",
        backbone="resnet18",
        image_min_size=64,
        image_max_size=200,
        learning_rate=0.01,
        batch_size=2,
        iterations=2,
        rpn_nms_threshold=0.6,
        rpn_pre_nms_top_n_test=50,
        rpn_post_nms_top_n_test=20,
        detections_per_image=7,
    )


def test_weights_have_the_names_and_shapes_of_torchvisions_model(resnet_setting: Setting) -> None:
    setting = resnet_setting.replace(backbone="resnet50")

    with torch.device("meta"):
        ours = build_detector(setting, class_count=90)
        theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)

    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


def test_detections_and_losses_are_torchvisions(resnet_setting: Setting) -> None:
    """The same weights in torchvision's own model, with its own transform, RPN and mask pasting."""
    torch.manual_seed(0)
    ours = build_detector(resnet_setting, class_count=2)
    theirs = MaskRCNN(
        resnet_fpn_backbone(
            backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5
        ),
        3,
        min_size=64,
        max_size=200,
        rpn_nms_thresh=0.6,
        rpn_pre_nms_top_n_test=50,
        rpn_post_nms_top_n_test=20,
        box_detections_per_img=7,
    )
    theirs.load_state_dict(ours.state_dict())
    images = [torch.randint(0, 256, (3, 60, 90), dtype=torch.uint8) for _ in range(2)]
    box = torch.tensor([[10.0, 12.0, 50.0, 44.0]])
    mask = torch.zeros(1, 60, 90, dtype=torch.uint8)
    mask[0, 12:44, 10:50] = 1
    targets = [{"boxes": box, "labels": torch.tensor([2]), "masks": mask}] * 2

    torch.manual_seed(1)
    losses = ours(images, targets)
    torch.manual_seed(1)
    expected = theirs([image / 255 for image in images], targets)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-4, msg=name)

    with torch.inference_mode():
        found, wanted = ours.eval()(images), theirs.eval()([image / 255 for image in images])
    assert [len(image["boxes"]) for image in found] == [len(image["boxes"]) for image in wanted]
    for mine, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine["boxes"], other["boxes"], rtol=1e-3, atol=1e-2)
        torch.testing.assert_close(mine["scores"], other["scores"], rtol=1e-3, atol=1e-4)


def test_every_knob_of_the_setting_reaches_its_place(compact_setting: Setting) -> None:
    setting = compact_setting.replace(
        rpn_pre_nms_top_n_train=11,
        rpn_pre_nms_top_n_test=12,
        rpn_post_nms_top_n_train=13,
        rpn_post_nms_top_n_test=14,
        rpn_nms_threshold=0.15,
        rpn_batch_size_per_image=16,
        rpn_positive_fraction=0.17,
        box_batch_size_per_image=18,
        box_positive_fraction=0.19,
        box_score_threshold=0.2,
        box_nms_threshold=0.21,
        detections_per_image=22,
        image_min_size=23,
        image_max_size=24,
        anchor_sizes=((25,), (26,), (27,)),
        anchor_aspect_ratios=(0.28,),
    )

    detector = build_detector(setting, class_count=5)

    rpn, heads = detector.rpn, detector.roi_heads
    assert rpn._pre_nms_top_n == {"training": 11, "testing": 12}
    assert rpn._post_nms_top_n == {"training": 13, "testing": 14}
    assert (rpn.nms_thresh, rpn.fg_bg_sampler.batch_size_per_image, rpn.fg_bg_sampler.positive_fraction) == (
        0.15,
        16,
        0.17,
    )
    assert (heads.fg_bg_sampler.batch_size_per_image, heads.fg_bg_sampler.positive_fraction) == (18, 0.19)
    assert (heads.score_thresh, heads.nms_thresh, heads.detections_per_img) == (0.2, 0.21, 22)
    assert (detector.transform.min_size, detector.transform.max_size) == (23, 24)
    assert rpn.anchor_generator.sizes == ((25,), (26,), (27,))
    assert rpn.anchor_generator.aspect_ratios == ((0.28,),) * 3
    assert heads.box_predictor.cls_score.out_features == 6


def test_boxes_stay_in_full_precision_where_the_network_computes_in_half(compact_setting: Setting) -> None:
    detector = build_detector(compact_setting, 2)
    images = [torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)]
    mask = torch.ones(1, 64, 96, dtype=torch.uint8)
    targets = [{"boxes": torch.tensor([[3.0, 4, 50, 60]]), "labels": torch.tensor([1]), "masks": mask}]
    seen = {}
    detector.backbone.register_forward_hook(lambda _, __, out: seen.update(features=out["0"].dtype))
    detector.roi_heads.box_roi_pool.register_forward_pre_hook(lambda _, args: seen.update(boxes=args[1][0].dtype))

    with torch.autocast("cpu", torch.bfloat16):
        losses = detector(images, targets)
        found = detector.eval()(images)

    assert seen == {"features": torch.bfloat16, "boxes": torch.float32}
    assert all(bool(loss.isfinite()) for loss in losses.values())
    assert found[0]["boxes"].dtype == torch.float32


@pytest.mark.parametrize(("frozen", "learning"), [(0, 5), (2, 3), (5, 0)])
def test_frozen_stages_leave_the_last_ones_learning(resnet_setting: Setting, frozen: int, learning: int) -> None:
    body = build_detector(resnet_setting.replace(frozen_stages=frozen), 2).backbone.body

    stages = ["conv1", "layer1", "layer2", "layer3", "layer4"]
    assert [all(p.requires_grad for p in body[stage].parameters()) for stage in stages] == [False] * frozen + [
        True
    ] * learning
