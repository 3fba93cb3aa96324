"""The study file: what is accepted, and that each fault is named with its line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from detstudy.plan import plan_study
from detstudy.study.setting import CocoData, KittiMotsData
from detstudy.study.spec import load_study
from detstudy.study.study import StudyError
from detstudy.trainers.torchvision.hyperparameters import HYPERPARAMETERS

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
GOOD = """\
study: mine
data: {format: kitti_mots, root: data}
model: {name: mask_rcnn, backbone: resnet50}
baseline:
  learning_rate: 1e-3
  batch_size: 4
  iterations: 100
factors:
  learning_rate: [1e-3, 0.01]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(write(folder, text), overrides)
    return str(caught.value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_ready_studies_are_valid(path: Path) -> None:
    assert load_study(path).factors


def test_a_study_reads_as_it_is_written(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, GOOD))
    assert study.name == "mine"
    assert study.baseline["learning_rate"] == 0.001  # YAML 1.2: a number, not text
    assert study.factors[0].levels == (0.001, 0.01)
    assert study.seeds == study.baseline_seeds == (0,)
    assert isinstance(study.data, KittiMotsData)
    assert study.data.root == str((tmp_path / "data").resolve())  # counts from the study file


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    text = GOOD.replace("batch_size: 4", "batch_size: &n 4").replace("iterations: 100", "iterations: &n 100")
    study = load_study(write(tmp_path, text + "seeds: [*n]\n"))  # warns of nothing: warnings are errors here
    assert (study.baseline["batch_size"], study.seeds) == (4, (100,))


def test_a_tolerance_is_ap_or_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_study(path).tolerance is None
    assert load_study(path, ("tolerance=1",)).tolerance == 1.0
    assert load_study(path, ("tolerance=null",)).tolerance is None
    assert "tolerance: -0.5: input should be greater than or equal to 0" in refusal(tmp_path, GOOD, "tolerance=-0.5")


def test_the_kept_source_gives_the_same_study_elsewhere(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, GOOD), ("baseline.batch_size=8", "seeds=[0, 1]"))
    (tmp_path / "elsewhere").mkdir()
    again = load_study(write(tmp_path / "elsewhere", study.source))
    assert again.baseline == study.baseline
    assert again.data == study.data
    assert again.seeds == (0, 1)


def test_length_in_images(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, GOOD.replace("iterations: 100", "images: 1001")))
    assert study.baseline["iterations"] == 251  # the last batch is not lost


def test_coco_data_with_sequences_by_pattern(tmp_path: Path) -> None:
    coco = """data:
  format: coco
  root: data
  train: {annotations: t.json, images: t}
  validation: {annotations: v.json, images: v}
  sequence_pattern: '^(\\d+)/'"""
    study = load_study(write(tmp_path, GOOD.replace("data: {format: kitti_mots, root: data}", coco)))
    assert isinstance(study.data, CocoData)
    assert study.data.train.annotations == "t.json"
    assert study.data.sequence_pattern == "^(\\d+)/"


def test_overrides_take_yaml_values(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, GOOD), ("factors={}", "baseline.iterations=40", "limits.memory=2GiB"))
    assert study.factors == ()
    assert study.baseline["iterations"] == 40
    assert study.limits.memory == 2 * 2**30


