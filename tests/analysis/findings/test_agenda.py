"""What to run next, and the commands that do it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from detstudy.analysis import analyse_study
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.conclusion import Finish, MoreSeeds, RepeatForNoise, TrainLonger
from detstudy.analysis.facts.reason import Remedy
from detstudy.analysis.findings.agenda import extend_seeds, propose_seeds
from detstudy.analysis.records import Conclusion
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.study.study import Study
from detstudy.wording import say


def load_proposed(item: Conclusion) -> Study:
    """Return the study that a proposal's command runs."""
    assert item.command is not None
    return load_study(item.command.study_file, item.command.overrides)


def test_seeds_are_extended_by_the_smallest_others() -> None:
    assert extend_seeds((0, 1, 2), 3) == [0, 1, 2]
    assert extend_seeds((7, 1), 4) == [7, 1, 0, 2]
    assert extend_seeds((0, 1, 2), 2) == [0, 1, 2]


def test_an_unfinished_study_is_to_be_finished_first(write_ledger: Any, baseline_runs: Any) -> None:
    folder = write_ledger(baseline_runs)
    (item,) = analyse_study(folder).next
    assert item.fact == Finish(2)
    assert item.command is not None
    assert (item.command.study_file, item.command.out) == (folder / "study.yaml", folder)


def test_a_crash_that_is_tried_again_is_unfinished(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    runs = {**baseline_runs, ("learning_rate=0.04", 0): Run(outcome="crashed", reason="disk full")}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]})
    assert analyse_study(folder).next[0].fact == Finish(1)


def test_where_seed_noise_is_unknown_the_baseline_is_to_be_repeated(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", 0): Run(quality=0.9), ("learning_rate=0.04", 0): Run(quality=0.1)}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, baseline_seeds=[0])
    item = analyse_study(folder).next[0]
    assert item.fact == RepeatForNoise(everything=False)
    assert load_proposed(item).baseline_seeds == (0, 1, 2)


def test_seeds_that_would_tell_are_proposed_with_what_they_cost(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.6) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.38)
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, sequences=30)
    analysis = analyse_study(folder)
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert contrast.verdict == "cannot tell"
    assert contrast.remedy is not None
    wanted = contrast.remedy.seeds
    item = analysis.next[0]
    plan = plan_study(load_proposed(item))
    assert sum(run.setting_id == "learning_rate=0.04" for run in plan.runs) == wanted
    added = len(plan.runs) - len(runs)
    assert isinstance(item.fact, MoreSeeds)
    assert (item.fact.seeds, item.fact.trainings) == (wanted, added)
    assert item.fact.seconds is not None


def test_images_are_proposed_where_no_seeds_would_tell(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, seed): Run(quality=0.6) for name in ("baseline", "learning_rate=0.04") for seed in range(3)}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, seeds=[0, 1, 2])
    analysis = analyse_study(folder)
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert contrast.remedy is not None
    assert contrast.remedy.seeds is None
    assert not any(isinstance(item.fact, MoreSeeds) for item in analysis.next)


def test_settings_with_the_same_weights_need_seeds_of_their_own(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    """Their seeds are paired, so that repeating the baseline alone tells nothing."""
    runs = {("baseline", seed): Run(quality=0.6) for seed in range(3)}
    runs["rpn_pre_nms_top_n_test=500", 0] = Run(quality=0.5)
    folder = write_ledger(runs, factors={"rpn_pre_nms_top_n_test": [500]})
    (item,) = analyse_study(folder).next
    plan = plan_study(load_proposed(item))
    seeds = {run.seed for run in plan.runs if run.setting_id == "rpn_pre_nms_top_n_test=500"}
    assert seeds == {0, 1, 2}


def test_a_training_that_two_settings_share_is_counted_once(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    names = ("baseline", "learning_rate=0.04", "rpn_pre_nms_top_n_test=500")
    runs = {(name, seed): Run(quality=0.6 if name == "baseline" else 0.5) for name in names for seed in range(2)}
    factors = {"learning_rate": [0.04], "rpn_pre_nms_top_n_test": [500]}
    folder = write_ledger(runs, factors=factors, seeds=[0, 1], baseline_seeds=[0, 1])
    evidence = Evidence(folder)
    settings = analyse_study(folder).settings
    contrasts, objective = settings["learning_rate=0.04"].contrasts, evidence.study.objective
    contrasts[objective] = dataclasses.replace(contrasts[objective], remedy=Remedy(5, None, 20, "sequence", 5))
    (item,) = propose_seeds(evidence, list(settings.values()))
    assert isinstance(item.fact, MoreSeeds)
    assert (item.fact.trainings, item.fact.seconds) == (6, pytest.approx(600))


def test_several_that_were_still_improving_make_one_longer_study(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    rates = [0.04, 0.0004]
    runs = {("baseline", seed): Run(quality=0.9) for seed in range(3)}
    runs |= {(f"learning_rate={rate}", 0): Run(quality=0.2) for rate in rates}
    folder = write_ledger(runs, factors={"learning_rate": rates}, sequences=20)
    for run in folder.glob("runs/*"):
        lines = [{"kind": "train", "iteration": n, "loss": 3 - n / 40, "learning_rate": 0.004} for n in range(1, 101)]
        (run / "curves.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ((item, fact),) = [(i, i.fact) for i in analyse_study(folder).next if isinstance(i.fact, TrainLonger)]
    assert [say(setting) for setting in fact.settings] == ["learning rate 0.04", "learning rate 0.0004"]
    longer = load_proposed(item)
    wanted = {"baseline", *(f"learning_rate={rate}" for rate in rates)}
    assert {planned.id for planned in plan_study(longer).settings} == wanted
    assert longer.baseline["iterations"] == 200


def test_a_baseline_that_is_behind_and_still_improving_is_to_be_trained_longer(
    write_ledger: Any,
    Run: Any,  # noqa: N803
) -> None:
    runs = {("baseline", seed): Run(quality=0.3) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.98)
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, sequences=20)
    for run in folder.glob("runs/*"):
        if "lr0.004-" in run.name:
            lines = [
                {"kind": "train", "iteration": n, "loss": 3 - n / 40, "learning_rate": 0.004} for n in range(1, 101)
            ]
            (run / "curves.jsonl").write_text("\n".join(map(json.dumps, lines)))
    analysis = analyse_study(folder)
    assert analysis.settings["learning_rate=0.04"].contrasts["mask/AP"].verdict == "better"
    (fact,) = [item.fact for item in analysis.next if isinstance(item.fact, TrainLonger)]
    assert [say(setting) for setting in fact.settings] == ["learning rate 0.04"]
    assert (fact.itself, fact.baseline) == (False, True)
