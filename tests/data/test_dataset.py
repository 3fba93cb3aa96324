"""What must hold between splits, and what stays the same when nothing that counts changes."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from detstudy.data import (
    DataError,
    build_ground_truth,
    check_dataset,
    fingerprint_dataset,
    load_image,
    read_dataset,
)
from detstudy.data.check import find_identical
from detstudy.data.masks import encode_mask
from detstudy.data.records import ImageRecord
from detstudy.study.setting import CocoData, CocoSplit


def rename(document, prefix="v"):
    other = copy.deepcopy(document)
    for image in other["images"]:
        image["file_name"] = prefix + image["file_name"]
    return other


def test_train_and_validation_share_no_image(coco_document, write_coco):
    data = write_coco(coco_document, rename(coco_document))
    same = CocoData(root=data.root, train=data.train, validation=data.train)
    with pytest.raises(DataError, match=r"both splits have 2 images in common \(a\.png, b\.png\); give each to one"):
        read_dataset(same)
    alike = check_dataset(write_coco(coco_document, coco_document))
    assert alike.fault_counts == {"same_image_names": 1, "unlisted_images": 1}  # those of before
    assert not alike.fatal


def test_copies_under_other_names_are_found(coco_document, write_coco):
    data = write_coco(coco_document, rename(coco_document))
    root = Path(data.root)
    assert check_dataset(data).faults == ()
    shutil.copy(root / "train" / "b.png", root / "validation" / "va.png")
    result = check_dataset(data)
    assert not result.fatal
    assert [(fault.kind, fault.where) for fault in result.faults] == [
        ("identical_images", f"{root}: train and validation")
    ]
    assert result.faults[0].message.startswith(
        "1 of the 2 images of train are byte for byte images of validation too (b.png = va.png); "
    )
    assert check_dataset(data, images=False).faults == ()


def test_a_frame_of_another_sequence_is_found_again(write_kitti):
    data = write_kitti()
    frames = Path(data.root) / "training" / "image_02"
    for frame in ("000000.png", "000001.png"):
        shutil.copy(frames / "0000" / frame, frames / "0001" / frame)
    (fault,) = check_dataset(data).faults
    assert fault.kind == "identical_images"
    assert "2 of the 3 images of train" in fault.message
    assert "(0000/000000.png = 0001/000000.png, 0000/000001.png = 0001/000001.png)" in fault.message


def test_files_are_told_apart_however_late_they_differ(tmp_path):
    contents = {"a": b"x" * 100_000, "b": b"y" * 100_000, "c": b"x" * 99_999 + b"z", "d": b"", "e": b"x" * 100_000}
    records = {}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        records[name] = ImageRecord(1, tmp_path / name, name, 4, 4, None, ())
    gone = ImageRecord(2, tmp_path / "gone", "gone", 4, 4, None, ())
    pairs = find_identical([records["a"], records["d"], gone], [*map(records.get, "bcde"), gone])
    assert [(own.name, same.name) for own, same in pairs] == [("a", "e")]


def test_sequences_of_a_test_split_overlap_nothing_either(coco_document, write_coco):
    other = rename(coco_document)
    for image in other["images"]:
        image["place"] = "west"
    data = write_coco(coco_document, other, sequence_field="place")
    again = CocoData(
        root=data.root, train=data.train, validation=data.validation, test=data.validation, sequence_field="place"
    )
    with pytest.raises(DataError, match="validation and test: both splits have sequences west"):
        read_dataset(again)


def test_a_split_without_objects_is_refused(coco_document, write_coco):
    other = rename(coco_document)
    other["annotations"] = [other["annotations"][1]]  # the crowd
    with pytest.raises(DataError, match="validation: no image has an object to learn or to find"):
        read_dataset(write_coco(coco_document, other))
    other["images"] = []
    other["annotations"] = []
    with pytest.raises(DataError, match="validation: there is no usable image"):
        read_dataset(write_coco(coco_document, other))


def test_a_class_without_objects_is_mentioned(coco_document, write_coco):
    other = rename(coco_document)
    del other["annotations"][0]
    result = check_dataset(write_coco(coco_document, other))
    assert [(fault.kind, fault.fatal) for fault in result.faults] == [("class_without_objects", False)]
    assert "1 class has no object (dog)" in result.faults[0].message


def test_all_faults_are_found_in_one_pass(coco_document, write_coco):
    data = write_coco(coco_document, rename(coco_document))
    root = Path(data.root)
    (root / "train" / "a.png").write_bytes(b"")
    shutil.copy(root / "train" / "b.png", root / "validation" / "vb.png")
    (root / "validation" / "va.png").unlink()
    coco_document["annotations"][0]["bbox"] = [0, 0, 0, 0]
    coco_document["annotations"][1]["category_id"] = 5
    coco_document["images"][1]["height"] = 25
    (root / "train.json").write_text(json.dumps(coco_document))
    result = check_dataset(data)
    assert result.fault_counts == {
        "unknown_class": 1,
        "mask_size_mismatch": 1,
        "degenerate_box": 1,
        "no_objects": 1,
        "missing_image": 1,
        "empty_image": 1,
        "image_size_mismatch": 1,
        "identical_images": 1,
    }
    with pytest.raises(DataError, match=r"The data set has 4 other fatal faults; `detstudy data check` lists them all"):
        read_dataset(data)


def test_ground_truth_is_what_pycocotools_takes(coco_document, write_coco, tmp_path, capsys):
    dataset = read_dataset(write_coco(coco_document, rename(coco_document)))
    document = build_ground_truth(dataset, "train")
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(document))
    reference = COCO(path)
    assert reference.getCatIds() == [3, 7]
    assert [image["file_name"] for image in reference.imgs.values()] == ["a.png", "b.png"]
    for record in dataset.splits["train"]:
        raw = reference.imgToAnns[record.id]
        assert [(note.id, list(note.box), note.area, int(note.crowd)) for note in record.annotations] == [
            (annotation["id"], annotation["bbox"], annotation["area"], annotation["iscrowd"]) for annotation in raw
        ]
    # What was written reads back as the same records.
    split = CocoSplit(annotations=str(path), images="train")
    again = read_dataset(
        CocoData(
            root=str(tmp_path), train=split, validation=CocoSplit(annotations="validation.json", images="validation")
        )
    )
    assert again.splits["train"] == dataset.splits["train"]


def test_a_region_to_ignore_becomes_a_crowd_of_each_category(write_kitti):
    dataset = read_dataset(write_kitti())
    document = build_ground_truth(dataset, "validation")
    assert document == build_ground_truth(dataset, "validation")
    crowds = [annotation for annotation in document["annotations"] if annotation["iscrowd"]]
    assert [(crowd["image_id"], crowd["category_id"]) for crowd in crowds] == [
        (1_000_000, 1),
        (1_000_000, 2),
        (1_000_001, 1),
        (1_000_001, 2),
    ]
    assert crowds[0]["segmentation"] == crowds[1]["segmentation"]
    ids = [annotation["id"] for annotation in document["annotations"]]
    assert len(set(ids)) == len(ids) == 10
    assert document["images"][2] == {
        "id": 1_000_002,
        "file_name": "0001/000002.png",
        "width": 32,
        "height": 24,
        "sequence": "0001",
    }


def test_the_fingerprint_ignores_where_and_when_and_in_what_order(coco_document, write_coco, tmp_path):
    data = write_coco(coco_document, rename(coco_document))
    expected = fingerprint_dataset(read_dataset(data))
    assert len(expected) == 64
    moved = tmp_path / "moved"
    shutil.copytree(data.root, moved, ignore=shutil.ignore_patterns("moved"))
    shuffled = {
        key: [dict(reversed(entry.items())) for entry in reversed(coco_document[key])]
        for key in ("categories", "annotations", "images")
    }
    (moved / "train.json").write_text(json.dumps(shuffled, indent=2))
    os.utime(moved / "train" / "a.png", (0, 0))
    (moved / "train" / "b.png").write_bytes(b"pixels are not looked at")
    other = CocoData(root=str(moved), train=data.train, validation=data.validation)
    assert fingerprint_dataset(read_dataset(other)) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["annotations"][0].update(bbox=[2, 3, 10, 8.5]),
        lambda document: document["annotations"][0].update(category_id=3),
        lambda document: document["annotations"][0].update(area=81),
        lambda document: document["annotations"][0].update(iscrowd=1),
        lambda document: document["annotations"][0].update(segmentation=[[2, 3, 12, 3, 12, 10, 2, 10]]),
        lambda document: document["annotations"].pop(0),
        lambda document: document["images"][0].update(file_name="c.png"),
        lambda document: document["images"].append({"id": 3, "file_name": "c.png", "width": 32, "height": 24}),
        lambda document: document["categories"].append({"id": 9, "name": "cow"}),
    ],
)
def test_the_fingerprint_changes_with_what_is_learned(coco_document, write_coco, change):
    other = rename(coco_document)
    before = fingerprint_dataset(read_dataset(write_coco(coco_document, other)))
    change(coco_document)
    other["categories"] = coco_document["categories"]
    assert fingerprint_dataset(read_dataset(write_coco(coco_document, other))) != before


def test_reading_opens_no_image_and_imports_neither_torch_nor_opencv(coco_document, write_coco):
    data = write_coco(coco_document, rename(coco_document))
    for path in Path(data.root).glob("*/*.png"):
        path.write_bytes(b"")
    program = (
        "import sys; from detstudy.data import read_dataset; from detstudy.study.setting import CocoData, CocoSplit\n"
        f"dataset = read_dataset({data!r})\n"
        "assert len(dataset.splits['train']) == 2\n"
        "assert not {'torch', 'cv2', 'PIL'} & set(sys.modules), 'heavy import'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_home_folder_is_understood(coco_document, write_coco, monkeypatch):
    data = write_coco(coco_document, rename(coco_document))
    monkeypatch.setenv("HOME", data.root)
    home = CocoData(root="~", train=data.train, validation=data.validation)
    record = read_dataset(home).splits["train"][0]
    assert load_image(record).shape == (24, 32, 3)
    assert encode_mask(load_image(record)[..., 0]).height == 24
