from __future__ import annotations

import errno
from pathlib import Path
from typing import IO

import pytest
import torch

from detstudy.trainers.torchvision.checkpoint import (
    find_checkpoints,
    is_intact,
    read_checkpoint,
    remove_checkpoints,
    write_checkpoint,
    write_tensors,
)


def write_three(folder: Path) -> list[Path]:
    for iteration in (10, 20, 30):
        write_checkpoint(folder, iteration, {"iteration": iteration, "weight": torch.full((1000,), float(iteration))})
    return find_checkpoints(folder)


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    paths = write_three(tmp_path)

    assert [path.name for path in paths] == ["checkpoint-00000030.pt", "checkpoint-00000020.pt"]
    state = read_checkpoint(tmp_path)
    assert state is not None
    assert state["iteration"] == 30
    assert torch.equal(state["weight"], torch.full((1000,), 30.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_a_cut_file_falls_back_to_the_one_before(tmp_path: Path) -> None:
    newest, _ = write_three(tmp_path)
    newest.write_bytes(newest.read_bytes()[:-200])

    state = read_checkpoint(tmp_path)

    assert state is not None
    assert state["iteration"] == 20


def test_a_flipped_bit_falls_back_to_the_one_before(tmp_path: Path) -> None:
    newest, _ = write_three(tmp_path)
    data = bytearray(newest.read_bytes())
    data[data.index(torch.full((4,), 30.0).numpy().tobytes())] ^= 1
    newest.write_bytes(data)

    state = read_checkpoint(tmp_path)

    assert state is not None
    assert state["iteration"] == 20


def test_without_a_readable_one_there_is_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    for path in write_three(tmp_path):
        path.write_bytes(b"")
    assert read_checkpoint(tmp_path) is None


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-best.pt").write_bytes(b"mine")
    write_three(tmp_path)

    remove_checkpoints(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-best.pt"]


def test_damage_to_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    assert not is_intact(path)
    write_tensors(path, {"weight": torch.full((1000,), 30.0)})
    assert is_intact(path)
    data = bytearray(path.read_bytes())
    data[data.index(torch.full((4,), 30.0).numpy().tobytes())] ^= 1
    for damaged in (data, data[:-200], b""):
        path.write_bytes(damaged)
        assert not is_intact(path)


def test_a_full_disk_is_named_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(state: object, file: IO[bytes]) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        finally:
            raise RuntimeError("unexpected pos 704 vs 598")  # what torch says of it

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left on device"):
        write_tensors(tmp_path / "weights.pt", {})
    assert list(tmp_path.iterdir()) == []
