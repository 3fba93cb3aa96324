from __future__ import annotations

from typing import Any

import pytest

from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.interaction import (
    EffectVerdict,
    LeftOut,
    NoAnalysis,
    TooFewLevels,
    TrainsNothing,
    VarianceBasis,
)
from detstudy.analysis.facts.setting import SettingName
from detstudy.analysis.findings.interaction import analyse_interactions
from detstudy.wording import say

GRID: dict[str, Any] = {
    "design": "grid",
    "factors": {"learning_rate": [0.04, 0.004], "batch_size": [4, 8]},
    "when_batch_size_changes": {"hold": "images", "learning_rate": "fixed"},
    "seeds": [0, 1, 2],
}
CELLS = ("learning_rate=0.04", "baseline", "batch_size=8,learning_rate=0.04", "batch_size=8")


def test_a_best_level_that_moves_is_said_with_its_price(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    qualities = dict(zip(CELLS, (0.2, 0.95, 0.95, 0.2), strict=True))
    runs = {(name, seed): Run(quality=quality) for name, quality in qualities.items() for seed in range(3)}
    found = analyse_interactions(Evidence(write_ledger(runs, sequences=20, **GRID)))
    assert found is not None
    assert found.reason is None
    assert found.cells == {
        (0.04, 4): "learning_rate=0.04",
        (0.004, 4): "baseline",
        (0.04, 8): "batch_size=8,learning_rate=0.04",
        (0.004, 8): "batch_size=8",
    }
    assert [effect.factors for effect in found.effects] == [
        ("learning_rate",),
        ("batch_size",),
        ("learning_rate", "batch_size"),
    ]
    together = found.effects[2]
    assert together.p_holm < 0.001
    assert together.omega_squared > 0.9
    assert together.verdict is EffectVerdict.FOUND
    best = together.best
    assert best is not None
    assert (best.factor, best.other, best.best) == ("learning_rate", "batch_size", ((4, 0.004), (8, 0.04)))
    assert [made.at for made in best.exchange] == [4, 8]
    assert best.exchange[0].low > 0 > best.exchange[1].high
    basis = found.notes[0]
    assert isinstance(basis, VarianceBasis)
    assert (basis.runs, basis.settings, basis.degrees_of_freedom) == (12, 4, 8)
    assert say(basis.units) == "20 sequences"
    assert all(effect.p_images is not None for effect in found.effects)


def test_alike_cells_show_no_interaction_and_prove_none(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, seed): Run(quality=0.6) for name in CELLS for seed in range(3)}
    found = analyse_interactions(Evidence(write_ledger(runs, **GRID)))
    assert found is not None
    effect = found.effects[2]
    assert (effect.factors, effect.verdict) == (("learning_rate", "batch_size"), EffectVerdict.NOT_FOUND)
    assert effect.best is None


def test_a_best_level_that_only_fades_is_not_said_to_move(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    qualities = dict(zip(CELLS, (0.2, 0.97, 0.2, 0.6), strict=True))
    runs = {(name, seed): Run(quality=quality) for name, quality in qualities.items() for seed in range(3)}
    found = analyse_interactions(Evidence(write_ledger(runs, sequences=20, **GRID)))
    assert found is not None
    assert found.effects[2].p_holm < 0.05
    best = found.effects[2].best
    assert best is not None
    assert best.exchange == ()


def test_one_seed_a_cell_leaves_no_noise(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, 0): Run() for name in CELLS}
    found = analyse_interactions(Evidence(write_ledger(runs, **{**GRID, "seeds": [0], "baseline_seeds": [0]})))
    assert found is not None
    assert (found.effects, found.notes) == ((), ())
    assert found.reason is NoAnalysis.ONE_SEED


def test_failed_cells_and_levels_are_left_out_and_named(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    factors = {"learning_rate": [0.04, 0.004, 0.0004], "batch_size": [4, 8, 16]}
    rates, batches = ("learning_rate=0.04", "", "learning_rate=0.0004"), ("", "batch_size=8", "batch_size=16")
    runs = {}
    for rate in rates:
        for batch in batches:
            name = ",".join(filter(None, (batch, rate))) or "baseline"
            failed = batch == "batch_size=16" or name == "batch_size=8,learning_rate=0.04"
            for seed in range(3):
                runs[name, seed] = Run(outcome="out_of_memory") if failed else Run()
    found = analyse_interactions(Evidence(write_ledger(runs, **{**GRID, "factors": factors})))
    assert found is not None
    assert found.levels == ((0.04, 0.004, 0.0004), (4, 8))
    assert found.effects[2].degrees_of_freedom == 1
    missing = ((0.04, 8), (0.04, 16), (None, 16), (0.0004, 16))
    names = [[("learning_rate", rate)] * (rate is not None) + [("batch_size", batch)] for rate, batch in missing]
    assert found.notes[1] == LeftOut(tuple(SettingName(tuple(levels)) for levels in names))


def test_a_level_without_a_partner_is_no_factorial(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, seed): Run() for name in CELLS[:2] for seed in range(3)}
    found = analyse_interactions(Evidence(write_ledger(runs, **GRID)))
    assert found is not None
    assert found.reason == TooFewLevels("batch_size", 4)
    empty = analyse_interactions(Evidence(write_ledger({}, **GRID)))
    assert empty is not None
    assert empty.reason == TooFewLevels("learning_rate", None)


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"when_batch_size_changes": {"hold": "images", "learning_rate": "linear"}}, NoAnalysis.NO_GRID),
        (
            {"factors": {"learning_rate": [0.04, 0.004], "box_nms_threshold": [0.5, 0.6]}},
            TrainsNothing("box_nms_threshold"),
        ),
    ],
)
def test_what_is_no_factorial_of_trainings_is_refused(
    write_ledger: Any, baseline_runs: Any, sections: dict[str, Any], reason: object
) -> None:
    found = analyse_interactions(Evidence(write_ledger(baseline_runs, **{**GRID, **sections})))
    assert found is not None
    assert found.reason == reason


def test_only_a_grid_of_two_factors_is_a_factorial(write_ledger: Any, baseline_runs: Any) -> None:
    assert analyse_interactions(Evidence(write_ledger(baseline_runs))) is None
    single = {"design": "grid", "factors": {"learning_rate": [0.04, 0.004]}}
    assert analyse_interactions(Evidence(write_ledger(baseline_runs, **single))) is None


def test_three_factors_are_averaged_over_the_third(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    factors = {"learning_rate": [0.04, 0.004], "batch_size": [4, 8], "schedule": ["warmup_multistep", "constant"]}
    runs = {}
    for name in CELLS:
        crossed = (name in CELLS[1:3]) * 0.75 + 0.2
        for seed in range(2):
            for other in (name, f"{name},schedule=constant".removeprefix("baseline,")):
                runs[other, seed] = Run(quality=crossed)
    study = {**GRID, "factors": factors, "seeds": [0, 1], "baseline_seeds": [0, 1]}
    found = analyse_interactions(Evidence(write_ledger(runs, sequences=20, **study)))
    assert found is not None
    assert len(found.effects) == 6
    by_pair = {effect.factors: effect for effect in found.effects}
    best = by_pair["learning_rate", "batch_size"].best
    assert best is not None
    assert best.moves
    assert best.exchange
    assert by_pair["batch_size", "schedule"].verdict is EffectVerdict.NOT_FOUND
