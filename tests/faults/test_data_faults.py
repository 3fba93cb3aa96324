"""Every kind of damage to a data set is named with its place and a remedy, in one pass and without a traceback."""

from __future__ import annotations

import copy
import gzip
import importlib.util
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detstudy.data import check_dataset, check_path, encode_mask, load_image, read_dataset
from detstudy.data.check import CheckResult
from detstudy.study.setting import CocoData, CocoSplit, DataSetting, KittiMotsData

HEIGHT, WIDTH = 24, 32
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@dataclass
class Scenes:
    """A COCO data set whose every image has one object; damage is done to image `k` and to its annotation."""

    root: Path
    document: dict[str, Any]
    validation: dict[str, Any]
    split: str = "train"
    raw: bytes | None = None  # instead of the document
    more: dict[str, Any] = field(default_factory=dict)

    def image(self, k: int) -> dict[str, Any]:
        return self.document["images"][k]

    def note(self, k: int) -> dict[str, Any]:
        return self.document["annotations"][k]

    def file(self, k: int) -> Path:
        return self.root / "train" / f"{k}.png"

    def setting(self) -> CocoData:
        content = json.dumps(self.document).encode() if self.raw is None else self.raw
        (self.root / "train.json").write_bytes(content)
        (self.root / "validation.json").write_text(json.dumps(self.validation))
        return CocoData(
            root=str(self.root),
            train=CocoSplit(annotations="train.json", images="train"),
            validation=CocoSplit(annotations="validation.json", images=self.more.get("images", "validation")),
            sequence_field=self.more.get("sequence_field"),
        )


def make_scenes(root: Path, count: int = 3) -> Scenes:
    documents = []
    for split, first in (("train", 1), ("validation", 501)):
        (root / split).mkdir(parents=True)
        images, notes = [], []
        for k in range(count if split == "train" else 3):
            name = f"{k}.png" if split == "train" else f"v{k}.png"
            pixels = np.random.default_rng((first, k)).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            assert cv2.imwrite(str(root / split / name), pixels)
            size = {"width": WIDTH, "height": HEIGHT}
            images.append({"id": first + k, "file_name": name, "drive": f"{split}{k}", **size})
            notes.append(
                {
                    "id": 1000 + first + k,
                    "image_id": first + k,
                    "category_id": 1 + k % 2,
                    "iscrowd": 0,
                    "bbox": [2, 3, 10, 8],
                    "area": 80,
                    "segmentation": [[2, 3, 12, 3, 12, 11, 2, 11]],
                }
            )
        classes = [{"id": 1, "name": "car"}, {"id": 2, "name": "van"}]
        documents.append({"images": images, "annotations": notes, "categories": classes})
    train, validation = documents
    return Scenes(root, train, validation)


def rle(counts: Any, size: tuple[int, int] = (HEIGHT, WIDTH)) -> dict[str, Any]:
    return {"size": list(size), "counts": counts}


