import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import (
    AnalysisError,
    analyse_study,
    compare_results,
    compare_runs,
    compare_settings,
)
from detstudy.analysis.facts.contrast import ErrorKinds
from detstudy.analysis.facts.reason import Note, NoVerdict, OfTwoStudies, OverUnitsAlone
from detstudy.analysis.facts.setting import UnitCount
from detstudy.evaluation import EvaluationError
from detstudy.study.study import MEASURES
from detstudy.wording.contrast import introduce_comparison, shorten_paths


@pytest.fixture(scope="module")
def folder(write_ledger: Any, Run: Any) -> Path:  # noqa: N803
    """A study that no test here changes."""
    runs = {
        **{("baseline", seed): Run() for seed in range(3)},
        ("learning_rate=0.04", 0): Run(quality=0.1),
        ("learning_rate=0.0004", 0): Run(quality=0.5),
    }
    path: Path = write_ledger(runs)
    return path


def test_a_setting_against_the_baseline_is_what_the_report_says(folder: Path) -> None:
    compared = compare_settings(folder, "learning_rate=0.04", "baseline")
    assert list(compared) == list(MEASURES)
    reported = analyse_study(folder).settings["learning_rate=0.04"].contrasts
    assert reported["mask/AP"].family == 2
    for measure in MEASURES:
        ours, theirs = compared[measure], reported[measure]
        assert (ours.estimate, ours.low, ours.high, ours.p, ours.verdict) == (
            theirs.estimate,
            theirs.low,
            theirs.high,
            theirs.p,
            theirs.verdict,
        )
    turned = compare_settings(folder, "baseline", "learning_rate=0.04")["mask/AP"]
    assert (turned.a, turned.b) == ("baseline", "learning_rate=0.04")
    assert (turned.estimate, turned.low) == (-compared["mask/AP"].estimate, -compared["mask/AP"].high)


def test_two_settings_are_judged_on_their_own(folder: Path) -> None:
    contrast = compare_settings(folder, "learning_rate=0.04", "learning_rate=0.0004")["mask/AP"]
    assert contrast.family == 1
    assert contrast.notes[-1] == Note.ALONE
    assert isinstance(contrast.kinds, ErrorKinds)
    assert contrast.kinds.score_threshold == 0.5


def test_what_cannot_be_told_says_what_would_tell(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, seed): Run(quality=0.6) for name in ("baseline", "learning_rate=0.04") for seed in range(2)}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, seeds=[0, 1], baseline_seeds=[0, 1])
    for names in (("learning_rate=0.04", "baseline"), ("baseline", "learning_rate=0.04")):
        contrast = compare_settings(folder, *names)["mask/AP"]
        assert contrast.verdict == "cannot tell"
        assert contrast.remedy is not None
        assert (contrast.remedy.units_now, contrast.remedy.noun) == (6, "sequence")
    reported = analyse_study(folder).settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert compare_settings(folder, "learning_rate=0.04", "baseline")["mask/AP"] == reported


def test_a_run_is_not_compared_with_its_own_setting(folder: Path) -> None:
    run = analyse_study(folder).settings["baseline"].runs[1]
    with pytest.raises(AnalysisError, match="is one of the runs of baseline"):
        compare_settings(folder, "baseline", run.id)


def test_swapping_the_two_turns_the_sign(folder: Path) -> None:
    forth = compare_settings(folder, "learning_rate=0.04", "learning_rate=0.0004")["mask/AP"]
    back = compare_settings(folder, "learning_rate=0.0004", "learning_rate=0.04")["mask/AP"]
    assert forth.estimate == pytest.approx(-back.estimate)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.p == pytest.approx(back.p)
    assert forth.seeds == (1, 1)


def test_numbers_in_names_may_be_written_in_any_way(folder: Path) -> None:
    one = compare_settings(folder, "learning_rate=4e-2,batch_size=4", "learning_rate=0.004")
    assert one == compare_settings(folder, "learning_rate=0.04", "baseline")


def test_a_run_is_named_by_its_folder_and_stands_for_one_seed(folder: Path) -> None:
    run = analyse_study(folder).settings["baseline"].runs[1]
    by_id = compare_settings(folder, "learning_rate=0.04", run.id)["mask/AP"]
    assert by_id.seeds == (1, 1)
    assert by_id.b == run.id
    assert by_id.b_value == run.measures["mask/AP"].value
    by_path = compare_settings(folder, "learning_rate=0.04", f"{run.folder}/")["mask/AP"]
    assert by_path == by_id


