from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import Analysis, analyse_study
from detstudy.analysis.facts.choice import Ground
from detstudy.analysis.facts.effective import NotAsSet
from detstudy.analysis.facts.reason import NoVerdict, PredictionsUnreadable, WithoutResult
from detstudy.analysis.facts.setting import About, SettingName, UnitCount
from detstudy.ledger.codec import read_record, write_record
from detstudy.study.study import MEASURES, StudyError
from detstudy.wording import say

GOOD = 0.95


def test_a_ruined_setting_is_worse_and_a_like_one_cannot_be_told(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=GOOD) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.02, seconds=90.0)
    runs["learning_rate=0.0004", 0] = Run(quality=GOOD)
    analysis = analyse_study(write_ledger(runs, sequences=20))

    assert analysis.units == UnitCount(20, "sequence")
    baseline, bad, alike = analysis.settings.values()
    assert (say(baseline.label), say(bad.label)) == ("baseline", "learning rate 0.04")
    spread = baseline.measures["mask/AP"]
    assert list(spread.values) == [0, 1, 2]
    assert spread.sd == pytest.approx(analysis.seed_sd)
    contrast = bad.contrasts["mask/AP"]
    assert contrast.estimate == pytest.approx(bad.measures["mask/AP"].mean - spread.mean)
    assert contrast.estimate == pytest.approx(contrast.a_value - contrast.b_value)
    assert contrast.verdict == "worse"
    assert contrast.seeds == (1, 3)
    assert contrast.p < 0.05
    assert 2 <= contrast.degrees_of_freedom < 21
    assert set(bad.contrasts) == set(MEASURES)
    assert baseline.contrasts == {}
    assert alike.contrasts["mask/AP"].verdict == "cannot tell"

    assert analysis.choice is not None
    assert analysis.choice.setting_id == "baseline"
    # one-sided, so nearer than the end of the two-sided interval
    assert analysis.choice.loses_at_most is not None
    assert 0 < analysis.choice.loses_at_most < alike.contrasts["mask/AP"].high
    assert say(analysis.learned[0]).startswith("Worse: learning rate 0.04 changes mask AP by −")
    assert "1 against 3 seeds, 20 sequences" in say(analysis.learned[0])
    assert say(analysis.learned[1]).startswith("The seed alone moves mask AP by ")
    assert say(analysis.unknown[0]).startswith("Cannot tell: learning rate 0.0004 changes mask AP by ")
    factor = analysis.factors[0]
    assert factor.name == "learning_rate"
    assert factor.levels == ((0.04, "learning_rate=0.04"), (0.004, "baseline"), (0.0004, "learning_rate=0.0004"))
    assert factor.choice is not None
    assert say(factor.choice).startswith("Keep learning rate 0.004 (the baseline)")
    assert (analysis.choice.certainty.baseline_seeds, analysis.choice.certainty.seeds) == (3, (1, 1))


def test_a_clear_gain_is_better_and_taken(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.05) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.99)
    analysis = analyse_study(write_ledger(runs, sequences=20, factors={"learning_rate": [0.04, 0.004]}))
    assert analysis.choice is not None
    assert analysis.choice.setting_id == "learning_rate=0.04"
    assert analysis.choice.loses_at_most == 0.0
    assert say(analysis.choice).startswith("Take learning rate 0.04: +")
    assert say(analysis.learned[0]).startswith("Better: learning rate 0.04 changes mask AP by +")


def test_an_undefined_measure_has_its_reason(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    analysis = analyse_study(write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run()}))
    contrast = analysis.settings["learning_rate=0.04"].contrasts["box/APl"]
    assert (contrast.estimate, contrast.low, contrast.verdict) == (None, None, None)
    assert contrast.reason == "no large objects"
    assert analysis.settings["baseline"].undefined["box/APl"] == "no large objects"
    assert "box/APl" not in analysis.settings["baseline"].measures