def encode_png(bits: int, colour: int, rows: np.ndarray[Any, Any], palette: bytes = b"") -> bytes:
    """A PNG of any kind: OpenCV writes neither palettes nor grey with alpha."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"PLTE", palette) if palette else b"", chunk(b"IDAT", zlib.compress(lines))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def encode_turned(height: int = HEIGHT, width: int = WIDTH) -> bytes:
    """A JPEG whose orientation tag is 6, a quarter turn."""
    encoded = cv2.imencode(".jpg", np.full((height, width, 3), 90, dtype=np.uint8))[1].tobytes()
    tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    content = b"Exif\0\0" + tiff
    return encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + encoded[2:]


GREY = np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
DEEP = encode_png(16, 0, (GREY.astype(np.uint16) * 257).astype(">u2"))
PALETTE = encode_png(8, 3, GREY % 4, bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]))
ALPHA = encode_png(8, 6, np.dstack([GREY] * 4))
GREY_ALPHA = encode_png(8, 4, np.dstack([GREY] * 2))


def edit(change: Callable[[Scenes], Any]) -> Callable[[Scenes, int], None]:
    def damage(scenes: Scenes, k: int) -> None:
        change(scenes)

    return damage


def replace_file(content: bytes | Callable[[bytes], bytes]) -> Callable[[Scenes, int], None]:
    def damage(scenes: Scenes, k: int) -> None:
        path = scenes.file(k)
        path.write_bytes(content(path.read_bytes()) if callable(content) else content)

    return damage


def remove_file(scenes: Scenes, k: int) -> None:
    scenes.file(k).unlink()


def make_folder(scenes: Scenes, k: int) -> None:
    scenes.file(k).unlink()
    scenes.file(k).mkdir()


def link_to(target: str) -> Callable[[Scenes, int], None]:
    def damage(scenes: Scenes, k: int) -> None:
        scenes.file(k).unlink()
        scenes.file(k).symlink_to(target.format(k=k))

    return damage


def rename_file(scenes: Scenes, k: int) -> None:
    scenes.file(k).rename(scenes.file(k).with_suffix(".PNG"))


def set_image(**fields: Any) -> Callable[[Scenes, int], None]:
    return lambda scenes, k: scenes.image(k).update(fields)


def set_note(**fields: Any) -> Callable[[Scenes, int], None]:
    return lambda scenes, k: scenes.note(k).update(fields)


def drop(*keys: str) -> Callable[[Scenes, int], object]:
    return lambda scenes, k: [scenes.note(k).pop(key) for key in keys]


def add(key: str, entry: Any) -> Callable[[Scenes, int], None]:
    def damage(scenes: Scenes, k: int) -> None:
        scenes.document[key].append(entry(scenes, k) if callable(entry) else entry)

    return damage


def copy_entry(key: str, **fields: Any) -> Callable[[Scenes, int], None]:
    return add(key, lambda scenes, k: {**copy.deepcopy(scenes.document[key][k]), **fields})


def write_stray(scenes: Scenes, k: int) -> None:
    (scenes.root / "train" / "stray.png").write_bytes(scenes.file(k).read_bytes() + b" ")


def copy_to_validation(scenes: Scenes, k: int) -> None:
    (scenes.root / "validation" / "v0.png").write_bytes(scenes.file(k).read_bytes())


def add_twin(scenes: Scenes, k: int) -> None:
    scenes.document["images"].append({**scenes.image(k), "id": 907, "file_name": f"{k}.PNG"})
    scenes.file(k).with_suffix(".PNG").write_bytes(scenes.file(k).read_bytes())


def claim_gigabytes(data: bytes) -> bytes:
    """A PNG whose pixels claim to be two gigabytes: OpenCV would take them before it looks at what is there."""
    at = data.index(b"IDAT")
    return data[: at - 4] + struct.pack(">I", 2**31 - 1) + data[at:]


NOTE = "annotation {note}"
IMAGE = "image {image}"
FILE = "{k}.png"
NAN, INF = float("nan"), float("inf")

# Name, what it is called, whether it is fatal, its place, a piece of the remedy, and the damage itself; any number of
# these may be done to one data set.
TOGETHER: list[tuple[str, str, bool, str, str, Callable[[Scenes, int], object]]] = [
    ("cut image", "undecodable_image", True, FILE, "fetch it again", replace_file(lambda data: data[: len(data) // 2])),
    ("image of zero bytes", "empty_image", True, FILE, "fetch it again", replace_file(b"")),
    ("image whose chunk claims gigabytes", "undecodable_image", True, FILE, "cut short", replace_file(claim_gigabytes)),
    ("not an image", "undecodable_image", True, FILE, "save it as PNG or JPEG", replace_file(b"<html>404</html>")),
    ("missing image", "missing_image", True, FILE, "put it there", remove_file),
    ("image named in other case", "missing_image", True, FILE, "There is {k}.PNG", rename_file),
    ("folder instead of an image", "missing_image", True, FILE, "put the image there", make_folder),
    ("link to nowhere", "missing_image", True, FILE, "put it there", link_to("nowhere.png")),
    ("link to itself", "missing_image", True, FILE, "put it there", link_to("{k}.png")),
    ("image of another size", "image_size_mismatch", True, FILE, "correct the annotation", replace_file(
        cv2.imencode(".png", np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8))[1].tobytes())),
    ("image annotated turned", "image_size_mismatch", True, FILE, "save it turned",
     replace_file(encode_turned(WIDTH, HEIGHT))),
    ("16-bit image", "deep_image", False, FILE, "save them with 8 bits", replace_file(DEEP)),
    ("grey image", "grey_image", False, FILE, "convert those", replace_file(encode_png(8, 0, GREY))),
    ("palette image", "palette_image", False, FILE, "give the photographs", replace_file(PALETTE)),
    ("image with alpha", "alpha_image", False, FILE, "save them without", replace_file(ALPHA)),
    ("turned image", "turned_image", False, FILE, "save it turned and without", replace_file(encode_turned())),
    ("RLE of the wrong size", "mask_size_mismatch", True, NOTE, "make the mask at the image's size",
     set_note(segmentation=rle("66", (WIDTH, HEIGHT)))),
    ("RLE of odd counts", "bad_rle", True, NOTE, "write it again", set_note(segmentation=rle("1`"))),
    ("RLE of too few pixels", "bad_rle", True, NOTE, "write it again", set_note(segmentation=rle("11"))),
    ("RLE that does not decode", "bad_rle", True, NOTE, "write it again", set_note(segmentation=rle("é~\u0000"))),
    ("runs that do not fill the image", "bad_rle", True, NOTE, "write the mask again",
     set_note(segmentation=rle([5, 6, 7]))),
    ("runs below zero", "bad_rle", True, NOTE, "integers of 0 or more", set_note(segmentation=rle([800, -32]))),
    ("runs that are no numbers", "bad_rle", True, NOTE, "integers of 0 or more", set_note(segmentation=rle(["a"]))),
    ("RLE without counts", "bad_rle", True, NOTE, "must be a string", set_note(segmentation={"size": [24, 32]})),
    ("polygon of two points", "bad_polygon", True, NOTE, "three points or more", set_note(segmentation=[[1, 2, 3, 4]])),
    ("polygon of half a point", "bad_polygon", True, NOTE, "three points or more", set_note(segmentation=[[1] * 7])),
    ("empty polygon", "bad_polygon", True, NOTE, "three points or more", set_note(segmentation=[[]])),
    ("polygon outside", "bad_polygon", True, NOTE, "pixels of this image", set_note(segmentation=[[900, 1] * 3])),
    ("polygon with NaN", "bad_polygon", True, NOTE, "finite number", set_note(segmentation=[[NAN, 1, 2, 3, 4, 5]])),
    ("polygon with 1e999", "bad_polygon", True, NOTE, "finite number", set_note(segmentation=[[INF, 1, 2, 3, 4, 5]])),
    ("polygon with text", "bad_polygon", True, NOTE, "finite number", set_note(segmentation=[["1", 1, 2, 3, 4, 5]])),
    ("polygon beside the image", "empty_mask", False, NOTE, "remove the annotation",
     set_note(segmentation=[[40, 1, 44, 1, 44, 5]])),
    ("no segmentation", "missing_segmentation", True, NOTE, "add polygons or RLE", drop("segmentation")),
    ("box without width", "degenerate_box", True, NOTE, "mend it or remove", set_note(bbox=[2, 3, 0, 8])),
    ("box of negative height", "degenerate_box", True, NOTE, "mend it or remove", set_note(bbox=[2, 3, 4, -8])),
    ("box with NaN", "degenerate_box", True, NOTE, "four finite numbers", set_note(bbox=[2, NAN, 4, 8])),
    ("box with a huge number", "degenerate_box", True, NOTE, "four finite numbers", set_note(bbox=[2, 10**400, 4, 8])),
    ("box of three numbers", "degenerate_box", True, NOTE, "four finite numbers", set_note(bbox=[2, 3, 4])),
    ("box outside", "box_outside_image", True, NOTE, "another image's", set_note(bbox=[50, 3, 4, 8])),
    ("box that stands out", "box_outside_image", False, NOTE, "written as corners", set_note(bbox=[28, 3, 10, 8])),
    ("no area", "missing_area", False, "train.json", "Write it", drop("area")),
    ("area below zero", "bad_area", True, NOTE, "left out, the mask's is taken", set_note(area=-5)),
    ("crowd flag of 7", "wrong_type", True, NOTE, "must be 0 or 1", set_note(iscrowd=7)),
    ("image id twice", "duplicate_image_id", True, IMAGE, "its own id", copy_entry("images", file_name="x.png")),
    ("image listed twice", "duplicate_image_name", False, "image 900", "list it once", copy_entry("images", id=900)),
    ("image id as text", "wrong_type", True, "images[", "an integer", add("images", {"id": "7"})),
    ("image id of 5.5", "wrong_type", True, "images[", "an integer", add("images", {"id": 5.5})),
    ("image id of 70 bits", "wrong_type", True, "images[", "of 64 bits", add("images", {"id": 2**70})),
    ("image id below zero", "negative_id", False, "train.json", "number images from 1",
     copy_entry("images", id=-4, file_name="0.png")),
    ("image without name", "wrong_type", True, "image 901", "a path below", add("images", {"id": 901})),
    ("image without size", "wrong_type", True, "image 902", "must be pixels",
     add("images", {"id": 902, "file_name": "0.png"})),
    ("name of a parent folder", "path_outside_folder", True, "image 903", "name the folder that holds all images",
     copy_entry("images", id=903, file_name="../train/0.png")),
    ("absolute name", "path_outside_folder", True, "image 904", "name the folder that holds all images",
     copy_entry("images", id=904, file_name="/etc/passwd")),
    ("name with a drive", "path_outside_folder", True, "image 905", "name the folder that holds all images",
     copy_entry("images", id=905, file_name="C:\\data\\0.png")),
    ("name with a zero", "unprintable_name", True, "image 906", "rename the file",
     copy_entry("images", id=906, file_name="a\0.png")),
    ("names alike but for case", "names_alike_but_for_case", False, "image 907", "rename one",
     add_twin),
    ("annotation id twice", "duplicate_annotation_id", True, NOTE, "its own id", copy_entry("annotations")),
    ("image's id as text", "dangling_image_id", True, NOTE, "add or mend it there", set_note(image_id="1")),
    ("class's id as text", "unknown_class", True, NOTE, "add or mend it there", set_note(category_id="1")),
    ("annotation of no image", "dangling_image_id", True, NOTE, "add or mend it there", set_note(image_id=99999)),
    ("annotation id as text", "wrong_type", True, "annotations[", "an integer", copy_entry("annotations", id="x")),
    ("annotation id of 0", "negative_id", False, "train.json", "from 1", copy_entry("annotations", id=0)),
    ("annotation that is a list", "wrong_type", True, "annotations[", "must be an object", add("annotations", [1, 2])),
    ("class that is not listed", "unknown_class", True, NOTE, "add or mend it there", set_note(category_id=77)),
    ("class id twice", "duplicate_category_id", True, "train.json", "its own id",
     add("categories", {"id": 1, "name": "bus"})),
    ("class name twice", "duplicate_category_name", True, "train.json", "its own name",
     add("categories", {"id": 8, "name": "car"})),
    ("class without a name", "wrong_type", True, "train.json", "and a `name`", add("categories", {"id": 9})),
    ("class name of control characters", "unprintable_name", True, "train.json", "write it in letters",
     add("categories", {"id": 10, "name": "\u001b[2J\ud800"})),
    ("class of one split only", "different_categories", True, "validation.json", "need the same",
     add("categories", {"id": 11, "name": "bus"})),
    ("class without objects", "class_without_objects", False, "validation", "AP is undefined",
     edit(lambda scenes: scenes.validation["annotations"].pop(1))),
    ("image in no annotation", "unlisted_images", False, "train", "list them", write_stray),
    ("copy in the other split", "identical_images", False, "train and validation", "to one split", copy_to_validation),
]  # fmt: skip


def write_raw(content: bytes | Callable[[bytes], bytes]) -> Callable[[Scenes, int], None]:
    def damage(scenes: Scenes, k: int) -> None:
        whole = json.dumps(scenes.document).encode()
        scenes.raw = content(whole) if callable(content) else content

    return damage


def share_sequence(scenes: Scenes, k: int) -> None:
    scenes.more["sequence_field"] = "drive"
    scenes.validation["images"][0]["drive"] = scenes.image(k)["drive"]


def remove_sequence(scenes: Scenes, k: int) -> None:
    scenes.more["sequence_field"] = "drive"
    del scenes.image(k)["drive"]


def share_images(scenes: Scenes, k: int) -> None:
    scenes.validation, scenes.more["images"] = copy.deepcopy(scenes.document), "train"


# Each of these stands alone: it hides or makes others.
ALONE: list[tuple[str, str, bool, str, str, Callable[[Scenes, int], object]]] = [
    ("JSON cut off", "bad_json", True, "train.json", "to its end", write_raw(lambda data: data[:-40])),
    ("JSON cut off in a name", "bad_json", True, "train.json", "to its end", write_raw(lambda data: data[:30])),
    ("JSON with more behind it", "bad_json", True, "train.json", "one JSON document", write_raw(lambda data: data * 2)),
    ("JSON in Latin-1", "bad_json", True, "train.json", "save it as UTF-8",
     write_raw(lambda data: data.replace(b"car", b"\xe9"))),
    ("JSON in UTF-16", "bad_json", True, "train.json", "save it as UTF-8",
     write_raw(lambda data: data.decode().encode("utf-16"))),
    ("JSON with a byte order mark", "byte_order_mark", False, "train.json", "save it as UTF-8 without",
     write_raw(lambda data: b"\xef\xbb\xbf" + data)),
    ("empty file", "bad_json", True, "train.json", "one JSON document", write_raw(b"")),
    ("a list", "wrong_type", True, "train.json", "give the ground truth", write_raw(b"[]")),
    ("a number", "wrong_type", True, "train.json", "must hold an object", write_raw(b"5")),
    ("deeply nested", "bad_json", True, "train.json", "nested too deeply",
     write_raw(b'{"info":' + b"[[" + b'{"a":[' * 50_000)),
    ("a number of 5,000 digits", "bad_json", True, "train.json", "thousands of digits",
     write_raw(lambda data: data.replace(b'"id": 1,', b'"id": ' + b"9" * 5000 + b","))),
    ("a key twice", "bad_json", True, "train.json", "a second time",
     write_raw(lambda data: data[:-1] + b', "images": []}')),
    ("damaged gzip", "bad_json", True, "train.json", "write it again",
     write_raw(lambda data: gzip.compress(data)[:-30])),
    ("no categories", "no_categories", True, "train.json", "list each",
     edit(lambda s: s.document.update(categories=[]))),
    ("no list of images", "missing_key", True, "train.json", "a COCO file has",
     edit(lambda s: s.document.pop("images"))),
    ("annotations as an object", "wrong_type", True, "train.json", "must be a list",
     edit(lambda s: s.document.update(annotations={}))),
    ("no image at all", "no_images", True, "train", "correct the faults", edit(lambda s: s.document.update(images=[]))),
    ("no object", "no_objects", True, "train", "the right annotation file",
     edit(lambda s: s.document.update(annotations=[]))),
    ("sequence in both splits", "overlapping_sequences", True, "train and validation", "to one split", share_sequence),
    ("images in both splits", "shared_images", True, "train and validation", "to one split", share_images),
    ("folder of images missing", "missing_folder", True, "nowhere", "correct its path",
     edit(lambda s: s.more.update(images="nowhere"))),
    ("no sequence", "missing_sequence", True, IMAGE, "correct it or data.sequence_field",
     remove_sequence),
]  # fmt: skip


def assert_named(result: CheckResult, kind: str, fatal: bool, place: str, remedy: str, k: int) -> None:
    """Some fault of the kind names the place, in `where` or (where it stands for many) in its message."""
    numbers = {"k": k, "image": 1 + k, "note": 1001 + k}
    place, remedy = place.format_map(numbers), remedy.format_map(numbers)
    found = [fault for fault in result.faults if fault.kind == kind]
    assert any(
        place in f"{fault.where} {fault.message}" and remedy in fault.message and fault.fatal is fatal
        for fault in found
    ), found or result.fault_counts


@pytest.mark.parametrize(
    ("kind", "fatal", "place", "remedy", "damage"),
    [case[1:] for case in TOGETHER + ALONE],
    ids=[case[0] for case in TOGETHER + ALONE],
)
def test_each_damage_is_named_and_refused_only_where_nothing_can_be_learned(
    tmp_path, kind, fatal, place, remedy, damage
):
    scenes = make_scenes(tmp_path)
    assert check_dataset(scenes.setting()).faults == ()
    damage(scenes, 0)
    assert_named_and_refused_only_if_fatal(scenes.setting(), kind, fatal, place, remedy)


def assert_named_and_refused_only_if_fatal(data: DataSetting, kind: str, fatal: bool, place: str, remedy: str) -> None:
    """The check names the fault; where it is a warning, the training images can be read and are what they should be."""
    result = check_dataset(data)
    assert_named(result, kind, fatal, place, remedy, 0)
    assert result.fatal is fatal, result.faults
    if not fatal:
        for record in read_dataset(data).splits["train"]:
            pixels = load_image(record)
            assert (pixels.dtype, pixels.shape) == (np.uint8, (record.height, record.width, 3))


def test_all_damage_to_one_folder_is_found_in_one_pass(tmp_path):
    scenes = make_scenes(tmp_path, len(TOGETHER))
    for k, case in enumerate(TOGETHER):
        case[5](scenes, k)
    result = check_dataset(scenes.setting())
    for k, (_, kind, fatal, place, remedy, _) in enumerate(TOGETHER):
        assert_named(result, kind, fatal, place, remedy, k)
    assert len(TOGETHER) + len(ALONE) + len(KITTI) >= 100


def test_the_command_line_shows_the_same_and_no_traceback(tmp_path):
    scenes = make_scenes(tmp_path, len(TOGETHER))
    for k, case in enumerate(TOGETHER):
        case[5](scenes, k)
    scenes.setting()
    command = [sys.executable, "-m", "detstudy.cli", "data", "check", str(tmp_path / "train.json")]
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 2
        assert done.stderr == ""
        assert "polygon" in done.stdout
        assert "\x1b" not in done.stdout
    listed = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    kinds = {fault["kind"] for fault in json.loads(listed.stdout)["faults"]}
    assert kinds >= {case[1] for case in TOGETHER if case[0] not in IN_A_STUDY}


IN_A_STUDY = {"class of one split only", "class without objects", "image in no annotation", "copy in the other split"}


# -- KITTI-MOTS ------------------------------------------------------------------------------------------------------


def encode_ids(ids: np.ndarray[Any, Any]) -> str:
    return encode_mask(ids).counts.decode()


BLOCK = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
BLOCK[2:8, 3:9] = 1
OTHER = np.roll(BLOCK, 12, axis=1)


def make_sequences(root: Path, form: str = "text") -> KittiMotsData:
    """Sequences 0 and 1 of three frames, a car in each and a pedestrian in the first two."""
    for sequence in (0, 1):
        frames = root / "image_02" / f"{sequence:04d}"
        frames.mkdir(parents=True)
        lines = []
        for frame in range(3):
            pixels = np.random.default_rng((sequence, frame)).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            assert cv2.imwrite(str(frames / f"{frame:06d}.png"), pixels)
            lines.append(f"{frame} 1001 1 {HEIGHT} {WIDTH} {encode_ids(BLOCK)}")
            if frame < 2:
                lines.append(f"{frame} 2001 2 {HEIGHT} {WIDTH} {encode_ids(OTHER)}")
            if form == "png":
                folder = root / "instances" / f"{sequence:04d}"
                folder.mkdir(parents=True, exist_ok=True)
                ids = (BLOCK * np.uint16(1001) + (OTHER * np.uint16(2001) if frame < 2 else 0)).astype(np.uint16)
                assert cv2.imwrite(str(folder / f"{frame:06d}.png"), ids)
        if form == "text":
            (root / "instances_txt").mkdir(exist_ok=True)
            (root / "instances_txt" / f"{sequence:04d}.txt").write_text("\n".join(lines) + "\n")
    return KittiMotsData(root=str(root), train=(0,), validation=(1,))


def edit_lines(change: Callable[[list[str]], Any]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = root / "instances_txt" / "0000.txt"
        lines = path.read_text().splitlines()
        change(lines)
        path.write_text("\n".join(lines))

    return damage


def set_line(text: str) -> Callable[[Path], None]:
    return edit_lines(lambda lines: lines.__setitem__(1, text))


def write_frame(name: str, content: bytes | None = None) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        folder = root / "image_02" / "0000"
        (folder / name).write_bytes((folder / "000002.png").read_bytes() if content is None else content)

    return damage


def write_ids(image: np.ndarray[Any, Any]) -> Callable[[Path], object]:
    return lambda root: cv2.imwrite(str(root / "instances" / "0000" / "000001.png"), image)


def swap(lines: list[str]) -> None:
    lines[0], lines[3] = lines[3], lines[0]


def empty_the_sequence(root: Path) -> None:
    (root / "instances_txt" / "0002.txt").write_text("")
    (root / "image_02" / "0002").mkdir()


def copy_sequence(root: Path) -> None:
    (root / "image_02" / "00").mkdir()


def pipe_ids(root: Path) -> None:
    path = root / "instances" / "0000" / "000001.png"
    path.unlink()
    os.mkfifo(path)


TXT = "0000.txt: line 2"
KITTI: list[tuple[str, str, str, bool, str, str, Callable[[Path], object]]] = [
    ("short line", "text", "bad_line", True, TXT, "needs six", set_line("0 2001 2 24 32")),
    ("long line", "text", "bad_line", True, TXT, "needs six", set_line("0 2001 2 24 32 66 7")),
    ("letters", "text", "bad_line", True, TXT, "must be integers", set_line("0 x 2 24 32 66")),
    ("negative frame", "text", "bad_line", True, TXT, "six digits", set_line("-1 2001 2 24 32 66")),
    ("huge id", "text", "bad_line", True, TXT, "id be from 1", set_line("0 99999999999999 2 24 32 66")),
    ("digits without end", "text", "bad_line", True, TXT, "integers", set_line("9" * 5000 + " 2001 2 24 32 66")),
    ("bytes of no text", "text", "bad_line", True, TXT, "needs six", set_line("\u00ff\u00fe")),
    ("wrong class", "text", "unknown_class", True, TXT, "KITTI-MOTS has 1", set_line("0 5001 5 24 32 66")),
    ("class of another id", "text", "id_class_mismatch", False, TXT, "counts",
     set_line(f"0 1002 2 24 32 {encode_ids(OTHER)}")),
    ("broken RLE", "text", "bad_rle", True, TXT, "write it again", set_line("0 2001 2 24 32 66`")),
    ("mask of no pixel", "text", "empty_mask", True, TXT, "remove the line",
     set_line(f"0 2001 2 24 32 {encode_ids(BLOCK * 0)}")),
    ("wrong size", "text", "mask_size_mismatch", True, TXT, "image's height and width",
     set_line(f"0 2001 2 32 24 {encode_ids(OTHER.T)}")),
    ("object twice", "text", "duplicate_object_id", True, TXT, "its own id",
     set_line(f"0 1001 1 24 32 {encode_ids(OTHER)}")),
    ("overlap", "text", "overlapping_masks", False, TXT, "belong to one object",
     set_line(f"0 2001 2 24 32 {encode_ids(BLOCK)}")),
    ("lines out of order", "text", "unordered_lines", False, "0000.txt", "sort the file", edit_lines(swap)),
    ("object in no frame", "text", "missing_image", True, "000007.png", "put it there",
     edit_lines(lambda lines: lines.append(f"7 1001 1 24 32 {encode_ids(BLOCK)}"))),
    ("all of another size", "text", "image_size_mismatch", True, "000000.png", "correct the annotation",
     edit_lines(lambda lines: lines.__setitem__(slice(0, 2), [f"0 1001 1 20 20 {encode_ids(BLOCK[:20, :20])}"]))),
    ("empty text", "text", "no_objects", True, "train", "right annotation file", edit_lines(list.clear)),
    ("frame cut off", "text", "undecodable_image", True, "000000.png", "fetch it again",
     write_frame("000000.png", b"\x89PNG\r\n\x1a\n")),
    ("frame of odd name", "text", "unlisted_images", False, "0000", "frame_7.png", write_frame("frame_7.png")),
    ("frame twice", "text", "duplicate_frame", True, "000002.jpg", "keep one", write_frame("000002.jpg")),
    ("frame of seven digits", "text", "bad_frame", True, "1234567.png", "rename the file", write_frame("1234567.png")),
    ("sequence twice", "text", "duplicate_sequence", True, "image_02/0000", "keep one", copy_sequence),
    ("8-bit ids", "png", "annotation_bit_depth", True, "000001.png", "16-bit PNG", write_ids(BLOCK)),
    ("coloured ids", "png", "annotation_bit_depth", True, "000001.png", "16-bit PNG",
     write_ids(np.dstack([BLOCK] * 3))),
    ("ids of no class", "png", "unknown_class", True, "000001.png: object 7", "KITTI-MOTS has 1",
     write_ids(BLOCK.astype(np.uint16) * 7)),
    ("ids that are no image", "png", "undecodable_annotation", True, "000001.png", "fetch it again",
     lambda root: (root / "instances" / "0000" / "000001.png").write_text("no") and None),
    ("ids that are a pipe", "png", "missing_file", True, "000001.png", "put the annotations there", pipe_ids),
    ("ids that are missing", "png", "frame_without_annotation", False, "instances/0000", "without objects",
     lambda root: (root / "instances" / "0000" / "000001.png").unlink()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "kind", "fatal", "place", "remedy", "damage"),
    [case[1:] for case in KITTI],
    ids=[case[0] for case in KITTI],
)
def test_each_damage_to_a_sequence_is_named(tmp_path, form, kind, fatal, place, remedy, damage):
    data = make_sequences(tmp_path / "kitti", form)
    assert check_dataset(data).faults == ()
    damage(tmp_path / "kitti")
    assert_named_and_refused_only_if_fatal(data, kind, fatal, place, remedy)


def test_an_empty_sequence_is_mentioned(tmp_path):
    make_sequences(tmp_path)
    empty_the_sequence(tmp_path)
    result = check_path(tmp_path)
    assert_named(result, "empty_sequence", False, "0002", "leave it out", 0)
    assert not result.fatal


def test_a_sequence_in_both_splits_is_named(tmp_path):
    make_sequences(tmp_path)
    result = check_dataset(KittiMotsData(root=str(tmp_path), train=(0, 1), validation=(1,)))
    assert_named(result, "overlapping_sequences", True, "train and validation", "0001; give each sequence to one", 0)


def test_a_header_that_claims_a_huge_image_takes_no_memory(tmp_path):
    data = make_sequences(tmp_path, "png")
    path = tmp_path / "instances" / "0000" / "000001.png"
    whole = path.read_bytes()
    for damaged in (whole[:16] + struct.pack(">II", 60_000, 60_000) + whole[24:], claim_gigabytes(whole)):
        path.write_bytes(damaged)
        assert_named(check_dataset(data), "undecodable_annotation", True, "000001.png", "fetch it again", 0)


# -- What simply works -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["with space.png", "Straße.png", "車.png", "данные/кадр 1.png", "a'b\"c.png", "x&<y>.png", "100%.png"]
)
def test_names_of_any_letters_work(tmp_path, name):
    scenes = make_scenes(tmp_path)
    scenes.image(0)["file_name"] = name
    path = tmp_path / "train" / name
    path.parent.mkdir(exist_ok=True)
    scenes.file(0).rename(path)
    data = scenes.setting()
    assert check_dataset(data).faults == ()
    record = read_dataset(data).splits["train"][0]
    assert (record.name, load_image(record).shape) == (name, (HEIGHT, WIDTH, 3))


def test_links_are_followed_wherever_they_lead(tmp_path):
    scenes = make_scenes(tmp_path / "set")
    scenes.file(0).rename(tmp_path / "elsewhere.png")
    scenes.file(0).symlink_to(tmp_path / "elsewhere.png")
    assert check_dataset(scenes.setting()).faults == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode_png(8, 0, GREY), np.dstack([GREY] * 3)),
        (GREY_ALPHA, np.dstack([GREY] * 3)),
        (DEEP, np.dstack([GREY] * 3)),
        (ALPHA, np.dstack([GREY] * 3)),
        (PALETTE, np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], dtype=np.uint8)[GREY % 4]),
        (encode_turned(), np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)),
    ],
    ids=["grey", "grey with alpha", "16 bits", "alpha", "palette", "turned"],
)
def test_unusual_images_are_learned_from_as_8_bit_rgb_in_stored_pixels(tmp_path, content, expected):
    scenes = make_scenes(tmp_path)
    scenes.file(0).write_bytes(content)
    data = scenes.setting()
    assert not check_dataset(data).fatal
    assert np.array_equal(load_image(read_dataset(data).splits["train"][0]), expected)


def test_a_file_without_end_of_faults_lists_a_thousand_of_them(tmp_path):
    scenes = make_scenes(tmp_path)
    scenes.document["annotations"] += [{"id": 10_000 + k, "image_id": 1, "category_id": 55} for k in range(3000)]
    result = check_dataset(scenes.setting())
    listed = [fault for fault in result.faults if fault.kind == "unknown_class"]
    assert len(listed) == 1001
    assert "there are 2000 more of these" in listed[-1].message


def test_a_file_is_checked_in_less_memory_than_it_takes_to_load(tmp_path):
    spec = importlib.util.spec_from_file_location("large_annotations", BENCHMARKS / "large_annotations.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    path = tmp_path / "annotations.json"
    _, damaged = bench.write_annotations(path, 12_000_000)
    checked = bench.measure(bench.CHECK, "data", "check", str(path), "--annotations-only", "--json")
    found = {(fault["kind"], fault["where"].rpartition(" ")[2]) for fault in json.loads(checked.output)["faults"]}
    assert found == {(kind, str(number)) for kind, number in damaged.items()}
    loaded = bench.measure("import json, numpy, sys; json.load(open(sys.argv[1]))", str(path))
    assert checked.peak < 0.8 * loaded.peak


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder to work in as somebody who may not read everything, as root may."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        if os.geteuid() == 0:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
            try:
                yield Path(name)
            finally:
                os.seteuid(0)
        else:
            yield Path(name)


@pytest.mark.parametrize("spot", ["train.json", "train", "train/0.png"])
def test_what_may_not_be_read_is_named(nobody, spot):
    scenes = make_scenes(nobody)
    data = scenes.setting()
    path = nobody / spot
    path.chmod(0)
    result = check_dataset(data)
    path.chmod(0o755)
    assert result.fatal
    assert any(spot in fault.where and "can't be read (Permission denied)" in fault.message for fault in result.faults)


@pytest.mark.parametrize("spot", ["image_02", "instances_txt", "image_02/0000", "instances_txt/0000.txt"])
def test_sequences_that_may_not_be_read_are_named(nobody, spot):
    data: DataSetting = make_sequences(nobody)
    path = nobody / spot
    path.chmod(0)
    result = check_dataset(data)
    path.chmod(0o755)
    assert result.fatal
    assert any(spot in fault.where and "can't be read (Permission denied)" in fault.message for fault in result.faults)