def test_two_seeds_of_one_setting_can_be_compared(folder: Path) -> None:
    first, second, _ = analyse_study(folder).settings["baseline"].runs
    contrast = compare_settings(folder, first.id, second.id)["mask/AP"]
    assert contrast.verdict == "cannot tell"
    assert contrast.seed_variance == pytest.approx(2 * analyse_study(folder).seed_sd ** 2)


def test_unknown_names_are_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(AnalysisError, match="did you mean baseline"):
        compare_settings(folder, "basline", "learning_rate=0.04")
    with pytest.raises(AnalysisError, match=r"learning_rate=0\.04"):
        compare_settings(folder, "learning_rate=0.05", "baseline")
    with pytest.raises(AnalysisError, match="settings are baseline; learning_rate"):
        compare_settings(folder, "zzz", "baseline")
    with pytest.raises(AnalysisError, match="are the same"):
        compare_settings(folder, "learning_rate=0.004", "baseline")


def test_paths_are_told_apart_by_their_last_difference() -> None:
    assert shorten_paths("runs/a/out.json", "runs/b/out2.json") == ("out.json", "out2.json")
    assert shorten_paths("x/runs/a/evaluations/1/p.json", "runs/b/evaluations/1/p.json") == ("a", "b")
    assert shorten_paths("p.json", "x/p.json") == ("p.json", "x/p.json")


def test_a_file_compared_with_its_copy_is_told(folder: Path, tmp_path: Path) -> None:
    run = analyse_study(folder).settings["baseline"].runs[0]
    copy = Path(shutil.copy(run.evaluation_folder / "predictions.json", tmp_path / "copy.json"))
    truth = folder / "ground_truth" / "validation.json"
    contrast = compare_results(truth, run.evaluation_folder / "predictions.json", copy)["mask/AP"]
    assert contrast.notes == (Note.SAME_FILE,)


def test_an_exploratory_comparison_says_so(folder: Path) -> None:
    compared = compare_settings(folder, "learning_rate=0.04", "baseline")
    later = {name: dataclasses.replace(row, exploratory=("seed 3 added",)) for name, row in compared.items()}
    assert "; exploratory: seed 3 added)" in introduce_comparison(later)
    assert "exploratory" not in introduce_comparison(compared)


def test_two_result_files_have_an_interval_over_images_and_no_verdict(folder: Path) -> None:
    analysis = analyse_study(folder)
    good, bad = (analysis.settings[name].runs[0] for name in ("baseline", "learning_rate=0.04"))
    truth = folder / "ground_truth" / "validation.json"
    paths = [run.evaluation_folder / "predictions.json" for run in (good, bad)]
    compared = compare_results(truth, *paths)
    contrast = compared["mask/AP"]
    assert contrast.estimate == pytest.approx(good.measures["mask/AP"].value - bad.measures["mask/AP"].value)
    assert contrast.low < contrast.estimate < contrast.high
    assert contrast.low > 0
    assert contrast.p < 0.05
    assert contrast.verdict is None
    assert contrast.reason == NoVerdict.TWO_FILES
    assert contrast.units == UnitCount(6, "sequence")
    assert contrast.notes[0] == OverUnitsAlone(UnitCount(6, "sequence"))
    assert compared["box/APl"].estimate is None
    assert compared["box/APl"].reason == "no large objects"
    assert contrast.p_randomisation == pytest.approx(2 / 2**6)  # six sequences: only all of them swapped does as much
    assert compared["box/APl"].p_randomisation is None
    same = compare_results(truth, paths[0], paths[0])["mask/AP"]
    assert (same.estimate, same.low, same.p, same.p_randomisation) == (0.0, None, None, 1.0)


def test_result_files_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    truth = folder / "ground_truth" / "validation.json"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps([{"image_id": 999, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1.0}]))
    with pytest.raises(EvaluationError, match=r"wrong\.json"):
        compare_results(truth, wrong, wrong)


