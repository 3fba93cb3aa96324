"""What kinds of error settings make and differ in. The made-up detector's misses are found half a box away."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from detstudy.analysis.contrasts.arm import Arm, Pair, pair_arms
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.findings.errors import (
    compare_kinds,
    find_reach,
    summarise_errors,
    summarise_kinds,
)
from detstudy.evaluation import COUNTED, ERROR_KINDS, count_errors, resample_errors
from detstudy.ledger.codec import read_record, write_record

FACTORS = {"learning_rate": [0.04, 0.004]}
OTHER = "learning_rate=0.04"


@pytest.fixture(scope="module")
def evidence(write_ledger: Any, Run: Any) -> Evidence:  # noqa: N803
    """Three seeds each; the other setting places objects worse."""
    runs = {("baseline", seed): Run(quality=0.95) for seed in range(3)}
    runs |= {(OTHER, seed): Run(quality=0.4) for seed in range(3)}
    return Evidence(write_ledger(runs, sequences=12, factors=FACTORS, seeds=[0, 1, 2]))


def make_arm(evidence: Evidence, name: str) -> Arm:
    return Arm(name, name, evidence.runs_of(name))


def pair_settings(evidence: Evidence) -> Pair:
    return pair_arms(evidence, make_arm(evidence, OTHER), make_arm(evidence, "baseline"))


def test_a_summary_holds_means_over_seeds_of_counts_an_image(evidence: Evidence) -> None:
    runs = evidence.runs_of(OTHER)
    summary = summarise_errors(evidence, runs)["mask"]
    for name in COUNTED:
        totals = []
        for run in runs:
            matches = evidence.tables(run)
            totals.append(count_errors(matches["mask"], 0.5).total[name])
        assert summary.counts[name].mean == pytest.approx(np.mean(totals) / 24)
        assert summary.counts[name].sd == pytest.approx(np.std(totals, ddof=1) / 24)
        assert sum(counts[name] for counts in summary.by_class.values()) == pytest.approx(summary.counts[name].mean)
        assert sum(counts[name] for counts in summary.by_size.values()) == pytest.approx(summary.counts[name].mean)
    assert summary.counts["localisation"].mean > 0.5
    assert summary.best_threshold is not None
    assert summary.best_f1 is not None
    assert 0.3 < summary.best_f1.mean < 0.8
    assert summary.best_counts["false_positives"].mean != summary.counts["false_positives"].mean
    assert set(summary.cost) == set(ERROR_KINDS)
    assert summary.cost["localisation"].mean == max(cost.mean for cost in summary.cost.values())


def test_measures_of_errors_have_values_and_draws(evidence: Evidence) -> None:
    run = evidence.runs_of("baseline")[0]
    matches = evidence.tables(run)
    assert evidence.units is not None
    for measure in ("mask/errors/missed/small", "box/errors/false_positives", "mask/cost/localisation"):
        expected = resample_errors(matches, np.ones((1, 24), int), [measure], 0.5)[0, 0]
        assert evidence.value(run, measure) == pytest.approx(expected)
        draws = resample_errors(matches, evidence.units.weights, [measure], 0.5)[:, 0]
        np.testing.assert_allclose(evidence.draws(run, measure), draws)
    assert evidence.value(run, "train/seconds") == 100.0
    assert evidence.value(run, "mask/errors/missed/large") == 0.0
    assert evidence.seed_noise("mask/errors/localisation").pooled is not None


def test_worse_places_are_called_localisation_errors(evidence: Evidence) -> None:
    a, b = make_arm(evidence, OTHER), make_arm(evidence, "baseline")
    found = summarise_kinds(evidence, pair_arms(evidence, a, b))
    assert found is not None
    assert (found.score_threshold, found.changed[0].kind) == (0.5, "localisation")
    assert found.changed[0].sizes
    assert 0 < found.changed[0].low < found.changed[0].change < found.changed[0].high
    back = summarise_kinds(evidence, pair_arms(evidence, b, a))
    assert back is not None
    assert back.changed[0].change == pytest.approx(-found.changed[0].change)


def test_kinds_are_judged_together(evidence: Evidence) -> None:
    found = compare_kinds(evidence, pair_settings(evidence))
    kinds = {kind.name: kind for kind in found}
    assert kinds["localisation"].state == "differs"
    assert {size for size, _ in kinds["localisation"].sizes} <= {"small", "medium"}
    total = sum(kind.contrast.b_value or 0.0 for kind in found)
    for kind in found:
        assert kind.contrast.p is not None
        assert kind.p_holm >= kind.contrast.p
        assert kind.bound == pytest.approx(0.1 * total)
        narrow = find_reach(kind.contrast) < kind.bound
        assert (kind.state == "unchanged") == (narrow and kind.p_holm >= 0.05)


def test_what_cannot_be_judged_has_no_sentence(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.6) for seed in range(3)}
    evidence = Evidence(write_ledger({**runs, (OTHER, 0): Run(like="baseline")}, factors=FACTORS))
    assert summarise_kinds(evidence, pair_settings(evidence)) is None  # identical
    evidence = Evidence(write_ledger({**runs, (OTHER, 0): Run(outcome="diverged")}, factors=FACTORS))
    assert summarise_kinds(evidence, pair_settings(evidence)) is None
    assert summarise_errors(evidence, make_arm(evidence, OTHER).finished) == {}
    one = {("baseline", 0): Run(quality=0.6), (OTHER, 0): Run(quality=0.4)}
    evidence = Evidence(write_ledger(one, factors=FACTORS, baseline_seeds=[0]))
    assert summarise_kinds(evidence, pair_settings(evidence)) is None  # seed noise


def test_a_run_without_a_detection_misses_everything(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.6) for seed in range(3)}
    folder = write_ledger({**runs, (OTHER, 0): Run()}, factors=FACTORS)
    (matches,) = folder.glob("runs/*lr0.04*/evaluations/*/matches.npz")
    matches.unlink()
    matches.with_name("predictions.json").write_text(json.dumps([]))
    result = matches.with_name("result.json")
    write_record(result, {**read_record(result, dict), "files": {}})
    evidence = Evidence(folder)
    arm = make_arm(evidence, OTHER)
    summary = summarise_errors(evidence, arm.finished)["mask"]
    assert (summary.counts["missed"].mean, summary.counts["false_positives"].mean) == (4.0, 0.0)
    assert (summary.best_threshold, summary.best_f1, summary.best_counts) == (None, None, {})
    assert summary.cost["missed"].mean == 100.0
    found = summarise_kinds(evidence, pair_arms(evidence, arm, make_arm(evidence, "baseline")))
    assert found is not None
    assert "missed" in [change.kind for change in found.changed if change.change > 0]
