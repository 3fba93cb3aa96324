"""Drawn scenes: the same bytes each time, two annotation forms that agree, and the mix that a study needs."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from detstudy.data.records import DataError
from detstudy.scenes.dataset import draw_frame, draw_scenes, scene_splits


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_text_ids(path: Path, frame: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Sum the masks of a frame's lines, each times its id: a wrong overlap would give an id that nobody has."""
    ids = np.zeros(shape, np.int64)
    for line in path.read_text().splitlines():
        number, name, kind, height, width, counts = line.split(" ")
        assert int(name) // 1000 == int(kind)
        assert (int(height), int(width)) == shape
        if int(number) == frame:
            with warnings.catch_warnings():  # pycocotools is older than numpy's rules on copies
                warnings.simplefilter("ignore", DeprecationWarning)
                mask = coco_mask.decode({"size": list(shape), "counts": counts.encode()})
            ids += int(name) * mask.astype(np.int64)
    return ids


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten sequences of two frames; among the first ten, number 7 has nobody on the street."""
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder, seed=3, train_sequences=8, validation_sequences=2, frames=2)
    return folder


def test_layout_is_kitti_mots(drawn: Path) -> None:
    training = drawn / "training"
    sequences = [f"{k:04d}" for k in range(10)]
    assert sorted(path.name for path in training.iterdir()) == ["image_02", "instances", "instances_txt"]
    assert sorted(path.stem for path in (training / "instances_txt").iterdir()) == sequences
    for part in ("image_02", "instances"):
        assert sorted(path.name for path in (training / part).iterdir()) == sequences
        for name in sequences:
            files = sorted(path.name for path in (training / part / name).iterdir())
            assert files == ["000000.png", "000001.png"]
    image = cv2.imread(str(training / "image_02" / "0000" / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (96, 320, 3)
    assert image.dtype == np.uint8


def test_both_annotation_forms_agree_in_every_pixel(drawn: Path) -> None:
    for sequence in range(10):
        for frame in range(2):
            path = drawn / "training" / "instances" / f"{sequence:04d}" / f"{frame:06d}.png"
            ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert ids.dtype == np.uint16
            text = read_text_ids(drawn / "training" / "instances_txt" / f"{sequence:04d}.txt", frame, (96, 320))
            np.testing.assert_array_equal(text, ids.astype(np.int64))


def test_files_hold_what_a_frame_drawn_in_memory_shows(drawn: Path) -> None:
    image, ids = draw_frame(seed=3, sequence=9, frame=1)
    stored = cv2.imread(str(drawn / "training" / "image_02" / "0009" / "000001.png"), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(stored[..., ::-1], image)
    masks = cv2.imread(str(drawn / "training" / "instances" / "0009" / "000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(masks, ids)


def test_same_arguments_write_the_same_bytes_and_a_sequence_ignores_how_many_there_are(
    drawn: Path, tmp_path: Path
) -> None:
    draw_scenes(tmp_path, seed=3, train_sequences=2, validation_sequences=1, test_sequences=1, frames=2)
    first, again = read_bytes(drawn), read_bytes(tmp_path)
    assert len(again) == 4 * 5
    assert {name: first[name] for name in again} == again
    draw_scenes(tmp_path, seed=3, train_sequences=2, validation_sequences=1, test_sequences=1, frames=2)
    assert read_bytes(tmp_path) == again


def test_another_seed_or_sequence_is_another_world() -> None:
    image, _ = draw_frame(seed=0, sequence=0, frame=0)
    for other in ({"seed": 1, "sequence": 0}, {"seed": 0, "sequence": 1}):
        different, _ = draw_frame(frame=0, **other)
        assert np.abs(image.astype(int) - different).mean() > 10


def test_frames_of_a_sequence_follow_each_other() -> None:
    for sequence in range(3):
        first, second, far = (draw_frame(seed=1, sequence=sequence, frame=k)[0].astype(int) for k in (0, 1, 8))
        assert np.abs(first - second).mean() < 0.8 * np.abs(first - far).mean()  # frame 8 is in another street


def test_ids_are_cars_pedestrians_and_regions_to_ignore_with_enough_to_see() -> None:
    kinds: dict[int, int] = {}
    empty = 0
    for sequence in range(40):
        _, ids = draw_frame(seed=0, sequence=sequence, frame=1)
        assert ids.shape == (96, 320)
        names, areas = np.unique(ids[ids > 0], return_counts=True)
        empty += not len(names)
        for name, area in zip(names.tolist(), areas.tolist(), strict=True):
            kinds[name // 1000] = kinds.get(name // 1000, 0) + 1
            assert name == 10_000 or (area >= 30 and name // 1000 in (1, 2) and name % 1000 < 20)
    assert set(kinds) == {1, 2, 10}
    assert 2 <= empty <= 6  # two of forty streets are deserted
    assert kinds[1] + kinds[2] > 80
    assert kinds[10] >= 5


def test_objects_fill_one_stretch_of_the_image_and_stand_out_from_what_is_behind() -> None:
    """A mask in the wrong place would show as colours that change no more at its outline than elsewhere."""
    at_outline, elsewhere = [], []
    for sequence in range(12):
        image, ids = draw_frame(seed=2, sequence=sequence, frame=0)
        change = np.abs(np.diff(image.astype(float), axis=1)).mean(axis=2)
        outline = np.diff(ids, axis=1) != 0
        at_outline.append(change[outline])
        elsewhere.append(change[~outline])
    assert np.concatenate(at_outline).mean() > 2.5 * np.concatenate(elsewhere).mean()


def test_full_size_frames_show_the_same_kind_of_street() -> None:
    image, ids = draw_frame(seed=0, sequence=0, frame=1, width=1242, height=375)
    assert image.shape == (375, 1242, 3)
    assert ids.shape == (375, 1242)
    names, areas = np.unique(ids[(ids > 0) & (ids < 10_000)], return_counts=True)
    assert len(names)
    assert areas.min() >= 30 * (375 / 96) ** 2


def test_splits_number_sequences_one_after_the_other() -> None:
    splits = scene_splits(3, 2, 1)
    assert splits == {"train": (0, 1, 2), "validation": (3, 4), "test": (5,)}
    assert {name: len(numbers) for name, numbers in scene_splits().items()} == {
        "train": 100, "validation": 20, "test": 0,
    }  # fmt: skip


def test_progress_counts_frames(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folders = draw_scenes(
        tmp_path,
        train_sequences=1,
        validation_sequences=1,
        frames=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(folder.is_dir() for folder in folders)


def test_a_folder_with_other_sequences_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    stranger = tmp_path / "training" / "image_02" / "0005"
    stranger.mkdir(parents=True)
    with pytest.raises(DataError, match=r"0005: not part of the scenes"):
        draw_scenes(tmp_path, train_sequences=1, validation_sequences=1, frames=1)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"train_sequences": 10**12}, "at most 10,000 are drawn"),
        ({"frames": 10**7}, "1 to 1,000,000 can be numbered"),
        ({"width": 70_000, "height": 70_000}, "at most 8,192 are drawn"),
        ({"frames": 0}, "0 frames"),
        ({"width": 40}, "40×96"),
        ({"height": 20}, "320×20"),
        ({"seed": -1}, "negative"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, numbers: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw_scenes(tmp_path, **numbers)  # type: ignore[arg-type]
