"""The formats that ship do what every format must."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detstudy.data.formats.coco import CocoFormat
from detstudy.data.formats.contract import DataFormat
from detstudy.data.formats.kitti_mots import KittiMotsFormat
from detstudy.study.setting import CocoData, CocoSplit, KittiMotsData
from detstudy.testing import DataFormatContract, draw_tiny_data


class TestCoco(DataFormatContract):
    def write_data(self, folder: Path) -> DataFormat:
        for number, split in enumerate(("train", "validation")):
            (folder / split).mkdir()
            size: dict[str, Any] = {"width": 32, "height": 24}
            images = [{"id": n, "file_name": f"{split}{n}.png", **size} for n in (4, 2)]
            for image in images:
                pixels = np.random.default_rng((number, image["id"])).integers(0, 256, (24, 32, 3), dtype=np.uint8)
                assert cv2.imwrite(str(folder / split / image["file_name"]), pixels)
            shape = {"bbox": [2, 3, 10, 8], "area": 80, "segmentation": [[2, 3, 12, 3, 12, 11, 2, 11]]}
            notes = [{"id": 9 - n, "image_id": 2 * n, "category_id": 5, "iscrowd": n - 1, **shape} for n in (1, 2)]
            document = {"images": images, "annotations": notes, "categories": [{"id": 5, "name": "car"}]}
            (folder / f"{split}.json").write_text(json.dumps(document))
        train, validation = (CocoSplit(annotations=f"{s}.json", images=s) for s in ("train", "validation"))
        return CocoFormat(CocoData(root=str(folder), train=train, validation=validation))


class TestKittiMots(DataFormatContract):
    @pytest.fixture(autouse=True)
    def draw(self, tmp_path: Path) -> None:
        draw_tiny_data(tmp_path)

    def write_data(self, folder: Path) -> DataFormat:
        return KittiMotsFormat(KittiMotsData(root=str(folder), train=(0, 1), validation=(2, 3)))
