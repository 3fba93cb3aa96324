"""What cannot be evaluated is refused with the place and a remedy; what can be is."""

from __future__ import annotations

import copy
import gzip
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from detstudy import cli
from detstudy.data.masks import measure_areas
from detstudy.evaluation import EvaluationError, evaluate, load_ground_truth, load_predictions, match_predictions


@pytest.fixture
def document(rle):
    return {
        "images": [{"id": 4, "height": 60, "width": 80}, {"id": 2, "height": 60, "width": 80}],
        "categories": [{"id": 3, "name": "car"}, {"id": 8, "name": "tram"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 4,
                "category_id": 3,
                "bbox": [10, 10, 20, 20],
                "area": 400,
                "iscrowd": 0,
                "segmentation": rle([10, 10, 20, 20], (60, 80)),
            }
        ],
    }


@pytest.fixture
def entry(rle):
    box = [10, 10, 20, 20]
    return {"image_id": 4, "category_id": 3, "score": 0.9, "bbox": box, "segmentation": rle(box, (60, 80))}


def run_cli(arguments, capsys):
    """Return exit status, standard output, and the error without the folder that it names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["detstudy", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    printed = capsys.readouterr()
    error = re.sub(r"^error: \S*/", "", printed.err.strip())
    return stop.value.code or 0, printed.out, error


def change(document, path, value):
    changed = copy.deepcopy(document)
    target = changed
    for key in path[:-1]:
        target = target[key]
    if value is KeyError:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["images"], KeyError, "there is no `images`; a COCO file has"),
        (["annotations"], {}, "`annotations` must be a list, not dict"),
        (["categories", 0], 3, r"categories\[0\] must be an object with an integer `id`"),
        (["images", 1, "id"], 4, "image 4: the id is used twice"),
        (["images", 0, "id"], "4", r"images\[0\]: `id` must be an integer of 64 bits, not '4'"),
        (["images", 0, "id"], 2**70, "must be an integer of 64 bits"),
        (["images", 0, "height"], 0, "image 4: `width` and `height` must be pixels .*, not 80 and 0"),
        (["images", 0, "height"], 10**6, "image 4: .* pixels from 1 to 65535, not 80 and 1000000"),
        (["images", 0, "id"], True, r"images\[0\]: `id` must be .*, not True"),
        (["annotations", 0, "image_id"], 5, "annotation 1: image_id 5 is not a usable entry of `images`"),
        (["annotations", 0, "category_id"], 5, "annotation 1: category_id 5 is not a usable entry of `categories`"),
        (["annotations", 0, "category_id"], KeyError, "annotation 1: category_id None is not a usable entry"),
        (["annotations", 0, "id"], KeyError, r"annotations\[0\]: `id` must be .*, not None"),
        (
            ["annotations", 0, "bbox"],
            [1, 2, 3],
            r"annotation 1: `bbox` must be four .*, not \[1, 2, 3\]",
        ),
        (["annotations", 0, "bbox"], [1, 2, -3, 4], "annotation 1: bbox"),
        (["annotations", 0, "bbox"], [1, 2, float("nan"), 4], "annotation 1: `bbox` must be four finite numbers"),
        (["annotations", 0, "area"], float("inf"), "annotation 1: `area` must be a number of pixels, not inf"),
        (["annotations", 0, "area"], "400", "annotation 1: `area` must be a number of pixels, not '400'"),
        (["annotations", 0, "iscrowd"], 2, "annotation 1: `iscrowd` must be 0 or 1, not 2"),
        (["annotations", 0, "iscrowd"], None, "annotation 1: `iscrowd` must be 0 or 1, not None"),
        (["annotations", 0], None, r"annotations\[0\]: an annotation must be an object"),
        (["annotations", 0, "image_id"], 4.5, "annotation 1: image_id 4.5 is not a usable entry"),
        (["images", 0, "id"], 2**63, "must be an integer of 64 bits"),
        (
            ["annotations", 0, "segmentation", "size"],
            [80, 60],
            r"annotation 1: .* \[80, 60\], but its image is \[60, 80\]",
        ),
        (["annotations", 0, "segmentation", "counts"], "abc", "annotation 1: the RLE .* break off .* write it again"),
        (
            ["annotations", 0, "segmentation", "counts"],
            [5, 6],
            "has counts for 11 pixels, but its image has 4800",
        ),
        (["annotations", 0, "segmentation", "counts"], [-5, 4805], "runs that are not integers of 0 or more"),
        (["annotations", 0, "segmentation"], [[1, 2, 3, 4]], "it needs x and y of three points or more"),
        (["annotations", 0, "segmentation"], [[1, 2, 3, 4, 5, "6"]], "a coordinate that is not a finite number"),
        (
            ["annotations", 0, "segmentation"],
            [[0, 0, 1e9, 0, 1e9, 1e9]],
            r"1e\+09, far outside the image of 80x60",
        ),
        (["annotations", 0, "segmentation"], "mask", "must be a list of polygons or an RLE object, not str"),
    ],
)
def test_ground_truth_that_is_refused(document, path, value, message):
    with pytest.raises(EvaluationError, match=message):
        load_ground_truth(change(document, path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["image_id"], 5, "entry 1: image_id 5 is not among the 2 image ids"),
        (["image_id"], "4", "entry 1: image_id '4' is no whole number"),
        (["image_id"], 4.5, "entry 1: image_id 4.5 is no whole number; write it as the ground truth does"),
        (["image_id"], None, "entry 1: image_id None is no whole number"),
        (["category_id"], True, "entry 1: category_id True is no whole number"),
        (["score"], None, "entry 1: score is None"),
        (["score"], True, "entry 1: score is True"),
        (["score"], float("inf"), "entry 1: score is inf"),
        (["bbox"], [0, 0, 1e200, 1e200], "entry 1: bbox"),
        (["bbox"], [None, 0, 1, 1], "entry 1: bbox"),
        (["segmentation", "size"], [True, True], r"entry 1: the RLE's `size` is \[True, True\]"),
        (["segmentation", "counts"], None, "entry 1: the RLE's `counts` must be a string"),
        (["segmentation", "counts"], [4800.0], "entry 1: the RLE's `counts` has runs that are not integers"),
        (["segmentation"], [[None] * 6], "entry 1: a polygon has a coordinate that is not a finite number"),
        (["image_id"], [4], r"entry 1: image_id \[4\]"),
        (["category_id"], 1, "entry 1: category_id 1 is not among the classes '3 car, 8 tram'"),
        (["score"], float("nan"), "entry 1: score is nan"),
        (["score"], "0.9", "entry 1: score is '0.9'"),
        (["score"], KeyError, "entry 1: has no score"),
        (["bbox"], [1, 2, -3, 4], "entry 1: bbox is .* neither side negative"),
        (["bbox"], [1, 2, 3], "entry 1: bbox"),
        (["bbox"], [1, 2, 3, 10**400], "entry 1: bbox"),
        (["bbox"], 7, "entry 1: bbox is 7"),
        (["bbox"], KeyError, "entry 1 has no bbox, entry 0 has one"),
        (["segmentation"], KeyError, "entry 1 has no segmentation, entry 0 has one"),
        (
            ["segmentation", "size"],
            [50, 80],
            r"entry 1: .* is \[50, 80\], but its image is \[60, 80\]",
        ),
        (["segmentation", "size"], [60], "entry 1: the RLE's `size`"),
        (["segmentation", "counts"], "", "entry 1: the RLE has no counts; write it again"),
        (["segmentation", "counts"], "oooo", "entry 1: the RLE has counts that break off"),
        (["segmentation", "counts"], "éé", "entry 1: the RLE has characters that compressed"),
    ],
)
def test_predictions_that_are_refused(document, entry, path, value, message):
    truth = load_ground_truth(document)
    with pytest.raises(EvaluationError, match=message):
        load_predictions([entry, change(entry, path, value)], truth)


@pytest.mark.parametrize("predictions", [{"a": 1}, "text", 3, None])
def test_files_that_hold_no_list(document, predictions, tmp_path):
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(predictions))
    with pytest.raises(EvaluationError, match=r"predictions\.json: is a JSON .* list of detections"):
        load_predictions(path, load_ground_truth(document))


def test_ground_truth_given_as_a_result_file_is_named_as_such(document, entry):
    with pytest.raises(EvaluationError, match=r"predictions: is a JSON dict \(ground truth\?"):
        load_predictions({**document, "annotations": [entry]}, load_ground_truth(document))  # type: ignore[arg-type]


def test_entries_that_are_no_detections(document):
    truth = load_ground_truth(document)
    with pytest.raises(EvaluationError, match="entry 0: is 7"):
        load_predictions([7], truth)  # type: ignore[list-item]
    with pytest.raises(EvaluationError, match="entry 0: has neither bbox nor segmentation"):
        load_predictions([{"image_id": 4, "category_id": 3, "score": 1, "bbox": []}], truth)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "truth.json"
    with pytest.raises(EvaluationError, match=r"truth\.json: the annotation file is not there"):
        load_ground_truth(path)
    with pytest.raises(EvaluationError, match="is no file; give the path of a COCO file"):
        load_ground_truth(tmp_path)
    for content, message in [
        (b'{"images": [', "line 1, column 13: .* must be one JSON document, to its end"),
        (b"", "line 1, column 1: .* must be one JSON document"),
        (b" \n", "must be one JSON document"),
        (b'{}\n{"a": 1}', "line 2, column 1: Extra data"),
        (b'{"a": "\xff"}', r"not UTF-8 text \(near byte 7\)"),
        (gzip.compress(b'{"images": []}', mtime=0)[:-9], "the gzipped file is damaged"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b"[]", "a list is a result file: give the ground truth"),
    ]:
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=message):
            load_ground_truth(path)


def test_result_files_that_cannot_be_read(document, tmp_path):
    truth, path = load_ground_truth(document), tmp_path / "predictions.json"
    with pytest.raises(EvaluationError, match=r"predictions\.json: no such file; give the path"):
        load_predictions(path, truth)
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_predictions(tmp_path, truth)
    for content, message in [
        (b"[{}", "line 1, column 4: .* must be one JSON document, to its end"),
        (b"", r"; \[\] is a result file without detections"),
        (b"[]\n[]", "line 2, column 1: Extra data"),
        (b'["\xff"]', "not UTF-8"),
        (gzip.compress(b"[]", mtime=0)[:-9], "cannot be read"),
        (b"[" * 100_000, "nested too deeply"),
    ]:
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=message):
            load_predictions(path, truth)


def test_whole_numbers_may_have_a_point(document, entry):
    """Some exporters write 3.0; training reads it, and so does evaluation."""
    document["annotations"][0]["image_id"] = 4.0
    found = load_predictions([{**entry, "category_id": 3.0, "image_id": np.int64(4)}], load_ground_truth(document))
    assert (found[0]["category_id"], found[0]["image_id"]) == (3, 4)


def test_nan_in_a_file_is_named_with_file_and_entry(document, entry, tmp_path):
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([entry, {**entry, "score": float("nan")}]))
    with pytest.raises(EvaluationError, match=r"predictions\.json: entry 1: score is nan; a finite number"):
        load_predictions(path, load_ground_truth(document))


@pytest.mark.parametrize("encode", [gzip.compress, lambda text: b"\xef\xbb\xbf" + text, lambda text: text])
def test_gzip_and_byte_order_marks_are_read(document, entry, encode, tmp_path):
    truth, path = tmp_path / "truth.json", tmp_path / "predictions.json"
    truth.write_bytes(encode(json.dumps(document).encode()))
    path.write_bytes(encode(json.dumps([entry]).encode()))
    assert evaluate(load_ground_truth(truth), path)[1].measures["box/AP"] == pytest.approx(100)


def test_ground_truth_without_areas_and_more_detections_than_the_limit_are_as_in_coco(case, coco_eval):
    """Areas left out are the masks'; of 130 detections in an image the best 100 of each class count."""
    document, predictions = case(3, images=2)
    rng = np.random.default_rng(0)
    image, category = document["images"][0]["id"], document["categories"][0]["id"]
    for _ in range(130):
        box = [float(value) for value in (*rng.uniform(0, 60, 2), *rng.uniform(10, 60, 2))]
        predictions.append({"image_id": image, "category_id": category, "score": float(rng.random()), "bbox": box})
    predictions = [{key: entry[key] for key in ("image_id", "category_id", "score", "bbox")} for entry in predictions]
    for note in document["annotations"]:
        note["area"] = float(coco_mask.area(note["segmentation"]))
    expected = coco_eval(document, predictions, "box").stats
    for note in document["annotations"]:
        del note["area"]
    _, summary = evaluate(load_ground_truth(document), predictions)
    for name, value in zip(("box/AP", "box/AP50", "box/AP75", "box/APs", "box/APm"), expected, strict=False):
        assert summary.measures[name] == (None if value == -1 else pytest.approx(100 * value))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"image_id": 5}, "predictions.json: entry 0: image_id 5 is not among"),
        ({"category_id": 5}, "predictions.json: entry 0: category_id 5 is not among the classes"),
        ({"score": float("nan")}, "predictions.json: entry 0: score is nan"),
        ({"bbox": [1, 2, -3, 4]}, "predictions.json: entry 0: bbox is [1, 2, -3, 4]"),
        (
            {"segmentation": {"size": [50, 80], "counts": "a"}},
            "predictions.json: entry 0: the RLE's `size` [height, width] is [50, 80]",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_the_command_line_gives_one_error_and_status_2(document, entry, broken, message, verb, tmp_path, capsys):
    truth, good, bad = (tmp_path / name for name in ("truth.json", "good.json", "predictions.json"))
    truth.write_text(json.dumps(document))
    good.write_text(json.dumps([entry]))
    bad.write_text(json.dumps([{**entry, **broken}]))
    arguments = {"evaluate": [truth, bad], "compare": ["--gt", truth, good, bad]}[verb]
    for options in ([], ["--json"]):
        status, printed, error = run_cli([verb, *arguments, *options], capsys)
        assert (status, printed) == (2, "")
        assert error.startswith(message)
        assert "\n" not in error


def test_a_file_without_detections_is_evaluated_and_compared(document, entry, tmp_path, capsys):
    truth, good, none = (tmp_path / name for name in ("truth.json", "good.json", "none.json"))
    truth.write_text(json.dumps(document))
    good.write_text(json.dumps([entry]))
    none.write_text("[]")
    status, printed, _ = run_cli(["evaluate", truth, none, "--json"], capsys)
    assert (status, json.loads(printed)["measures"]["mask/AP"]) == (0, 0)
    status, printed, _ = run_cli(["compare", "--gt", truth, good, none, "--json"], capsys)
    assert (status, json.loads(printed)["measures"]["mask/AP"]["difference"]) == (0, pytest.approx(100))


def test_every_form_of_mask_is_the_same_mask(document, entry, tmp_path):
    size = [60, 80]
    mask = np.zeros(size, dtype=np.uint8, order="F")
    mask[20:40, 10:50] = 1
    columns = mask.flatten(order="F")
    edges = np.flatnonzero(np.diff(columns)) + 1
    runs = np.diff([0, *edges, len(columns)]).tolist()
    compressed = coco_mask.encode(mask)["counts"]
    polygon = [10, 20, 50, 20, 50, 40, 10, 40]
    tables = []
    for segmentation in (
        {"size": size, "counts": runs},
        {"size": size, "counts": compressed.decode()},
        {"size": size, "counts": compressed},
        [polygon],
    ):
        truth = load_ground_truth(change(document, ["annotations", 0, "segmentation"], segmentation))
        predictions = load_predictions([{**entry, "segmentation": segmentation}], truth)
        assert measure_areas([predictions[0]["segmentation"]]) == ([800], [None])
        tables.append(match_predictions(truth, predictions, "mask").matched.tolist())
    assert tables[0] == [[1023], [1023], [0], [0]]
    assert all(table == tables[0] for table in tables)


def test_areas_and_boxes_left_out_are_the_masks(document):
    annotation = document["annotations"][0]
    del annotation["area"], annotation["bbox"], annotation["iscrowd"]
    truth = load_ground_truth(document)
    assert truth.object_boxes.tolist() == [[10, 10, 20, 20]]
    assert truth.object_areas.tolist() == [coco_mask.area(annotation["segmentation"])]
    assert truth.object_crowds.tolist() == [0]
    document["annotations"][0] = {"id": 1, "image_id": 4, "category_id": 3, "bbox": [1, 2, 3, 4]}
    truth = load_ground_truth(document)
    assert truth.object_areas.tolist() == [12]
    assert truth.object_masks is None
    document["annotations"][0] = {"id": 1, "image_id": 4, "category_id": 3}
    with pytest.raises(EvaluationError, match="annotation 1: there is neither `bbox` nor `segmentation`; give"):
        load_ground_truth(document)


def test_ground_truth_without_masks_leaves_masks_undefined(document, entry):
    del document["annotations"][0]["segmentation"]
    truth = load_ground_truth(document)
    _, summary = evaluate(truth, [entry])
    assert summary.measures["box/AP"] == pytest.approx(100)
    assert summary.undefined["mask/AP"] == "the ground truth has no masks"
    with pytest.raises(EvaluationError, match="only boxes"):
        match_predictions(truth, [entry], "mask")


def test_images_may_leave_their_size_out_but_for_polygons(document, entry):
    for image in document["images"]:
        del image["width"], image["height"]
    truth = load_ground_truth(document)
    assert truth.image_sizes == (None, (60, 80))  # as the mask in the second has it
    other = change(entry, ["segmentation", "size"], [50, 80])
    with pytest.raises(EvaluationError, match=r"`size` .* is \[50, 80\], but its image is \[60, 80\]"):
        load_predictions([other], truth)
    document["annotations"][0]["segmentation"] = [[10, 10, 30, 10, 30, 30]]
    with pytest.raises(EvaluationError, match="no `width` and `height`, which polygons need"):
        load_ground_truth(document)


def test_classes_of_one_name_are_told_apart(document):
    document["categories"][1]["name"] = "car"
    assert load_ground_truth(document).category_names == ("car (3)", "car (8)")


def test_unknown_images_to_evaluate_are_refused(document, entry):
    with pytest.raises(EvaluationError, match="no image 5"):
        evaluate(load_ground_truth(document), [entry], image_ids=[4, 5])


def test_predictions_given_are_not_changed(document, entry):
    before = copy.deepcopy(entry)
    polygon = {**entry, "segmentation": [[10, 10, 30, 10, 30, 30]]}
    evaluate(load_ground_truth(document), [entry, polygon])
    assert entry == before
    assert polygon["segmentation"] == [[10, 10, 30, 10, 30, 30]]


def test_the_package_imports_no_compiler():
    code = (
        "import sys, detstudy.evaluation;"
        "print([m for m in ('numba', 'scipy', 'pycocotools', 'torch', 'cv2') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
