"""COCO JSON: every form of mask, against pycocotools; and one clear error for each bad input."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from detstudy.data import DataError, check_dataset, check_path, count_objects, decode_mask, read_dataset
from detstudy.data.formats.coco import parse_coco_file
from detstudy.study.setting import CocoData, CocoSplit

ignore_oracle = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def shift_ids(document):
    """The same content under names of another split."""
    other = copy.deepcopy(document)
    for image in other["images"]:
        image["file_name"] = f"v{image['file_name']}"
    return other


@pytest.fixture
def data(coco_document, write_coco):
    return write_coco(coco_document, shift_ids(coco_document))


def assert_equal_to_pycocotools(records, path: Path, category_ids):
    reference = COCO(path)
    assert [record.id for record in records] == sorted(reference.imgs)
    for record in records:
        raw = sorted(reference.imgToAnns[record.id], key=lambda annotation: annotation["id"])
        assert [note.id for note in record.annotations] == [annotation["id"] for annotation in raw]
        for note, annotation in zip(record.annotations, raw, strict=True):
            assert np.array_equal(decode_mask(note.mask), reference.annToMask(annotation))
            assert category_ids[note.class_index] == annotation["category_id"]
            assert note.crowd == bool(annotation["iscrowd"])
            assert list(note.box) == annotation.get("bbox", list(note.box))


@ignore_oracle
def test_every_form_of_mask_is_read_as_pycocotools_reads_it(coco_document, write_coco, capsys):
    del coco_document["annotations"][2]["area"]
    data = write_coco(coco_document, shift_ids(coco_document))
    dataset = read_dataset(data)
    assert dataset.classes == ("cat", "dog")
    assert dataset.category_ids == (3, 7)
    assert_equal_to_pycocotools(dataset.splits["train"], Path(data.root) / "train.json", dataset.category_ids)
    first, second = dataset.splits["train"]
    assert (first.name, first.path, first.sequence) == ("a.png", Path(data.root) / "train" / "a.png", None)
    assert [note.area for note in first.annotations] == [80.5, 80.0]
    assert second.annotations[0].area == 80.0  # neither box nor area stood in the file
    assert second.annotations[0].box == (6.0, 4.0, 10.0, 8.0)
    assert "test" not in dataset.splits


@ignore_oracle
@pytest.mark.parametrize(("split", "count"), [("train", 32), ("val", 6)])
def test_photographs_are_read_as_pycocotools_reads_them(photographs, split, count):
    own = {
        name: CocoSplit(annotations=f"annotations/instances_{name}2017.json", images=f"images/{name}2017")
        for name in ("train", "val")
    }
    dataset = read_dataset(CocoData(root=str(photographs), train=own["train"], validation=own["val"]))
    records = dataset.splits["train" if split == "train" else "validation"]
    assert len(records) == count
    assert len(dataset.classes) == 80
    assert_equal_to_pycocotools(records, photographs / own[split].annotations, dataset.category_ids)


def test_grey_images_are_told_in_one_sentence(coco_document, write_coco):
    data = write_coco(coco_document, shift_ids(coco_document))
    for name in ("train/a.png", "validation/va.png", "validation/vb.png"):
        path = Path(data.root) / name
        assert cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    result = check_dataset(data)
    assert not result.fatal
    assert result.fault_counts == {"grey_image": 2}
    assert "1 of 2 images" in result.faults[0].message
    assert "are grey" in result.faults[0].message


def test_real_nuclei_have_no_fault_but_their_channels(shared):
    split = {name: CocoSplit(annotations=f"annotations/{name}.json", images="images") for name in ("train", "val")}
    data = CocoData(root=str(shared / "nuclei"), train=split["train"], validation=split["val"])
    result = check_dataset(data)
    assert not result.fatal
    assert result.fault_counts == {"grey_image": 2}
    assert "151 of 200 images are grey" in result.faults[0].message
    assert {name: counts.images for name, counts in result.splits.items()} == {"train": 200, "validation": 60}
    assert result.splits["train"].objects == {"nucleus": 6607}
    assert read_dataset(data).splits["validation"][0].annotations[0].area == 100.0


def test_sequences_come_from_a_field_or_a_pattern(coco_document, write_coco):
    other = shift_ids(coco_document)
    for image in other["images"]:
        image["place"] += " east"
    dataset = read_dataset(write_coco(coco_document, other, sequence_field="place"))
    assert [record.sequence for record in dataset.splits["train"]] == ["north", "south"]
    dataset = read_dataset(write_coco(coco_document, other, sequence_pattern=r"^(\w+)\.png"))
    assert [record.sequence for record in dataset.splits["validation"]] == ["va", "vb"]
    with pytest.raises(DataError, match=r"image 1: `camera` must name .* None; correct it or data.sequence_field"):
        read_dataset(write_coco(coco_document, other, sequence_field="camera"))
    with pytest.raises(DataError, match=r"image 1: a.png does not match sequence_pattern"):
        read_dataset(write_coco(coco_document, other, sequence_pattern=r"^(\d+)"))
    with pytest.raises(DataError, match="not a regular expression"):
        read_dataset(write_coco(coco_document, other, sequence_pattern="("))
    with pytest.raises(DataError, match="a group in parentheses must name"):
        read_dataset(write_coco(coco_document, other, sequence_pattern="a"))
    with pytest.raises(DataError, match="stands beside sequence_field"):
        read_dataset(write_coco(coco_document, other, sequence_field="place", sequence_pattern="(a)"))


SQUARE = [[2, 3, 12, 3, 12, 11, 2, 11]]

BAD_ANNOTATIONS = [
    ({"bbox": [2, 3, 0, 8]}, "degenerate_box", r"annotation 11: bbox .* has no width or no height; mend it or remove"),
    ({"bbox": [2, 3, -1, 8]}, "degenerate_box", "no width or no height"),
    ({"bbox": [2, 3, float("nan"), 8]}, "degenerate_box", "four finite numbers"),
    ({"bbox": [2, 3, 4]}, "degenerate_box", "four finite numbers"),
    ({"bbox": ["2", 3, 4, 5]}, "degenerate_box", "four finite numbers"),
    ({"bbox": [40, 3, 4, 4]}, "box_outside_image", "lies outside the image of 32x24 pixels"),
    ({"area": -1}, "bad_area", "must be a number of pixels"),
    ({"category_id": 4}, "unknown_class", "annotation 11: category_id 4 is not a usable entry of `categories`; add"),
    ({"category_id": "dog"}, "unknown_class", "category_id 'dog' is not"),
    ({"image_id": 5}, "dangling_image_id", "annotation 11: image_id 5 is not a usable entry of `images`"),
    ({"id": 13}, "duplicate_annotation_id", "annotation 13: the id is used twice; give each annotation its own"),
    ({"id": "x"}, "wrong_type", r"annotations\[0\]: `id` must be an integer of 64 bits, not 'x'"),
    ({"iscrowd": 2}, "wrong_type", "`iscrowd` must be 0 or 1, not 2"),
    ({"segmentation": None}, "missing_segmentation", "learns from masks; add polygons or RLE"),
    ({"segmentation": []}, "missing_segmentation", "learns from masks"),
    ({"segmentation": 5}, "wrong_type", "list of polygons or an RLE object, not int"),
    ({"segmentation": [2, 3, 12, 3, 12, 11]}, "bad_polygon", "list of lists"),
    ({"segmentation": [[2, 3, 12, 3]]}, "bad_polygon", "4 coordinates; it needs x and y of three points"),
    ({"segmentation": [[2, 3, 12, 3, 12, 11, 2]]}, "bad_polygon", "7 coordinates"),
    ({"segmentation": [[2, 3, 12, None, 12, 11]]}, "bad_polygon", "not a finite number"),
    ({"segmentation": [[2, 3, 12, float("inf"), 12, 11]]}, "bad_polygon", "not a finite number"),
    ({"segmentation": [[2, 3, 1e9, 3, 12, 11]]}, "bad_polygon", "far outside the image of 32x24"),
    (
        {"segmentation": {"size": [32, 24], "counts": "P"}},
        "mask_size_mismatch",
        r"is \[32, 24\], but its image is \[24, 32\]",
    ),
    (
        {"segmentation": {"size": [24, 32], "counts": "11"}},
        "bad_rle",
        "the RLE has counts for 2 pixels, but 24 rows of 32",
    ),
    ({"segmentation": {"size": [24, 32], "counts": "1 é"}}, "bad_rle", "characters that compressed counts can't have"),
    ({"segmentation": {"size": [24, 32], "counts": "\ud800"}}, "bad_rle", "characters"),
    ({"segmentation": {"size": [24, 32], "counts": "1`"}}, "bad_rle", "break off in the middle"),
    ({"segmentation": {"size": [24, 32], "counts": ""}}, "bad_rle", "has no counts"),
    ({"segmentation": {"size": [24, 32], "counts": [700, 60]}}, "bad_rle", "760 pixels, but its image has 768"),
    ({"segmentation": {"size": [24, 32], "counts": [800, -32]}}, "bad_rle", "not integers of 0 or more"),
    ({"segmentation": {"size": [24, 32]}}, "bad_rle", "a string .compressed. or a list"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD_ANNOTATIONS)
def test_a_bad_annotation_is_named_with_its_remedy(coco_document, write_coco, change, kind, message):
    good = shift_ids(coco_document)
    coco_document["annotations"][0].update(change)
    data = write_coco(coco_document, good)
    with pytest.raises(DataError, match=message) as error:
        read_dataset(data)
    assert str(Path(data.root) / "train.json") in str(error.value)
    assert kind in check_dataset(data).fault_counts


BAD_IMAGES = [
    ({"id": 2}, "duplicate_image_id", "image 2: the id is used twice; give each image its own id"),
    ({"id": None}, "wrong_type", r"images\[0\]: `id` must be an integer of 64 bits, not None"),
    ({"width": 0}, "wrong_type", "image 1: `width` and `height` must be pixels from 1 to 65535, not 0 and 24"),
    ({"height": "24"}, "wrong_type", "not 32 and '24'"),
    ({"file_name": "/a.png"}, "path_outside_folder", "must be relative to the image folder"),
    ({"file_name": None}, "wrong_type", "must be a path below the image folder, not None"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD_IMAGES)
def test_a_bad_image_entry_is_named_with_its_remedy(coco_document, write_coco, change, kind, message):
    data = write_coco(coco_document, shift_ids(coco_document))
    coco_document["images"][0].update(change)
    (Path(data.root) / "train.json").write_text(json.dumps(coco_document))
    with pytest.raises(DataError, match=message):
        read_dataset(data)
    assert kind in check_dataset(data).fault_counts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [\n  {"id": 1,}\n]}', "train.json: line 2, column 12: "),
        (b"", "line 1, column 1"),
        (b"\xff\xfe\xfa\x00\x00", r"the file is not UTF-8 text \(near byte 0\); save it as UTF-8"),
        (b"[1, 2]", "a list is a result file: give the ground truth"),
        (b"3", "must hold an object with `images`, `annotations` and `categories`"),
        (b"{}", "there is no `categories`"),
        (b'{"images": [], "annotations": 5, "categories": []}', "`annotations` must be a list, not int"),
        (b'{"images": [], "annotations": [], "categories": [{"id": 1}]}', r"categories\[0\] must be an object with"),
        (b'{"images": [3], "annotations": [3], "categories": [3]}', r"images\[0\]: an image must"),
    ],
)
def test_a_file_that_is_no_coco_file_is_named(data, content, message):
    (Path(data.root) / "train.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_dataset(data)


def test_missing_files_folders_and_images_are_named(data):
    root = Path(data.root)
    (root / "train" / "b.png").unlink()
    with pytest.raises(DataError, match=r"train/b\.png: the image is not there; put it there or correct its file_name"):
        read_dataset(data)
    assert not check_dataset(data, images=False).fatal
    (root / "train" / "a.png").unlink()
    (root / "train").rmdir()
    with pytest.raises(DataError, match=r"train: the image folder is not there; correct its path"):
        read_dataset(data)
    (root / "train.json").unlink()
    with pytest.raises(DataError, match=r"train\.json: the annotation file is not there; correct its path"):
        read_dataset(data)


def test_splits_need_the_same_categories(coco_document, write_coco):
    other = shift_ids(coco_document)
    other["categories"][0]["name"] = "horse"
    with pytest.raises(DataError, match=r"validation\.json: the categories differ .*7: dog, 7: horse"):
        read_dataset(write_coco(coco_document, other))
    coco_document["categories"].append({"id": 9, "name": "cat"})
    with pytest.raises(DataError, match="category name 'cat' is used twice"):
        read_dataset(write_coco(coco_document, other))
    coco_document["categories"][-1] = {"id": 7, "name": "cow"}
    with pytest.raises(DataError, match="category id 7 is used twice"):
        read_dataset(write_coco(coco_document, other))


def test_a_box_that_stands_out_and_an_empty_mask_are_only_mentioned(coco_document, write_coco):
    good = shift_ids(coco_document)
    coco_document["annotations"][0]["bbox"] = [28, 3, 10, 8]
    coco_document["annotations"][2]["segmentation"]["counts"] = [768]
    coco_document["annotations"][2]["bbox"] = [1, 1, 5, 5]
    result = check_dataset(write_coco(coco_document, good))
    assert not result.fatal
    assert result.fault_counts == {"empty_mask": 1, "box_outside_image": 1}
    assert result.splits["train"].objects == {"cat": 1, "dog": 1}


def test_an_empty_mask_without_a_box_is_only_mentioned_and_left_out(coco_document, write_coco):
    good = shift_ids(coco_document)
    coco_document["annotations"][2]["segmentation"]["counts"] = [768]
    coco_document["annotations"][2].pop("bbox", None)
    data = write_coco(coco_document, good)
    result = check_dataset(data)
    assert (result.fatal, result.fault_counts["empty_mask"]) == (False, 1)
    notes = [note for record in read_dataset(data).splits["train"] for note in record.annotations]
    assert len(notes) == len(coco_document["annotations"]) - 1


def test_a_bare_file_is_checked_with_the_images_near_it(coco_document, data):
    path = Path(data.root) / "train.json"
    result = check_path(path)
    assert result.faults == ()
    assert (result.splits["all"].images, result.splits["all"].ignore) == (2, 1)
    assert result.splits["all"].objects == {"cat": 1, "dog": 1}
    (path.parent / "train" / "a.png").write_text("no image")
    assert check_path(path).fault_counts == {"undecodable_image": 1}
    packed = path.parent / "packed.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert check_path(packed, images=False).splits == result.splits
    assert check_path(packed).fault_counts == {"missing_folder": 1}
    packed.write_bytes(packed.read_bytes()[:-20])
    assert check_path(packed).fault_counts == {"bad_json": 1}


def test_a_check_names_what_reading_the_masks_names(coco_document, tmp_path):
    rng = np.random.default_rng(5)
    for number in range(300):
        x, y, size = rng.uniform(-10, 40), rng.uniform(-10, 30), rng.choice([0.1, 1, 3, 9])
        outline = (np.array([x, y]) + rng.uniform(-size, size, (int(rng.integers(3, 7)), 2))).round(1)
        note: dict[str, Any] = {"id": 100 + number, "image_id": 1, "category_id": 3, "iscrowd": 0}
        note["segmentation"] = [outline.ravel().tolist()]
        if rng.random() < 0.3:
            note["segmentation"] = {"size": [24, 32], "counts": [int(rng.integers(0, 2)) * 400, 0, 768]}
        note |= {"bbox": [1, 1, int(rng.choice([0, 5, 5])), 5]} if rng.random() < 0.8 else {}
        coco_document["annotations"].append(note)
    path = tmp_path / "train.json"
    path.write_text(json.dumps(coco_document))
    found = []
    for masks in (False, True):
        faults = []
        file = parse_coco_file(path, tmp_path, faults.append, images=False, masks=masks)
        found.append((faults, count_objects(file.images, file.classes)))
    assert found[0] == found[1]
    assert len({fault.kind for fault in found[0][0]} & {"empty_mask", "bad_rle", "degenerate_box", "missing_area"}) == 4


def test_progress_tells_of_every_byte_and_image(coco_document, write_coco):
    data = write_coco(coco_document, shift_ids(coco_document))
    last = {}
    check_dataset(data, progress=lambda what, done, total: last.update({what: (done, total)}))
    size = (Path(data.root) / "train.json").stat().st_size
    assert last["train.json"] == (size, size)
    assert last["images of train"] == last["images of validation"] == (2, 2)