def test_two_run_folders_of_a_study_are_its_arms(folder: Path) -> None:
    analysis = analyse_study(folder)
    a, b = (analysis.settings[name].runs[0] for name in ("learning_rate=0.04", "baseline"))
    assert compare_runs(a.folder, b.folder) == compare_settings(folder, a.id, b.id)
    assert compare_runs(a.evaluation_folder, b.folder)["mask/AP"].estimate is not None
    with pytest.raises(AnalysisError, match="are the same"):
        compare_runs(a.folder, a.folder)
    with pytest.raises(AnalysisError, match="no run's folder; STUDY/runs/NAME is needed"):
        compare_runs(folder, a.folder)
    with pytest.raises(AnalysisError, match="no run's folder"):
        compare_runs(folder / "runs" / "nothing", a.folder)


def test_run_folders_of_two_studies_are_two_result_files_over_equal_ground_truth(
    folder: Path,
    write_ledger: Any,
    Run: Any,  # noqa: N803
) -> None:
    others = write_ledger({("baseline", 0): Run(quality=0.1), ("learning_rate=0.04", 0): Run(outcome="diverged")})
    a = analyse_study(folder).settings["baseline"].runs[0]
    b, failed = (analyse_study(others).settings[name].runs[0] for name in ("baseline", "learning_rate=0.04"))
    contrast = compare_runs(a.folder, b.folder)["mask/AP"]
    truth, files = folder / "ground_truth" / "validation.json", [run.evaluation_folder for run in (a, b)]
    by_files = compare_results(truth, *(path / "predictions.json" for path in files))["mask/AP"]
    assert (contrast.estimate, contrast.low, contrast.p) == (by_files.estimate, by_files.low, by_files.p)
    assert contrast.verdict is None
    assert isinstance(contrast.notes[-1], OfTwoStudies)
    assert (contrast.a, contrast.b) == (str(a.folder), str(b.folder))
    with pytest.raises(AnalysisError, match="no predictions to compare"):
        compare_runs(a.folder, failed.folder)
    fewer = write_ledger({("baseline", 0): Run()}, sequences=5)
    with pytest.raises(AnalysisError, match=r"validation\.json differ: .* detstudy compare --gt"):
        compare_runs(a.folder, analyse_study(fewer).settings["baseline"].runs[0].folder)


def test_plain_words_come_first(folder: Path) -> None:
    analysis = analyse_study(folder)
    good, bad = (analysis.settings[name].runs[0] for name in ("baseline", "learning_rate=0.04"))
    truth = folder / "ground_truth" / "validation.json"
    paths = [run.evaluation_folder / "predictions.json" for run in (good, bad)]
    files = introduce_comparison(compare_results(truth, *paths))
    assert f"{good.measures['mask/AP'].value:.1f} against {bad.measures['mask/AP'].value:.1f}" in files
    assert "more than the images' noise" in files
    assert files.endswith("each is one training, and another seed may differ by more.")
    same = introduce_comparison(compare_results(truth, paths[0], paths[0]))
    assert "have the same mask AP" in same
    compared = compare_settings(folder, "learning_rate=0.04", "baseline")
    verdict: Any
    for verdict, words in (
        ("worse", "learning_rate=0.04 is worse than baseline: −"),
        ("cannot tell", "Whether learning_rate=0.04 is better than baseline can't be told: −"),
        ("no difference that matters", "Between learning_rate=0.04 and baseline is no difference that matters: −"),
    ):
        contrast = dataclasses.replace(compared["box/AP50"], verdict=verdict)
        text = introduce_comparison({**compared, "box/AP50": contrast}, "box/AP50")
        assert text.startswith(words)
        assert "box AP50 (95 %: " in text
        assert "1 against 3 seeds, 6 sequences" in text
    assert "mask AP" in introduce_comparison(compared)
    unknown = dataclasses.replace(contrast, verdict=None, low=None, reason="seed noise unknown")
    assert introduce_comparison({**compared, "box/AP50": unknown}, "box/AP50").startswith("No verdict on learning_rate")
    missing = {
        "mask/AP": dataclasses.replace(unknown, estimate=None),
        "box/AP": dataclasses.replace(unknown, estimate=None),
    }
    assert introduce_comparison(missing) == "learning_rate=0.04 and baseline can't be compared: seed noise unknown."
