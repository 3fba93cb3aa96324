"""The same images with every setting's predictions."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np

from detstudy.data import Rle
from detstudy.evaluation import count_errors, evaluate, load_ground_truth
from detstudy.ledger.codec import read_record, write_record
from detstudy.reporting import gallery as gallery_module
from detstudy.reporting.gallery import gather_galleries
from detstudy.reporting.inventory import gather_inventory
from detstudy.reporting.panel import CLASS_COLOURS, draw_truth, fit_image, place_box, spell_ascii
from detstudy.reporting.sheet import draw_sheet

SECTION = [("0.04", "learning_rate=0.04"), ("baseline", "baseline"), ("16", "batch_size=16")]


def test_ground_truth_stands_first_and_a_failed_setting_says_why(finished: Any) -> None:
    (gallery,) = gather_galleries(finished.ledger, finished.analyse(), [SECTION])
    assert gallery is not None
    (row,) = gallery.rows
    assert [panel.caption for panel in row.panels] == ["ground truth", "0.04", "baseline", "16"]
    assert [panel.counts for panel in row.panels] == [None, (2, 1, 1), (2, 1, 1), None]
    assert row.panels[1].alt == "0.04; val/0001.png: 2 predictions, 1 false positives, 1 objects missed"
    assert (row.panels[3].jpeg, row.panels[3].alt) == (None, "out of memory at 11.2 GiB")
    assert row.panels[0].uri.startswith("data:image/jpeg;base64,/9j/")
    assert draw_sheet(gallery).shape[1] == 4 * 426


def test_only_predictions_at_the_operating_threshold_are_drawn(finished: Any) -> None:
    analysis = finished.analyse()
    strict = dataclasses.replace(analysis.study, operating_score_threshold=0.7)
    (gallery,) = gather_galleries(finished.ledger, dataclasses.replace(analysis, study=strict), [SECTION])
    assert gallery is not None
    assert gallery.rows[0].panels[1].counts == (1, 0, 1)


def test_a_page_is_bounded_by_leaving_images_out(finished: Any, monkeypatch: Any) -> None:
    jpeg = cv2.imencode(".jpg", np.full((48, 120, 3), 90, np.uint8))[1].tobytes()
    finished.ledger.store_gallery([(1, f"val/{n}.png", 1.0, jpeg) for n in range(3)])
    monkeypatch.setattr(gallery_module, "MOST_BYTES", 1)
    (gallery,) = gather_galleries(finished.ledger, finished.analyse(), [SECTION])
    assert gallery is not None
    assert (len(gallery.rows), gallery.left_out) == (1, 2)


def test_without_images_or_results_there_is_no_gallery(hand_made: Any) -> None:
    hand_made.plan()
    assert gather_galleries(hand_made.ledger, hand_made.analyse(), [SECTION]) == [None]


def test_a_small_image_is_enlarged_so_that_its_masks_show(row: Any) -> None:
    panel, scale = fit_image(np.full((48, 120, 3), 90, np.uint8))
    assert (panel.shape, scale) == ((192, 480, 3), 4.0)
    shape = row(1, (10, 10, 30, 20), iscrowd=0)
    height, width = shape["segmentation"]["size"]
    mask = Rle(height, width, shape["segmentation"]["counts"].encode())
    drawn = draw_truth(panel, scale, [{**shape, "segmentation": mask}], {1: "car"})
    inside, outside = drawn[80, 100].astype(int), drawn[160, 300].astype(int)
    assert abs(inside - (0.58 * 90 + 0.42 * np.array(CLASS_COLOURS[0]))).max() <= 1
    assert (outside == 90).all()
    large, scale = fit_image(np.zeros((375, 1242, 3), np.uint8))
    assert large.shape[:2] == (193, 640)


def test_a_picture_s_letters_are_those_that_can_be_drawn() -> None:
    assert spell_ascii("batch size 16 as 2 × 8 −1") == "batch size 16 as 2 x 8 -1"
    assert spell_ascii("Fußgänger") == "Fu\\xdfganger"
    assert spell_ascii("車") == "\\u8eca"


def test_a_box_far_beyond_the_image_is_cut_off_at_its_edges() -> None:
    panel = np.full((48, 120, 3), 90, np.uint8)
    assert place_box(panel, (10.0, 5.0, 20.0, 10.0), 2.0) == (20, 10, 60, 30)
    assert place_box(panel, (-1e30, 5.0, 1e31, 1e30), 2.0) == (-1, 10, 120, 48)


def test_predictions_that_are_not_as_written_are_not_drawn(finished: Any) -> None:
    run = next(record for record in finished.ledger.read_runs() if record.setting_id == "learning_rate=0.04")
    path = run.evaluation_folder / "predictions.json"
    result = path.with_name("result.json")
    write_record(result, {**read_record(result, dict), "files": {path.name: "0123456789abcdef"}})
    (gallery,) = gather_galleries(finished.ledger, finished.analyse(), [SECTION])
    assert gallery is not None
    panel = gallery.rows[0].panels[1]
    assert (panel.jpeg, panel.alt) == (None, "its predictions are missing or damaged")
    (row, *_) = [row for row in gather_inventory(finished.ledger, finished.analyse()).runs if row.id == run.id]
    assert row.reason == "predictions.json is missing or not as written; its AP stands; `detstudy run` predicts again"


def test_a_picture_counts_what_the_table_of_its_matches_counts(finished: Any) -> None:
    (gallery,) = gather_galleries(finished.ledger, finished.analyse(), [SECTION])
    assert gallery is not None
    run = next(record for record in finished.ledger.read_runs() if record.setting_id == "learning_rate=0.04")
    truth = load_ground_truth(finished.ledger.ground_truth_path("validation"))
    tables, _ = evaluate(truth, run.evaluation_folder / "predictions.json")
    total = count_errors(tables["mask"], 0.5).total
    assert gallery.rows[0].panels[1].counts == (2, total["false_positives"], total["false_negatives"])
