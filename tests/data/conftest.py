"""Tiny data sets, written to disk by each test that needs one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detstudy.data import encode_mask
from detstudy.study.setting import CocoData, CocoSplit, KittiMotsData

HEIGHT, WIDTH = 24, 32


@pytest.fixture
def coco_document() -> dict[str, Any]:
    """Two images with a polygon, an uncompressed and a compressed RLE, and one crowd; category ids 3 and 7."""
    square = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    square[4:12, 6:16] = 1
    columns = square.T.ravel()
    borders = np.flatnonzero(np.diff(columns)) + 1
    runs = np.diff(borders, prepend=0, append=columns.size).tolist()
    return {
        "images": [
            {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, "place": "north"},
            {"id": 2, "file_name": "b.png", "width": WIDTH, "height": HEIGHT, "place": "south"},
        ],
        "annotations": [
            {
                "id": 11,
                "image_id": 1,
                "category_id": 7,
                "iscrowd": 0,
                "bbox": [2, 3, 10, 8],
                "area": 80.5,
                "segmentation": [[2, 3, 12, 3, 12, 11, 2, 11]],
            },
            {
                "id": 12,
                "image_id": 1,
                "category_id": 3,
                "iscrowd": 1,
                "bbox": [6, 4, 10, 8],
                "area": 80,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": runs},
            },
            {
                "id": 13,
                "image_id": 2,
                "category_id": 3,
                "iscrowd": 0,
                "area": 80,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": encode_mask(square).counts.decode()},
            },
        ],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    }


@pytest.fixture
def write_coco(tmp_path: Path) -> Callable[..., CocoData]:
    """Write a train and a validation document with grey images, and return the setting that names them."""

    def write(train: Any, validation: Any, **fields: Any) -> CocoData:
        for split, document in (("train", train), ("validation", validation)):
            (tmp_path / split).mkdir(exist_ok=True)
            for image in document["images"]:
                pixels = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
                mark = zlib.crc32(f"{split}/{image.get('file_name')}".encode())  # no two files are the same
                pixels[0, 0] = list(mark.to_bytes(4, "big"))[:3]
                assert cv2.imwrite(str(tmp_path / split / str(image.get("file_name"))), pixels)
            (tmp_path / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
        return CocoData(
            root=str(tmp_path),
            train=CocoSplit(annotations="train.json", images="train"),
            validation=CocoSplit(annotations="validation.json", images="validation"),
            **fields,
        )

    return write


@pytest.fixture
def write_kitti(tmp_path: Path) -> Callable[..., KittiMotsData]:
    """Write sequences 0 and 1 of three frames each (the last without objects) in the text or the PNG form."""

    def write(form: str = "text", name: str = "kitti") -> KittiMotsData:
        training = tmp_path / name / "training"
        for sequence in (0, 1):
            frames = training / "image_02" / f"{sequence:04d}"
            frames.mkdir(parents=True)
            lines = []
            for frame in range(3):
                pixels = np.full((HEIGHT, WIDTH, 3), 40 * frame + sequence, dtype=np.uint8)
                assert cv2.imwrite(str(frames / f"{frame:06d}.png"), pixels)
                ids = draw_ids(sequence, frame)
                if form == "png":
                    folder = training / "instances" / f"{sequence:04d}"
                    folder.mkdir(parents=True, exist_ok=True)
                    assert cv2.imwrite(str(folder / f"{frame:06d}.png"), ids)
                for object_id in np.unique(ids[ids > 0]).tolist():
                    counts = encode_mask(ids == object_id).counts.decode()
                    lines.append(f"{frame} {object_id} {object_id // 1000} {HEIGHT} {WIDTH} {counts}")
            if form == "text":
                (training / "instances_txt").mkdir(exist_ok=True)
                (training / "instances_txt" / f"{sequence:04d}.txt").write_text("\n".join(lines) + "\n")
        return KittiMotsData(root=str(tmp_path / name), train=(0,), validation=(1,))

    return write


def draw_ids(sequence: int, frame: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """A car that moves, a pedestrian with a hole, a region to ignore; nothing in the last frame."""
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    if frame < 2:
        ids[10:20, 2 + frame : 14 + frame] = 1003
        ids[3:22, 16:21] = 2001 + sequence
        ids[8:10, 18] = 0
        ids[0:3, :] = 10000
        ids[23, 31] = 1000
    return ids
