from __future__ import annotations

import pytest
import torch
from torchvision.ops import roi_align

from detstudy.study.setting import Setting
from detstudy.trainers.torchvision.compact import CompactBackbone, GridPool, make_compact_parts
from detstudy.trainers.torchvision.detector import build_detector


def test_it_has_about_one_and_a_third_million_parameters(compact_setting: Setting) -> None:
    detector = build_detector(compact_setting, class_count=2)

    assert sum(parameter.numel() for parameter in detector.parameters()) == pytest.approx(1.3e6, rel=0.02)


def test_features_have_strides_from_4_to_32() -> None:
    features = CompactBackbone()(torch.zeros(2, 3, 64, 96))

    assert {name: tuple(value.shape) for name, value in features.items()} == {
        "0": (2, 48, 16, 24),
        "1": (2, 48, 8, 12),
        "2": (2, 48, 4, 6),
        "3": (2, 48, 2, 3),
    }


def test_grid_pool_equals_roi_align_with_one_sample_a_bin() -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.randn((2, 5, 16, 24), generator=random)
    corner = torch.rand((6, 2), generator=random) * 20 + 6
    boxes = torch.cat([corner, corner + torch.rand((6, 2), generator=random) * 30 + 4], dim=1)

    found = GridPool("a", 4, 7)({"a": features}, [boxes[:4], boxes[4:]], None)

    rows = torch.tensor([0.0, 0, 0, 0, 1, 1])[:, None]
    expected = roi_align(features, torch.cat([rows, boxes], 1), 7, 1 / 4, sampling_ratio=1, aligned=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_grid_pool_takes_images_without_regions() -> None:
    features = {"a": torch.ones(2, 5, 16, 24)}
    none = torch.zeros(0, 4)

    assert GridPool("a", 4, 7)(features, [none, none], None).shape == (0, 5, 7, 7)
    assert GridPool("a", 4, 7)(features, [none, torch.tensor([[0.0, 0, 9, 9]])], None).shape == (1, 5, 7, 7)


def test_frozen_stages_are_counted_from_the_stem(compact_setting: Setting) -> None:
    model = compact_setting.replace(frozen_stages=3)
    backbone = make_compact_parts(model, 2).backbone

    frozen = {name.split(".conv")[0] for name, p in backbone.named_parameters() if not p.requires_grad}
    assert {name[:8] for name in frozen} == {"stem.0.w", "stem.1.w", "stem.1.b", "stages.0", "stages.1"}
