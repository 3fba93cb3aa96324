"""A proposal factor explained: counts by feature level, recall, and what each step costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import analyse_study
from detstudy.analysis.facts.proposal import (
    LevelIdle,
    NoSaturation,
    ProposalCounts,
    RecallByLevel,
    RecallCut,
    Saturation,
    StepCost,
)
from detstudy.analysis.facts.spread import Spread
from detstudy.analysis.records import ProposalTable
from detstudy.testing import run_here

KITTI = {"P2": 104_832, "P3": 26_208, "P4": 6_552, "P5": 1_638, "P6": 441}


def count_kitti(k: int, survived: float = 0.5) -> dict[str, Any]:
    """What a run on KITTI at 402 by 1333 pixels records of its proposals."""
    entered = [float(min(k, anchors)) for anchors in KITTI.values()]
    return {
        "optimizer_steps": 100,
        "feature_levels": list(KITTI),
        "anchors_per_level": list(map(float, KITTI.values())),
        "proposals_entered_per_level": entered,
        "proposals_survived_per_level": [survived * count for count in entered],
        "proposals_entered": sum(entered),
        "proposals_survived": survived * sum(entered),
        "proposals_kept": 1000.0,
    }


def explain(folder: Path) -> ProposalTable:
    table = analyse_study(folder).factors[0].proposals
    assert table is not None
    return table


def write_kitti(write_ledger: Any, run: Any, levels: list[int], **seconds: dict[int, float]) -> ProposalTable:
    """Runs of a training top-k with these seconds by seed, "k6000={0: 60.0}"; the first level is the baseline's."""
    name = "rpn_pre_nms_top_n_train"
    baseline = {
        "learning_rate": 0.004,
        "batch_size": 4,
        "iterations": 100,
        name: levels[0],
    }
    runs = {
        ("baseline" if level == levels[0] else f"{name}={level}", seed): run(
            effective=count_kitti(level), seconds=value
        )
        for level in levels
        for seed, value in seconds[f"k{level}"].items()
    }
    seeds = [0, 1]
    return explain(write_ledger(runs, baseline=baseline, factors={name: levels}, seeds=seeds, baseline_seeds=[0, 1]))