def test_limits_of_a_run(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    study = load_study(path)
    assert (study.limits.hours, study.limits.no_progress_minutes, study.on_out_of_memory) == (None, 60.0, "stop")
    study = load_study(
        path, ("limits={memory: 11GiB, hours: 6, no_progress_minutes: null}", "on_out_of_memory=accumulate")
    )
    assert (study.limits.memory, study.limits.hours, study.limits.no_progress_minutes) == (11 * 2**30, 6, None)
    assert study.on_out_of_memory == "accumulate"


def test_any_field_can_be_a_factor(tmp_path: Path) -> None:
    study = load_study(
        write(tmp_path, GOOD), ("factors.backbone=[resnet18, resnet50]", "factors.box_nms_threshold=[0.3]")
    )
    assert [factor.name for factor in study.factors] == ["learning_rate", "backbone", "box_nms_threshold"]
    assert study.baseline["backbone"] == "resnet50"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("learning_rate: 1e-3\n", "lerning_rate: 1e-3\n").replace("batch_size: 4", "batch_size: four")
    message = refusal(tmp_path, text)
    assert "study.yaml:5: baseline.lerning_rate: unknown key; did you mean learning_rate?" in message
    assert "study.yaml:6: baseline.batch_size: 'four': input should be a valid integer" in message
    assert "baseline: the key learning_rate is missing" in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("study: mine", "study: mine\nstudy: yours", "study.yaml:2: found duplicate key"),
        (
            "learning_rate: [1e-3, 0.01]",
            "learning_rate: []",
            "study.yaml:9: factors.learning_rate: a list of at least one",
        ),
        ("learning_rate: [1e-3, 0.01]", 'learning_rate: ["0.01"]', "(it is text: remove the quotes)"),
        ("learning_rate: [1e-3, 0.01]", "learning_rate: [0.01, 0.01]", "a level stands twice"),
        ("learning_rate: [1e-3, 0.01]", "learning_rate: [-1]", "greater than 0"),
        ("learning_rate: [1e-3, 0.01]", "learning_rates: [1]", "did you mean learning_rate?"),
        (
            "learning_rate: [1e-3, 0.01]",
            "batch_size: [4, 8]",
            "study.yaml: when_batch_size_changes: the section is missing",
        ),
        ("learning_rate: [1e-3, 0.01]", "optimizer: [sgd, adam]", "'sgd' or 'adamw'"),
        ("learning_rate: [1e-3, 0.01]", "micro_batch_size: [1, true]", "valid integer"),
        ("iterations: 100", "iterations: 100\n  images: 400", "stands beside iterations"),
        (
            "iterations: 100",
            "iterations: 100\n  warmup_iterations: 200",
            "study.yaml:8: baseline.warmup_iterations: 200 is more than",
        ),
        ("iterations: 100", "iterations: 100\n  milestones: [0.9, 0.7]", "rising fractions"),
        ("iterations: 100", "iterations: .inf", "a finite number is needed"),
        ("iterations: 100", "iterations: 100\n  checkpoint_rule: best", "best needs monitoring.validate_every"),
        ("backbone: resnet50", "backbone: resnet5", "'resnet50'"),
        ("name: mask_rcnn, backbone: resnet50", "name: mask_rcnn", "mask_rcnn needs one of"),
        ("name: mask_rcnn, backbone: resnet50", "name: compact, weights: coco", "no coco weights for compact"),
        ("backbone: resnet50", "backbone: resnet18, weights: coco", "coco weights exist for resnet50 only"),
        ("backbone: resnet50", "backbone: resnet50, frozen_stages: 2", "random weights would be frozen"),
        ("format: kitti_mots", "format: voc", "coco, kitti_mots or {python: "),
        ("root: data}", "root: data, trian: [0]}", "did you mean train?"),
        ("format: kitti_mots, ", "format: coco, ", "data: the key validation is missing"),
        ("study: mine", "study: ../mine", "a name of letters"),
        ("study: mine", "study: mine\nobjective: mask/mAP", "one of box/AP"),
        ("study: mine", "study: mine\nseeds: [1, 1]", "a seed stands twice"),
        ("study: mine", "study: mine\nlimits: {memory: 11}", "a size such as 11GiB"),
        ("study: mine", "study: mine\nlimits: {memory: 0GiB}", "a size such as 11GiB"),
        ("study: mine", f"study: mine\nlimits: {{memory: {'9' * 400}GiB}}", "a size such as 11GiB"),
        ("iterations: 100", f"iterations: 1{'0' * 400}", "less than or equal to 1000000000000"),
        ("learning_rate: [1e-3, 0.01]", f"batch_size: [1{'0' * 400}]", "less than or equal to 1000000000000"),
        (
            "backbone: resnet50",
            "backbone: resnet50, anchor_sizes: []",
            "model.anchor_sizes: []: more values are needed",
        ),
        ("backbone: resnet50", "backbone: resnet50, anchor_sizes: [[]]", "more values are needed"),
        ("backbone: resnet50", "backbone: resnet50, anchor_aspect_ratios: []", "more values are needed"),
        ("study: mine", "study: mine\nlimits: {hours: 0}", "study.yaml:2: limits.hours: 0: input should be greater"),
        ("study: mine", "study: mine\nlimits: {minutes: 5}", "limits.minutes: unknown key"),
        ("study: mine", "study: mine\non_out_of_memory: split", "'stop' or 'accumulate'"),
        ("study: mine", "study: mine\nseeds: [4294967296]", "less than 4294967296"),
        ("study: mine", "study: mine\nseeds: 0", "a list is needed"),
        ("study: mine", "study: mine\n5: 3", "study.yaml:2: 5: unknown key"),
        (
            "iterations: 100",
            "iterations: 100\n---\nstudy: second",
            "a single document in the stream, but found another",
        ),
        (
            "learning_rate: [1e-3, 0.01]",
            "learning_rate: [1e-3, .inf]",
            "study.yaml:9: factors.learning_rate: inf: a fin",
        ),
        ("learning_rate: [1e-3, 0.01]", "checkpoint_rule: [last, best]", "factors.checkpoint_rule: best needs"),
        ("root: data}", "root: ~nobody-of-that-name/data}", "can't be a path"),
        ("root: data}", "root: data, train: {}}", "data.train"),
        ("study: mine", "study: [", "study.yaml:"),
        ("baseline:\n", "baseline: 3\nx:\n", "a mapping of keys and values is needed"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert expected in refusal(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize("pattern", ["(a{99999999999})", f"(a{{{'9' * 5000}}})", "(" * 3000 + ")" * 3000, "(["])
def test_what_is_no_regular_expression_is_named(tmp_path: Path, pattern: str) -> None:
    coco = "format: coco, train: {annotations: a, images: b}, validation: {annotations: c, images: d}"
    text = GOOD.replace("format: kitti_mots", f"{coco}, sequence_pattern: '{pattern}'")
    assert "data.sequence_pattern: not a regular expression" in refusal(tmp_path, text)


def test_a_learning_rate_that_follows_the_batch_size_out_of_all_bounds_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("learning_rate: 1e-3", "learning_rate: 1e308").replace(
        "learning_rate: [1e-3, 0.01]", "batch_size: [64]"
    )
    study = load_study(write(tmp_path, text + "when_batch_size_changes: {hold: images, learning_rate: linear}\n"))
    with pytest.raises(StudyError, match=r"setting batch_size=64: a learning rate of 1e\+308 × 16 is no finite number"):
        plan_study(study)


def test_a_factor_that_could_do_nothing_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("learning_rate: [1e-3, 0.01]", "milestones: [[0.5], [0.9]]").replace(
        "iterations: 100", "iterations: 100\n  schedule: constant"
    )
    assert "changes nothing unless schedule is warmup_multistep" in refusal(tmp_path, text)


def test_an_override_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    assert "--set baseline.batch_size: baseline.batch_size: 0: input should be" in refusal(
        tmp_path, GOOD, "baseline.batch_size=0"
    )
    assert "--set seeds=[: the value is not YAML: " in refusal(tmp_path, GOOD, "seeds=[")
    assert "while parsing" not in refusal(tmp_path, GOOD, "seeds=[")
    assert "key=value is needed" in refusal(tmp_path, GOOD, "baseline.batch_size")
    assert "--set seeds.0: seeds: " in refusal(tmp_path, GOOD, "seeds.0=5")
    assert "can't be a path" in refusal(tmp_path, GOOD, "data.root=~nobody-of-that-name/data")


def test_a_root_given_by_an_override_counts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for override in ("data.root=mine", "data={format: kitti_mots, root: mine}"):
        assert load_study(write(tmp_path, GOOD), (override,)).data.root == str((tmp_path / "here" / "mine").resolve())


def test_a_missing_batch_size_is_the_only_fault_of_a_length_in_images(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("  batch_size: 4\n  iterations: 100", "  images: 400"))
    assert message.endswith("baseline: the key batch_size is missing")
    assert "iterations" not in message


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such study file"):
        load_study(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="UTF-8"):
        load_study(tmp_path / "binary.yaml")
    with pytest.raises(StudyError, match="mapping"):
        load_study(write(tmp_path, "- a\n- b\n"))


def test_the_documentation_names_every_key() -> None:
    from dataclasses import fields

    from detstudy.study.setting import CocoData, KittiMotsData, Monitoring

    text = (Path(__file__).parents[2] / "docs" / "study_file.md").read_text()
    keys = {
        *(each.name for each in HYPERPARAMETERS),
        *(field.name for cls in (CocoData, KittiMotsData, Monitoring) for field in fields(cls)),
    }
    assert not [key for key in keys if f"`{key}`" not in text]
