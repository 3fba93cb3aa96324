"""Every setting against the baseline: families, and what was added after the first run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import Analysis, analyse_study
from detstudy.analysis.contrasts.comparison import contrast_settings
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.warning import Departure
from detstudy.ledger import Ledger
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.wording import say

FACTORS = {"learning_rate": [0.04, 0.004, 0.0004], "rpn_pre_nms_top_n_train": [2000, 9000]}
SETTINGS = ("learning_rate=0.04", "learning_rate=0.0004", "rpn_pre_nms_top_n_train=9000")


@pytest.fixture(scope="module")
def folder(write_ledger: Any, Run: Any) -> Path:  # noqa: N803
    runs = {(name, seed): Run(quality=0.6) for name in ("baseline", *SETTINGS) for seed in range(3)}
    written: Path = write_ledger(runs, factors=FACTORS, seeds=[0, 1, 2])
    return written


def test_the_levels_of_a_factor_are_a_family(folder: Path) -> None:
    evidence = Evidence(folder)
    families = [[setting.id for setting in family] for family in evidence.plan.list_families()]
    assert families == [["learning_rate=0.04", "learning_rate=0.0004"], ["rpn_pre_nms_top_n_train=9000"]]
    found = contrast_settings(evidence)
    assert [found[name]["mask/AP"].family for name in SETTINGS] == [2, 2, 1]
    assert found[SETTINGS[0]]["mask/AP"].alpha == found[SETTINGS[1]]["mask/AP"].alpha
    assert found[SETTINGS[0]]["mask/AP"].alpha < found[SETTINGS[2]]["mask/AP"].alpha == 0.05


def test_p_is_below_five_percent_where_the_interval_excludes_zero(folder: Path) -> None:
    contrasts = [row for found in contrast_settings(Evidence(folder)).values() for row in found.values() if row.p]
    assert len(contrasts) > 20
    for row in contrasts:
        assert row.low is not None
        assert row.high is not None
        assert (row.p < 0.05) == (row.low > 0 or row.high < 0)


def test_a_level_added_later_is_exploratory_and_leaves_the_planned_verdicts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contrast_settings(Evidence(folder))
    fewer = "factors={learning_rate: [0.04, 0.004], rpn_pre_nms_top_n_train: [2000, 9000]}"
    planned = load_study(folder / "study.yaml", (fewer,))
    monkeypatch.setattr(Ledger, "load_planned_study", lambda _: planned)
    known = "detstudy.analysis.evidence.evidence.load_planned_plan"
    monkeypatch.setattr(known, lambda _, study: plan_study(study))
    assert Evidence(folder).additions.settings == {"learning_rate=0.0004": Departure.SETTING_ADDED}
    after = contrast_settings(Evidence(folder))
    analysis: Analysis = analyse_study(folder)
    assert after["learning_rate=0.0004"]["mask/AP"].exploratory == (Departure.SETTING_ADDED,)
    assert after["learning_rate=0.0004"]["mask/AP"].family == 2
    assert after["learning_rate=0.04"]["mask/AP"].exploratory == ()
    assert after["learning_rate=0.04"]["mask/AP"].family == 1
    assert before["learning_rate=0.04"]["mask/AP"].family == 2
    sentences = [text for found in (*analysis.learned, *analysis.unknown) if "0.0004" in (text := say(found))]
    assert sentences
    assert sentences[0].startswith("Exploratory (added after the first run). ")


def test_in_a_grid_all_settings_are_a_family(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    factors = {"learning_rate": [0.004, 0.04], "rpn_pre_nms_top_n_train": [2000, 9000]}
    names = ("baseline", "learning_rate=0.04", "rpn_pre_nms_top_n_train=9000")
    runs = {(name, seed): Run(quality=0.6) for name in names for seed in range(2)}
    folder = write_ledger(runs, design="grid", factors=factors, seeds=[0, 1], baseline_seeds=[0, 1])
    (family,) = Evidence(folder).plan.list_families()
    assert len(family) == 3
    found = contrast_settings(Evidence(folder))
    assert [found[name]["mask/AP"].family for name in names[1:]] == [2, 2]  # what has no result is no member
