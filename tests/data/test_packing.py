"""Records come back from their file as they went in, and nobody takes changed files for the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detstudy.data import DataError, fingerprint_dataset, read_dataset
from detstudy.data.dataset import find_format
from detstudy.data.packing import Packed, pack_records, sign_sources, unpack_records


def test_records_are_the_same_and_follow_the_root(write_kitti, tmp_path):
    data = write_kitti()
    dataset, path = read_dataset(data), tmp_path / "records"
    path.write_bytes(pack_records(Packed("abc", dataset), Path(data.root)))
    assert unpack_records(path, Path(data.root)) == Packed("abc", dataset)
    moved = unpack_records(path, Path("/elsewhere")).dataset
    assert fingerprint_dataset(moved) == fingerprint_dataset(dataset)
    assert all(record.path.is_relative_to("/elsewhere") for record in moved.splits["train"])


@pytest.mark.parametrize(("kept", "more"), [(slice(0, -1), b""), (slice(0, 0), b""), (slice(0, 60), b"x" * 40)])
def test_damaged_records_are_refused_with_the_remedy(write_kitti, tmp_path, kept, more):
    data, path = write_kitti(), tmp_path / "records"
    path.write_bytes(pack_records(Packed(None, read_dataset(data)), Path(data.root))[kept] + more)
    with pytest.raises(DataError, match=r"records: .* `detstudy run` with the study file writes it again"):
        unpack_records(path, Path(data.root))
    with pytest.raises(DataError, match="can't be read"):
        unpack_records(tmp_path / "none", Path(data.root))


def sign(data):
    return sign_sources(data, find_format(data).list_sources())


def test_a_file_of_the_same_size_and_times_is_another_one(coco_document, write_coco):
    data = write_coco(coco_document, coco_document)
    path = Path(data.root) / "train.json"
    before, times = sign(data), path.stat()
    assert before == sign(data)
    path.write_text(path.read_text().replace('"id": 13', '"id": 14'))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert sign(data) not in (before, None)
    path.unlink()
    assert sign(data) is None


def test_a_folder_that_changed_just_now_is_read_again(write_kitti, monkeypatch):
    data = write_kitti("png")
    assert sign(data) is None
    monkeypatch.setattr("detstudy.data.packing._RECENT", 0)
    before = sign(data)
    assert before == sign(data) is not None
    path = Path(data.root) / "training" / "instances" / "0000" / "000001.png"
    times = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert sign(data) != before


def test_another_section_reads_other_records(coco_document, write_coco):
    assert sign(write_coco(coco_document, coco_document)) != sign(
        write_coco(coco_document, coco_document, sequence_field="place")
    )
