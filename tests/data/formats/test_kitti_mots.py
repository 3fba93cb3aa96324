"""KITTI-MOTS: both annotation forms, the official split, and one clear error for each bad input."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from detstudy.data import (
    DataError,
    build_ground_truth,
    check_dataset,
    check_path,
    decode_mask,
    encode_mask,
    fingerprint_dataset,
    read_dataset,
)
from detstudy.data.formats.kitti_mots import OFFICIAL_TRAIN, OFFICIAL_VALIDATION
from detstudy.study.setting import KittiMotsData

WHOLE = encode_mask(np.ones((24, 32))).counts.decode()
NONE = encode_mask(np.zeros((24, 32))).counts.decode()


def text_of(data: KittiMotsData, sequence: int = 0) -> Path:
    return Path(data.root) / "training" / "instances_txt" / f"{sequence:04d}.txt"


def test_text_gives_frames_objects_and_ignore_regions(write_kitti):
    dataset = read_dataset(write_kitti())
    assert dataset.classes == ("car", "pedestrian")
    assert dataset.category_ids == (1, 2)
    assert [len(records) for records in dataset.splits.values()] == [3, 3]
    first, second, bare = dataset.splits["validation"]
    assert (first.id, second.id, bare.id) == (1_000_000, 1_000_001, 1_000_002)
    assert (first.name, first.sequence, first.width, first.height) == ("0001/000000.png", "0001", 32, 24)
    assert first.path.is_file()
    assert bare.annotations == ()
    assert [(note.class_index, note.crowd) for note in first.annotations] == [
        (0, False),
        (0, False),
        (1, False),
        (-1, True),
    ]
    point, car, _, region = first.annotations
    assert (point.area, point.box) == (1.0, (31.0, 23.0, 1.0, 1.0))
    assert (car.area, car.box) == (120.0, (2.0, 10.0, 12.0, 10.0))
    assert region.area == decode_mask(region.mask).sum() == 96
    assert [note.id for note in first.annotations + second.annotations] == list(range(1, 9))


def test_both_forms_give_the_same_records(write_kitti):
    text, png = (read_dataset(write_kitti(form, form)) for form in ("text", "png"))
    for split, records in text.splits.items():
        for one, other in zip(records, png.splits[split], strict=True):
            assert one.annotations == other.annotations
            assert (one.id, one.name, one.width, one.height) == (other.id, other.name, other.width, other.height)
    assert fingerprint_dataset(text) == fingerprint_dataset(png)


def test_the_root_may_be_training_itself_and_annotations_may_lie_beside_it(write_kitti):
    data = write_kitti()
    expected = fingerprint_dataset(read_dataset(data))
    inner = KittiMotsData(root=f"{data.root}/training", train=(0,), validation=(1,))
    assert fingerprint_dataset(read_dataset(inner)) == expected
    shutil.move(text_of(data).parent, Path(data.root) / "instances_txt")
    assert fingerprint_dataset(read_dataset(data)) == expected


def test_the_official_split_is_the_default_and_must_be_complete(write_kitti):
    assert len(OFFICIAL_TRAIN) == 12
    assert sorted(OFFICIAL_TRAIN + OFFICIAL_VALIDATION) == list(range(21))
    data = write_kitti()
    with pytest.raises(DataError, match=r"official split's sequences 3, 4, 5, 9, .* for train are not there; .*0, 1"):
        read_dataset(KittiMotsData(root=data.root))
    with pytest.raises(DataError, match=r"data.validation's sequences 7 for validation are not there"):
        read_dataset(KittiMotsData(root=data.root, train=(0,), validation=(1, 7)))


def test_train_and_validation_share_no_sequence(write_kitti):
    data = write_kitti()
    with pytest.raises(
        DataError, match=r"train and validation: both splits have sequences 0000; give each .* one split"
    ):
        read_dataset(KittiMotsData(root=data.root, train=(0, 1), validation=(0,)))
    with pytest.raises(DataError, match="train lists a sequence twice"):
        read_dataset(KittiMotsData(root=data.root, train=(0, 0), validation=(1,)))


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("0 1001 1 24 32", "bad_line", "line 9: the line has 5 fields; it needs six: frame id class height width rle"),
        ("0 a 1 24 32 66", "bad_line", "must be integers, not '0 a 1 24 32'"),
        ("1234567 1001 1 24 32 66", "bad_line", "at most six digits"),
        ("0 1001 1 24 99999999999999999999 66", "bad_line", "height and width must be pixels from 1 to 65535"),
        ("0 3001 3 24 32 66", "unknown_class", r"class 3 is unknown; KITTI-MOTS has 1 .car., 2 .pedestrian. and 10"),
        ("0 1001 1 24 32 11", "bad_rle", "the RLE has counts for 2 pixels, but 24 rows of 32 are 768"),
        ("0 1001 1 24 32 ~", "bad_rle", "characters that compressed counts can't have"),
        ("2 1001 1 24 32 NONE", "empty_mask", "the mask covers no pixel; remove the line"),
        ("0 1001 1 32 24 WHOLE", "mask_size_mismatch", "the size 32 24 differs from the frame's first line, 24 32"),
        ("0 1003 1 24 32 WHOLE", "duplicate_object_id", "frame 0 has object 1003 twice"),
        ("9 1003 1 24 32 WHOLE", "missing_image", r"000009\.png: the frame has annotations but is not there"),
    ],
)
def test_a_bad_line_is_named_with_its_remedy(write_kitti, line, kind, message):
    data = write_kitti()
    with text_of(data).open("a") as file:
        file.write(f"{line}\n".replace("WHOLE", WHOLE).replace("NONE", NONE))
    with pytest.raises(DataError, match=message):
        read_dataset(data)
    counts = check_dataset(data).fault_counts
    counts.pop("unordered_lines", None)  # the line stands last
    assert counts == {kind: 1}


def test_overlaps_and_contradicting_ids_are_only_mentioned(write_kitti):
    data = write_kitti()
    with text_of(data).open("a") as file:
        file.write(f"0 2900 1 24 32 {WHOLE}\n")  # the whole frame
    result = check_dataset(data)
    assert not result.fatal
    assert result.fault_counts == {"overlapping_masks": 4, "id_class_mismatch": 1, "unordered_lines": 1}
    assert "objects 1000 and 2900 of frame 0 overlap" in {fault.message.split(";")[0] for fault in result.faults}


def test_overlaps_are_those_of_the_decoded_masks(write_kitti):
    data = write_kitti()
    rng = np.random.default_rng(1)
    masks = {}
    lines = []
    for frame in range(3):
        for number in range(1, 7):
            y, x = rng.integers(0, 18), rng.integers(0, 26)
            mask = np.zeros((24, 32), dtype=bool)
            mask[y : y + 5, x : x + 5] = True
            masks[frame, number] = mask
            lines.append(f"{frame} {1000 + number} 1 24 32 {encode_mask(mask).counts.decode()}")
    text_of(data).write_text("\n".join(lines))
    touching = {
        one
        for one in masks
        for other in masks
        if one[0] == other[0] and one != other and (masks[one] & masks[other]).any()
    }
    found = set()
    for fault in check_dataset(data).faults:
        if fault.kind != "overlapping_masks":
            continue
        words = fault.message.split()
        found |= {(int(words[6]), int(words[1]) - 1000), (int(words[6]), int(words[3]) - 1000)}
    assert found == touching
    assert touching


def test_bad_annotation_images_are_named(write_kitti):
    data = write_kitti("png")
    folder = Path(data.root) / "training" / "instances" / "0000"
    (folder / "000000.png").write_text("no image")
    ids = np.zeros((24, 32), dtype=np.uint16)
    ids[2:5, 2:5] = 5001
    cv2.imwrite(str(folder / "000001.png"), ids)
    (folder / "000002.png").unlink()
    result = check_dataset(data)
    kinds = [(fault.kind, Path(fault.where).name, fault.fatal) for fault in result.faults]
    assert kinds[:3] == [
        ("undecodable_annotation", "000000.png", True),
        ("unknown_class", "000001.png: object 5001", True),
        ("frame_without_annotation", "0000", False),
    ]


def test_missing_folders_and_frames_are_named(write_kitti, tmp_path):
    with pytest.raises(DataError, match=r"nowhere: the data set's folder is not there; correct data\.root"):
        read_dataset(KittiMotsData(root=str(tmp_path / "nowhere")))
    data = write_kitti()
    frames = Path(data.root) / "training" / "image_02"
    shutil.rmtree(frames / "0000")
    with pytest.raises(DataError, match="0000: the sequence has annotations but no folder of frames"):
        read_dataset(data)
    shutil.rmtree(frames)
    with pytest.raises(DataError, match=r"there are no frames; put KITTI tracking's .*--annotations-only"):
        read_dataset(data)
    result = check_dataset(data, images=False)
    assert not result.fatal
    assert result.splits["train"].images == 2  # without frames only those with objects are known
    shutil.rmtree(text_of(data).parent)
    with pytest.raises(DataError, match="there are no annotations; KITTI-MOTS keeps them in"):
        read_dataset(data)


def test_a_sequence_without_annotations_is_named(write_kitti):
    data = write_kitti()
    text_of(data).unlink()
    with pytest.raises(DataError, match=r"instances_txt/0000: the sequence has frames but no annotations"):
        read_dataset(data)


def test_a_frame_without_objects_needs_a_readable_header(write_kitti):
    data = write_kitti()
    path = Path(data.root) / "training" / "image_02" / "0000" / "000002.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"000002\.png: the frame's header is not that of a PNG or JPEG image"):
        read_dataset(data)


def test_a_bare_folder_is_recognised(write_kitti, tmp_path):
    data = write_kitti()
    whole = check_path(Path(data.root))
    assert whole.faults == ()
    assert whole.splits["all"].images == 6
    assert whole.splits["all"].objects == {"car": 8, "pedestrian": 4}
    assert whole.splits["all"].ignore == 4
    texts = check_path(text_of(data).parent, images=False)
    assert texts.faults == ()
    assert texts.splits["all"].objects == whole.splits["all"].objects
    assert check_path(text_of(data).parent).fault_counts == {"missing_folder": 1}
    (tmp_path / "empty").mkdir()
    assert "give a study file, a COCO file" in check_path(tmp_path / "empty").faults[0].message
    assert "is not there" in check_path(tmp_path / "nowhere").faults[0].message


def test_a_set_without_fault_has_none_in_any_of_its_forms(tiny_data, tmp_path):
    whole = check_path(tiny_data)
    assert whole.faults == ()
    assert min(whole.splits["all"].objects.values()) > 0
    text = check_path(tiny_data / "training" / "instances_txt", images=False)
    assert text.faults == ()
    assert text.splits["all"].objects == whole.splits["all"].objects
    dataset = read_dataset(KittiMotsData(root=str(tiny_data), train=(0, 1), validation=tuple(range(2, 8))))
    documents = [build_ground_truth(dataset, split) for split in ("train", "validation")]
    objects: Counter[str] = Counter()
    for document in documents:
        path = tmp_path / "annotations.json.gz"
        path.write_bytes(gzip.compress(json.dumps(document).encode()))
        coco = check_path(path, images=False)
        assert coco.faults == ()
        assert coco.splits["all"].images == len(document["images"])
        objects += Counter(coco.splits["all"].objects)
    assert objects == whole.splits["all"].objects
    # The text form knows only frames with objects, which the other names too.
    named = {annotation["image_id"] for document in documents for annotation in document["annotations"]}
    assert text.splits["all"].images == len(named)


def test_the_real_validation_set_has_no_fault(shared):
    folder = shared / "kitti_mots_val"
    text = check_path(folder / "instances_txt", images=False)
    assert text.faults == ()
    assert text.splits["all"].objects == {"car": 8029, "pedestrian": 3347}
    coco = check_path(folder / "annotations.json.gz", images=False)
    assert coco.faults == ()
    assert coco.splits["all"].objects == text.splits["all"].objects
    assert coco.splits["all"].images == 2920
    # The text form knows only frames with objects, which the other names too.
    document = json.loads(gzip.decompress((folder / "annotations.json.gz").read_bytes()))
    assert text.splits["all"].images == len({annotation["image_id"] for annotation in document["annotations"]})


def test_one_listed_split_leaves_the_rest_to_the_other(write_kitti):
    data = write_kitti()
    for listed in (KittiMotsData(root=data.root, train=(0,)), KittiMotsData(root=data.root, validation=(1,))):
        splits = read_dataset(listed).splits
        assert {image.sequence for image in splits["train"]} == {"0000"}
        assert {image.sequence for image in splits["validation"]} == {"0001"}
