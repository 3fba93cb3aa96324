"""What the check of the data found stands in the study's folder, for the report to warn of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.exploration import SeedsChanged
from detstudy.analysis.findings.sanity import check_sanity
from detstudy.execution import prepare_ledger
from detstudy.ledger import Ledger
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
    kept: list[dict[str, Any]] = ledger.data["faults"]
    assert [(fault["kind"], fault["fatal"]) for fault in kept] == [("identical_images", False)]
    assert prepare_ledger(study, ledger) == []  # the data is as it was
    assert ledger.data["faults"] == kept
    assert check_sanity(Evidence(tmp_path / "out")) == (kept[0]["message"],)


def test_sound_data_leaves_no_fault(tiny_data: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "out")
    assert prepare_ledger(load_study(write_tiny_study(tmp_path, tiny_data)), ledger) == []
    assert ledger.data["faults"] == []


@pytest.mark.parametrize("damage", ["cut off", "changed", "missing"])
def test_a_plan_that_is_lost_for_good_is_told_with_what_follows(tiny_data: Path, tmp_path: Path, damage: str) -> None:
    sections: dict[str, Any] = {"factors": {}, "gallery_images": 0}
    _, ledger = run_here(write_tiny_study(tmp_path, tiny_data, baseline_seeds=[0], **sections), tmp_path / "out")
    later = load_study(write_tiny_study(tmp_path, tiny_data, baseline_seeds=[0, 1], **sections))
    assert prepare_ledger(later, ledger) == []
    assert Evidence(ledger.folder).additions.settings == {"baseline": SeedsChanged(added=(1,))}
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
    assert Evidence(ledger.folder).additions.settings == {"baseline": SeedsChanged(added=(1,))}
