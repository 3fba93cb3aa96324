"""What every data format must do, as tests: `class TestMine(DataFormatContract)` with `write_data`, run by pytest."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from detstudy.data import Dataset, Fault, count_objects, decode_masks, fingerprint_dataset
from detstudy.data.check import check_splits
from detstudy.data.faults import ignore_progress
from detstudy.data.formats.contract import DataFormat
from detstudy.data.packing import Packed, pack_records, unpack_records


class DataFormatContract:
    """Tests of a format on a sound data set of its own, with a train and a validation split and images."""

    def write_data(self, folder: Path) -> DataFormat:
        """Write a sound data set, images too, into a folder that is there, and return the format that reads it."""
        raise NotImplementedError

    def test_sound_data_has_no_fatal_fault(self, tmp_path: Path) -> None:
        """Neither in its files nor in its images."""
        dataset, faults = _parse(self.write_data(tmp_path))
        check_splits(dataset, tmp_path, faults.append)
        assert [fault for fault in faults if fault.fatal] == []
        assert {"train", "validation"} <= set(dataset.splits)

    def test_records_hold_together(self, tmp_path: Path) -> None:
        """Ids rise and are used once; boxes, areas and masks are those of objects in their image."""
        dataset, _ = _parse(self.write_data(tmp_path))
        assert len(dataset.classes) == len(set(dataset.category_ids)) > 0
        for records in dataset.splits.values():
            ids = [record.id for record in records]
            notes = [note for record in records for note in record.annotations]
            assert ids == sorted(set(ids)) != []
            assert len({note.id for note in notes}) == len(notes) > 0
            for record in records:
                assert record.path.is_file()
                masks = decode_masks(record.annotations, record.height, record.width)
                assert masks.any(axis=(1, 2)).all()
                for note in record.annotations:
                    assert note.crowd or 0 <= note.class_index < len(dataset.classes)
                    assert -1 <= note.class_index < len(dataset.classes)
                    assert min(note.box[2:]) > 0 < note.area

    def test_the_same_files_give_the_same_records(self, tmp_path: Path) -> None:
        """Whoever reads them, and however often; and they survive being kept."""
        data = self.write_data(tmp_path)
        dataset, _ = _parse(data)
        assert _parse(data)[0] == dataset
        path = tmp_path / "records"
        path.write_bytes(pack_records(Packed(None, dataset), tmp_path))
        assert unpack_records(path, tmp_path).dataset == dataset
        assert fingerprint_dataset(dataset) == fingerprint_dataset(unpack_records(path, tmp_path).dataset)

    def test_a_check_counts_what_training_learns_from(self, tmp_path: Path) -> None:
        """Without masks, and with no image there."""
        data = self.write_data(tmp_path)
        dataset, _ = _parse(data)
        for record in itertools.chain(*dataset.splits.values()):
            record.path.unlink()
        again, faults = _parse(data, images=False, masks=False)
        assert [fault for fault in faults if fault.fatal] == []
        for split, records in dataset.splits.items():
            assert count_objects(again.splits[split], again.classes) == count_objects(records, dataset.classes)

    def test_what_it_is_made_from_is_named_and_missed(self, tmp_path: Path) -> None:
        """Sources that are gone are a fault and no exception."""
        data = self.write_data(tmp_path)
        sources = list(data.list_sources())
        assert sources != []
        for source in sources:
            shutil.rmtree(source) if source.is_dir() else source.unlink()
        assert any(fault.fatal for fault in _parse(data)[1])


def _parse(data: DataFormat, *, images: bool = True, masks: bool = True) -> tuple[Dataset, list[Fault]]:
    faults: list[Fault] = []
    return data.parse(faults.append, images=images, masks=masks, progress=ignore_progress), faults
