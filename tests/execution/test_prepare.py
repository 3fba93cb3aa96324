"""What the check of the data found stands in the study's folder, for the report to warn of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.warning import SeedsChanged
from detstudy.analysis.findings.sanity import check_sanity
from detstudy.data import DataError, build_ground_truth, read_dataset
from detstudy.data.formats import coco
from detstudy.execution import prepare_ledger
from detstudy.ledger import Ledger
from detstudy.study.setting import KittiMotsData
from detstudy.study.spec import load_study
from detstudy.testing import run_here, write_tiny_study


def test_shared_images_are_told_before_the_first_run_and_kept(tiny_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tiny_data, data)
    frames = data / "training" / "image_02"
    shutil.copy(frames / "0000" / "000001.png", frames / "0003" / "000000.png")
    study, ledger = load_study(write_tiny_study(tmp_path, data)), Ledger(tmp_path / "out")
    (warning,) = prepare_ledger(study, ledger)
    assert "1 of the 4 images of train are byte for byte images of validation too" in warning
    assert "(0000/000001.png = 0003/000000.png)" in warning
    kept = ledger.data.faults
    assert [(fault.kind, fault.fatal) for fault in kept] == [("identical_images", False)]
    assert prepare_ledger(study, ledger) == []  # the data is as it was
    assert ledger.data.faults == kept
    assert check_sanity(Evidence(tmp_path / "out")) == (kept[0].message,)


def test_sound_data_leaves_no_fault(tiny_data: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "out")
    assert prepare_ledger(load_study(write_tiny_study(tmp_path, tiny_data)), ledger) == []
    assert ledger.data.faults == ()


@pytest.mark.parametrize("damage", ["cut off", "changed", "missing"])
def test_a_plan_that_is_lost_for_good_is_told_with_what_follows(tiny_data: Path, tmp_path: Path, damage: str) -> None:
    sections: dict[str, Any] = {"factors": {}, "gallery_images": 0}
    _, ledger = run_here(write_tiny_study(tmp_path, tiny_data, baseline_seeds=[0], **sections), tmp_path / "out")
    later = load_study(write_tiny_study(tmp_path, tiny_data, baseline_seeds=[0, 1], **sections))
    assert prepare_ledger(later, ledger) == []
    assert Evidence(ledger.folder).additions.settings == {"baseline": SeedsChanged(added=(1,), left_out=())}
    planned = ledger.folder / "planned.yaml"
    whole = planned.read_text()
    if damage == "missing":
        planned.unlink()
    else:
        planned.write_text(whole[:30] if damage == "cut off" else whole.replace("iterations: 20", "iterations: 21"))
    (warning,) = prepare_ledger(later, ledger)
    assert warning.startswith(f"{planned}: missing or damaged")
    assert "every setting, seed, objective and difference that matters counts as planned" in warning
    assert Evidence(ledger.folder).additions.settings == {}  # as the warning says
    planned.write_text(whole)
    assert prepare_ledger(later, ledger) == []
    assert Evidence(ledger.folder).additions.settings == {"baseline": SeedsChanged(added=(1,), left_out=())}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The JSON files that were read as COCO, one after the other."""
    found: list[Path] = []
    kept = coco.read_lists

    def read(document: Any, *rest: Any) -> Any:
        found.append(document)
        return kept(document, *rest)

    monkeypatch.setattr(coco, "read_lists", read)
    return found


@pytest.fixture
def coco_study(tiny_data: Path, tmp_path: Path) -> Path:
    """A study on the tiny data, written as COCO files beside copies of its frames."""
    dataset = read_dataset(KittiMotsData(root=str(tiny_data), train=(0, 1), validation=(2, 3)))
    root = tmp_path / "coco"
    shutil.copytree(tiny_data / "training" / "image_02", root / "images")
    for split in ("train", "validation"):
        document = build_ground_truth(dataset, split)
        (root / f"{split}.json").write_text(json.dumps(document))
    splits = {name: {"annotations": f"{name}.json", "images": "images"} for name in ("train", "validation")}
    data = {"format": "coco", "root": str(root), **splits, "sequence_field": "sequence"}
    return write_tiny_study(tmp_path, data, factors={}, baseline_seeds=[0, 1], gallery_images=1)


def test_annotations_are_read_once_before_the_first_run_and_by_no_run(
    coco_study: Path, tmp_path: Path, reads: list[Path]
) -> None:
    _, ledger = run_here(coco_study, tmp_path / "out")
    assert {run.outcome for run in ledger.read_runs()} == {"finished"}
    own = [path for path in reads if path.is_relative_to(tmp_path / "coco")]
    assert [path.name for path in own] == ["train.json", "validation.json"]
    reads.clear()
    assert prepare_ledger(load_study(coco_study), ledger) == []  # as the next `detstudy run` begins
    assert reads == []


def test_changed_annotations_are_read_again_and_are_other_data(coco_study: Path, tmp_path: Path) -> None:
    study, ledger = load_study(coco_study), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    before = ledger.fingerprint
    path = Path(study.data.root) / "train.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["area"] += 1
    path.write_text(json.dumps(document))
    prepare_ledger(study, ledger)
    assert ledger.fingerprint != before
    assert [file.stem for file in (ledger.folder / "records").iterdir()] == [ledger.fingerprint]


def test_damaged_records_are_written_again(coco_study: Path, tmp_path: Path) -> None:
    study, ledger = load_study(coco_study), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    whole = ledger.records_path.read_bytes()
    ledger.records_path.write_bytes(whole[:-9])
    prepare_ledger(study, ledger)
    assert ledger.records_path.read_bytes() == whole


def test_an_image_that_has_gone_is_named_though_annotations_are_the_same(coco_study: Path, tmp_path: Path) -> None:
    study, ledger = load_study(coco_study), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    gone = next((Path(study.data.root) / "images").rglob("*.png"))
    gone.unlink()
    with pytest.raises(DataError, match=gone.name):
        prepare_ledger(study, ledger)