def test_levels_that_run_out_of_anchors_are_named(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    table = write_kitti(write_ledger, Run, [6000, 9000, 12000], k6000={0: 60.0}, k9000={0: 90.0}, k12000={0: 100.0})

    assert table.side == "training"
    assert [row.level for row in table.rows] == [6000, 9000, 12000]
    first, last = table.rows[0].features, table.rows[-1].features
    assert [feature.name for feature in first if feature.entered == feature.anchors] == ["P5", "P6"]
    assert [feature.name for feature in last if feature.entered == feature.anchors] == ["P4", "P5", "P6"]
    assert table.rows[1].entered == 9000 + 9000 + 6552 + 1638 + 441
    assert Saturation((("P4", 6552.0), ("P5", 1638.0), ("P6", 441.0)), ("P2", "P3")) in table.notes


def test_a_k_below_all_anchors_saturates_nothing(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    table = write_kitti(write_ledger, Run, [100, 400], k100={0: 60.0}, k400={0: 61.0})

    assert NoSaturation("P6", 441.0, 400) in table.notes


def test_a_k_above_all_anchors_did_nothing(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    table = write_kitti(write_ledger, Run, [110_000, 200_000], k110000={0: 60.0}, k200000={0: 60.0})

    (saturation,) = (note for note in table.notes if isinstance(note, Saturation))
    assert (len(saturation.full), saturation.open) == (5, ())
    assert LevelIdle(110_000, 200_000, keeps=False) in table.notes


def test_a_steps_price_is_the_difference_of_the_seeds_that_both_have(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    """0.60 and 0.70 s an iteration against 0.90 and 1.10: +0.30 and +0.40; the third level shares one seed."""
    table = write_kitti(
        write_ledger,
        Run,
        [6000, 9000, 12000],
        k6000={0: 60.0, 1: 70.0},
        k9000={0: 90.0, 1: 110.0},
        k12000={1: 130.0},
    )

    step, last = table.steps
    assert step.seconds is not None
    assert step.seconds.values == pytest.approx({0: 0.3, 1: 0.4})
    assert step.seconds.mean == pytest.approx(0.35)
    assert step.seconds.sd == pytest.approx(0.05 * 2**0.5)
    assert last.seconds is not None
    assert last.seconds.values == pytest.approx({1: 0.2})
    assert last.seconds.sd is None
    costs = [note for note in table.notes if isinstance(note, StepCost)]
    assert costs == [StepCost(step, "training", "mask"), StepCost(last, "training", "mask")]
    assert [(cost.step.low, cost.step.high) for cost in costs] == [(6000, 9000), (9000, 12000)]


def test_false_positives_of_a_step_are_those_of_its_runs(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    table = write_kitti(write_ledger, Run, [6000, 9000], k6000={0: 60.0, 1: 70.0}, k9000={0: 90.0, 1: 110.0})

    low, high = table.rows
    assert low.false_positives is not None
    assert high.false_positives is not None
    assert set(low.false_positives.values) == {0, 1}
    assert table.steps[0].false_positives is not None
    assert table.steps[0].false_positives.mean == pytest.approx(high.false_positives.mean - low.false_positives.mean)


def test_a_factor_of_testing_is_explained_by_its_evaluations(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    """The fake trainer's images have 960, 240 and 60 anchors."""
    path = tiny_study(factors={"rpn_pre_nms_top_n_test": [20, 100, 500, 2000]}, seeds=[0, 1], baseline_seeds=[0, 1])
    run_here(path, tmp_path / "out")

    table = explain(tmp_path / "out")

    assert table.side == "test"
    assert [row.level for row in table.rows] == [20, 100, 500, 1000, 2000]
    assert [feature.entered for feature in table.rows[1].features] == [100, 100, 60]
    assert [row.entered for row in table.rows] == [60, 260, 800, 1260, 1260]
    recalls = [row.recall["proposals/AR1000"].mean for row in table.rows]
    assert recalls[0] < recalls[1] < recalls[2] < recalls[3] == recalls[4]
    assert table.rows[0].seconds is not None
    assert table.rows[0].seconds.mean == pytest.approx(0.01 + 60e-6)
    counts, *others = table.notes
    assert isinstance(counts, ProposalCounts)
    assert (counts.side, counts.levels[0][:2]) == ("test", (20, 60))
    assert Saturation((("P3", 960.0), ("P4", 240.0), ("P5", 60.0)), ()) in others
    assert LevelIdle(1000, 2000, keeps=False) in others
    (recall,) = (note for note in others if isinstance(note, RecallByLevel))
    assert recall.last is not None
    assert (recall.last.low, recall.last.high) == (1000, 2000)
    assert recall.last.recall == Spread(mean=0.0, sd=0.0, values={0: 0.0, 1: 0.0})
    assert not any(isinstance(note, RecallCut) for note in others)


def test_a_cut_that_leaves_few_proposals_is_told(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(
        baseline={
            "learning_rate": 0.004,
            "batch_size": 4,
            "iterations": 20,
            "rpn_pre_nms_top_n_train": 100,
            "rpn_post_nms_top_n_test": 64,
        },
        factors={"rpn_pre_nms_top_n_train": [100, 500]},
        baseline_seeds=[0],
    )
    run_here(path, tmp_path / "out")

    table = explain(tmp_path / "out")

    assert RecallCut((100, 300, 1000), "rpn_post_nms_top_n_test", 64) in table.notes


def test_a_cut_that_removes_nothing_more_is_told(tmp_path: Path, tiny_study: Callable[..., Path]) -> None:
    path = tiny_study(factors={"rpn_post_nms_top_n_test": [10, 500, 1000]}, baseline_seeds=[0])
    run_here(path, tmp_path / "out")

    notes = explain(tmp_path / "out").notes

    assert [note for note in notes if isinstance(note, LevelIdle)] == [LevelIdle(500, 1000, keeps=True)]
    assert not any(isinstance(note, Saturation | NoSaturation) for note in notes)


def test_other_factors_and_unfinished_ones_have_no_table(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    assert analyse_study(write_ledger(baseline_runs)).factors[0].proposals is None
    failed = {("baseline", seed): Run(outcome="diverged", reason="loss was nan") for seed in range(3)}
    factors = {"rpn_pre_nms_top_n_train": [2000, 9000]}
    assert analyse_study(write_ledger(failed, factors=factors)).factors[0].proposals is None


def test_a_trainer_that_records_nothing_leaves_rows_without_numbers(write_ledger: Any, baseline_runs: Any) -> None:
    table = explain(write_ledger(baseline_runs, factors={"rpn_pre_nms_top_n_train": [2000, 9000]}))

    (row,) = table.rows
    assert (row.features, row.entered, row.recall, row.seconds) == ((), None, {}, None)
    assert table.steps == table.notes == ()