def test_failed_and_missing_runs_are_facts_without_a_contrast(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    folder = write_ledger(
        {**baseline_runs, ("batch_size=16", 0): Run(outcome="out_of_memory", reason="out of memory at 11.2 GiB")},
        factors={"batch_size": [4, 8, 16]},
        when_batch_size_changes={"hold": "images", "learning_rate": "linear"},
    )
    analysis = analyse_study(folder)
    failed, missing = analysis.settings["batch_size=16"], analysis.settings["batch_size=8"]
    assert failed.outcomes == {"out_of_memory": 1}
    assert failed.contrasts["mask/AP"].verdict is None
    assert say(failed.contrasts["mask/AP"].reason) == "batch size 16: out of memory at 11.2 GiB"
    assert say(missing.contrasts["mask/AP"].reason) == "batch size 8: not run yet"
    assert "No result: batch size 16: out of memory at 11.2 GiB." in [say(found) for found in analysis.unknown]
    assert say(analysis.factors[0].notes[0]) == (
        "Images seen are held fixed, so steps change with the batch size (4: 100, 8: 50, 16: 25) and warm-up too "
        "(4: 0, 8: 0, 16: 0); the learning rate is scaled with it (4: 0.004, 8: 0.008, 16: 0.016)."
    )
    assert analysis.factors[0].choice is not None
    assert analysis.factors[0].choice.ground is Ground.ONLY_RESULT


def test_a_setting_is_judged_by_its_finished_seeds_and_says_so(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    runs = {
        **baseline_runs,
        ("learning_rate=0.04", 0): Run(),
        ("learning_rate=0.04", 1): Run(outcome="diverged", reason="loss was nan at iteration 3"),
        ("learning_rate=0.04", 2): Run(),
    }
    analysis = analyse_study(write_ledger(runs, factors={"learning_rate": [0.04]}, seeds=[0, 1, 2]))
    setting = analysis.settings["learning_rate=0.04"]
    assert setting.outcomes == {"finished": 2, "diverged": 1}
    assert say(setting.reason) == "diverged: loss was nan at iteration 3"
    contrast = setting.contrasts["mask/AP"]
    assert contrast.verdict is not None
    assert contrast.seeds == (2, 3)
    (note,) = map(say, contrast.notes)
    assert note == "learning rate 0.04: 1 of 3 seeds left out (1 diverged: loss was nan at iteration 3)"


def test_one_seed_of_everything_gives_no_verdict_but_the_remedy(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", 0): Run(quality=0.9), ("learning_rate=0.04", 0): Run(quality=0.1)}
    analysis = analyse_study(write_ledger(runs, factors={"learning_rate": [0.04]}, baseline_seeds=[0]))
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert contrast.estimate is not None
    assert contrast.estimate < -30
    assert (contrast.low, contrast.high, contrast.p, contrast.verdict) == (None, None, None, None)
    assert contrast.reason == NoVerdict.NO_SECOND_SEED
    assert say(contrast.notes[-1]).startswith("mask/AP: the validation images alone make ±")
    assert analysis.seed_sd is None
    assert analysis.learned == ()
    assert say(analysis.unknown[0]).startswith("No verdict: learning rate 0.04: −")
    assert analysis.choice is not None
    assert analysis.choice.setting_id == "baseline"
    assert analysis.choice.certainty.seed_sd is None


def test_a_setting_that_predicts_the_same_changed_nothing(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    proposals = {"proposals_entered": 600.0, "proposals_survived": 200.0}
    for run in baseline_runs.values():
        run.effective = proposals
    runs = {**baseline_runs, ("rpn_pre_nms_top_n_train=9000", 0): Run(like="baseline", effective=proposals)}
    analysis = analyse_study(write_ledger(runs, factors={"rpn_pre_nms_top_n_train": [2000, 9000]}))
    contrast = analysis.settings["rpn_pre_nms_top_n_train=9000"].contrasts["mask/AP"]
    assert contrast.reason == NoVerdict.IDENTICAL
    assert (contrast.estimate, contrast.low, contrast.high, contrast.verdict) == (0.0, 0.0, 0.0, None)
    assert say(analysis.learned[0]).startswith("Nothing changed: RPN pre-NMS top-k (training) 9000 ")
    assert analysis.unknown == ()
    assert tuple(map(say, analysis.factors[0].notes)) == (
        "Proposals an image that entered NMS in training and survived it, mean: 2000: 600 entered, 200 survived; "
        "9000: 600 entered, 200 survived.",
        "2000 and 9000 let the same number of proposals in: between them the level did nothing.",
        "From 2,000 to 9,000: mask false positives an image 0 (1 seed).",
        "RPN pre-NMS top-k (training) 9000: the setting changed nothing: predictions are identical",
    )


def test_a_learning_rate_that_was_not_applied_is_noted(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    runs = {**baseline_runs, ("learning_rate=0.04", 0): Run(effective={"learning_rate_max": 0.004})}
    analysis = analyse_study(write_ledger(runs, factors={"learning_rate": [0.04]}))
    note = About(SettingName((("learning_rate", 0.04),)), NotAsSet("learning_rate_max", 0.004, 0.04))
    assert note in analysis.settings["learning_rate=0.04"].contrasts["box/AP"].notes
    assert note in analysis.factors[0].notes


def test_a_factor_of_evaluation_pairs_the_seeds(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    name = "detections_per_image=50"
    runs = {**baseline_runs, **{(name, seed): Run(quality=0.62, like="baseline") for seed in range(3)}}
    sections: dict[str, Any] = {"factors": {"detections_per_image": [50]}, "seeds": [0, 1, 2]}
    analysis = analyse_study(write_ledger(runs, **sections))
    contrast = analysis.settings[name].contrasts["mask/AP"]
    values = analysis.settings[name].measures["mask/AP"].values
    base = analysis.settings["baseline"].measures["mask/AP"].values
    differences = [values[seed] - base[seed] for seed in range(3)]
    mean = sum(differences) / 3
    assert contrast.estimate == pytest.approx(mean)
    variance = sum((difference - mean) ** 2 for difference in differences) / 2
    assert contrast.seed_variance == pytest.approx(variance / 3)
    assert contrast.verdict is not None


def test_a_factor_of_evaluation_with_one_common_seed_has_no_verdict(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    name = "detections_per_image=50"
    runs = {**baseline_runs, (name, 0): Run(quality=0.7, like="baseline")}
    analysis = analyse_study(write_ledger(runs, factors={"detections_per_image": [50]}))
    contrast = analysis.settings[name].contrasts["mask/AP"]
    assert contrast.seeds == (1, 1)
    assert contrast.verdict is None
    assert contrast.reason == NoVerdict.ONE_TRAINING


def test_a_study_in_which_everything_failed_still_has_an_analysis(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {
        (name, seed): Run(outcome="crashed", reason="RuntimeError: no")
        for name in ("baseline", "learning_rate=0.04", "learning_rate=0.0004")
        for seed in ((0, 1, 2) if name == "baseline" else (0,))
    }
    analysis = analyse_study(write_ledger(runs))
    assert analysis.choice is None
    assert analysis.factors[0].choice is None
    assert analysis.learned == ()
    assert say(analysis.unknown[0]) == "No result: baseline: crashed: RuntimeError: no."
    assert len(analysis.unknown) == 3


def test_a_planned_study_has_an_analysis_before_its_first_run(write_ledger: Any) -> None:
    folder: Path = write_ledger({})
    analysis = analyse_study(folder)
    assert analysis.settings["baseline"].outcomes == {"planned": 3}
    assert say(analysis.unknown[0]) == "No result: baseline: not run yet."
    (folder / "ground_truth" / "validation.json").unlink()
    assert analyse_study(folder).units == UnitCount(0, "")


def test_a_study_without_factors_is_its_baseline(write_ledger: Any, baseline_runs: Any) -> None:
    analysis: Analysis = analyse_study(write_ledger(baseline_runs, factors={}))
    assert analysis.factors == ()
    assert analysis.choice is not None
    assert say(analysis.choice).startswith("Keep the baseline, ")
    assert analysis.choice.loses_at_most is None
    assert analysis.unknown == ()


def test_where_the_baseline_failed_no_setting_has_a_contrast(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(outcome="timed_out") for seed in range(3)}
    analysis = analyse_study(write_ledger({**runs, ("learning_rate=0.04", 0): Run()}))
    assert analysis.settings["learning_rate=0.04"].contrasts["mask/AP"].reason == About(
        SettingName(()), WithoutResult("timed_out", None)
    )
    assert analysis.choice is not None
    assert analysis.choice.setting_id == "learning_rate=0.04"
    assert analysis.choice.ground is Ground.BEST_MEAN


def test_lost_matches_are_made_again_from_the_predictions(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    folder: Path = write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run()})
    before = analyse_study(folder).settings["learning_rate=0.04"]
    (matches,) = folder.glob("runs/*lr0.04*/evaluations/*/matches.npz")
    matches.write_bytes(b"PK cut off")
    after = analyse_study(folder).settings["learning_rate=0.04"]
    assert after.contrasts["mask/AP"] == before.contrasts["mask/AP"]
    assert after.errors == before.errors


def test_predictions_that_are_not_as_written_are_not_matched(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    folder: Path = write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run()})
    (matches,) = folder.glob("runs/*lr0.04*/evaluations/*/matches.npz")
    (other, *_) = folder.glob("runs/*lr0.004*/evaluations/*/predictions.json")
    matches.unlink()
    matches.with_name("predictions.json").write_bytes(other.read_bytes())  # another run's, sound in themselves
    contrast = analyse_study(folder).settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert isinstance(contrast.reason, PredictionsUnreadable)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing, and what was measured can't be judged without it"),
        (b"[]", "is not as it was written"),
        (b'{"images": [', "is not as it was written"),
        (b'{"images": [{"id": 1}], "checksum": "0123456789abcdef"}', "is not as it was written"),
        (b'{"images": [{"id": 1}], "annotations": 7, "categories": []}', "`annotations` must be a list"),
    ],
)
def test_damaged_ground_truth_is_refused_with_the_remedy(
    write_ledger: Any,
    baseline_runs: Any,
    content: bytes | None,
    message: str,
) -> None:
    folder: Path = write_ledger(baseline_runs)
    path = folder / "ground_truth" / "validation.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        analyse_study(folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith("writes it again, where the data set is at hand")


def test_lost_predictions_and_matches_cost_the_interval_and_nothing_else(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    folder: Path = write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run()})
    (matches,) = folder.glob("runs/*lr0.04*/evaluations/*/matches.npz")
    matches.unlink()
    matches.with_name("predictions.json").write_text("[")
    analysis = analyse_study(folder)
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert contrast.estimate is not None
    assert contrast.verdict is None
    assert isinstance(contrast.reason, PredictionsUnreadable)
    assert analysis.settings["learning_rate=0.04"].errors == {}


def test_images_without_sequences_are_units(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    folder: Path = write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run()})
    path = folder / "ground_truth" / "validation.json"
    truth = read_record(path, dict)
    for image in truth["images"]:
        del image["sequence"]
    write_record(path, truth)
    assert analyse_study(folder).units == UnitCount(12, "image")


def test_a_grid_is_compared_setting_by_setting(write_ledger: Any, baseline_runs: Any, Run: Any) -> None:  # noqa: N803
    sections: dict[str, Any] = {
        "design": "grid",
        "factors": {"rpn_pre_nms_top_n_train": [2000, 9000], "rpn_post_nms_top_n_train": [1000]},
    }
    name = "rpn_post_nms_top_n_train=1000,rpn_pre_nms_top_n_train=9000"
    analysis = analyse_study(write_ledger({**baseline_runs, (name, 0): Run()}, **sections))
    assert analysis.settings[name].contrasts["mask/AP"].verdict == "cannot tell"
    # no setting has 9000 with the baseline's post-NMS level
    assert analysis.factors[0].levels == ((2000, "baseline"),)
    assert analysis.factors[1].levels == ((2000, "baseline"), (1000, "rpn_post_nms_top_n_train=1000"))


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"study\.yaml is missing"):
        analyse_study(tmp_path)


def test_levels_that_did_the_same_do_not_keep_the_loss_from_being_bounded(
    write_ledger: Any,
    Run: Any,  # noqa: N803
) -> None:
    """9000 and 12000 let the same proposals in: one is as good as the other."""
    entered = {"baseline": 600.0, "rpn_pre_nms_top_n_train=9000": 900.0, "rpn_pre_nms_top_n_train=12000": 900.0}
    runs = {
        (name, seed): Run(quality=0.3 if name == "baseline" else 0.98, effective={"proposals_entered": proposals})
        for name, proposals in entered.items()
        for seed in range(2)
    }
    factors = {"rpn_pre_nms_top_n_train": [2000, 9000, 12000]}
    analysis = analyse_study(write_ledger(runs, factors=factors, seeds=[0, 1], baseline_seeds=[0, 1]))
    assert analysis.choice is not None
    assert analysis.choice.setting_id in entered.keys() - {"baseline"}
    assert analysis.choice.loses_at_most == 0


def test_a_setting_that_was_not_trained_as_set_is_neither_chosen_nor_in_the_way(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    runs = {
        **baseline_runs,
        ("learning_rate=0.04", 0): Run(quality=0.98, effective={"learning_rate_max": 0.001}),
        ("learning_rate=0.0004", 0): Run(quality=0.1),
    }
    choice = analyse_study(write_ledger(runs)).choice
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.loses_at_most is not None
