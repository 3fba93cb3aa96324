"""The answer's record: headline, tiles, warnings, rows."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

from rich.console import Console

from detstudy.analysis import Analysis
from detstudy.analysis.facts.choice import Ground
from detstudy.analysis.facts.conclusion import Command, Finish
from detstudy.analysis.facts.setting import SettingName
from detstudy.analysis.records import Conclusion
from detstudy.reporting import print_answer
from detstudy.reporting.answer import Item, gather_answer
from detstudy.wording import say


def test_the_answer_says_what_to_take_at_what_cost_and_loss(finished: Any) -> None:
    answer = gather_answer(finished.analyse())
    assert answer.headline == "Keep the baseline"
    tiles = {tile.label: (tile.value, tile.detail) for tile in answer.tiles}
    assert tiles["mask AP"] == ("40.0 ± 0.5", "mean of 2 seeds")
    assert tiles["you may lose by it"][0] == "at most 0.7 AP"
    assert tiles["training time"] == ("1 h 56 min", "the baseline's own")
    assert tiles["false positives an image"] == ("1.00", "at score ≥ 0.5; 0.50 false negatives")
    assert [(value.label, value.value) for value in answer.values] == [("learning rate", "0.004"), ("batch size", "4")]


def take(analysis: Analysis, setting_id: str) -> Analysis:
    """Return the analysis with another setting chosen."""
    setting = analysis.settings[setting_id]
    assert analysis.choice is not None
    choice = dataclasses.replace(
        analysis.choice,
        setting_id=setting_id,
        setting=setting.label,
        ground=Ground.LOSES_LEAST,
        contrast=setting.contrasts["mask/AP"],
        loses_at_most=None,
    )
    return dataclasses.replace(analysis, choice=choice)


def test_the_headlines_words_are_not_said_twice(finished: Any) -> None:
    kept = gather_answer(finished.analyse())
    assert kept.sentence.startswith("40.0 mask AP: nothing else is shown to be better; ")
    taken = gather_answer(take(finished.analyse(), "learning_rate=0.04"))
    assert taken.sentence.startswith("−10.0 mask AP over the baseline (")


def test_another_setting_is_compared_with_the_baseline(finished: Any) -> None:
    answer = gather_answer(take(finished.analyse(), "learning_rate=0.04"))
    assert answer.headline == "Take learning rate 0.04"
    assert answer.verdict == "worse"
    tiles = {tile.label: tile.detail for tile in answer.tiles}
    assert tiles["mask AP"] == "−10.0 (−12.0 to −8.0) against the baseline"
    assert tiles["training time"] == "×1.00 the baseline's (1 h 56 min)"
    assert "you may lose by it" not in tiles
    assert answer.values[0].changed
    assert not answer.values[1].changed


def test_every_setting_has_a_row_and_a_failure_its_reason(finished: Any) -> None:
    rows = {row.setting_id: row for row in gather_answer(finished.analyse()).rows}
    assert list(rows) == ["baseline", "learning_rate=0.04", "batch_size=16"]
    assert (rows["learning_rate=0.04"].difference, rows["learning_rate=0.04"].interval) == ("−10.0", "−12.0 to −8.0")
    failed = rows["batch_size=16"]
    assert (failed.absence, failed.verdict, failed.mask_ap) == ("out of memory at 11.2 GiB", "no result", "–")
    assert (failed.seeds, failed.memory) == ("0 of 1", "11.2 GiB")


def test_seeds_that_failed_beside_others_are_named(finished: Any) -> None:
    analysis = finished.analyse()
    baseline = dataclasses.replace(
        analysis.settings["baseline"], outcomes={"finished": 2, "crashed": 1}, reason="disk full"
    )
    some = dataclasses.replace(analysis, settings={**analysis.settings, "baseline": baseline})
    assert gather_answer(analysis).failures == ()
    assert gather_answer(some).failures == ("baseline: of 3 runs 1 crashed (disk full)",)


def test_what_may_mislead_is_said(finished: Any) -> None:
    analysis = take(finished.analyse(seed_sd=None), "learning_rate=0.04")
    third = dataclasses.replace(analysis.settings["learning_rate=0.04"], id="other")
    analysis = dataclasses.replace(analysis, settings={**analysis.settings, "other": third})
    first_words = [text.split(":")[0] for text in gather_answer(analysis).warnings]
    assert first_words == ["Seed noise unknown", "Winner's curse"]
    assert "there is no test split" in gather_answer(analysis).warnings[-1]
    assert analysis.choice is not None
    kept = dataclasses.replace(analysis, choice=dataclasses.replace(analysis.choice, setting_id="baseline"))
    assert gather_answer(kept).warnings[-1].startswith("Validation picked: ")


def test_each_reason_for_exploratory_verdicts_is_told_once(finished: Any) -> None:
    analysis = finished.analyse()
    setting = analysis.settings["learning_rate=0.04"]
    reasons = {"box/AP": ("seed 3 added",), "mask/AP": ("the objective changed", "seed 3 added")}
    contrasts = {m: dataclasses.replace(setting.contrasts[m], exploratory=why) for m, why in reasons.items()}
    settings = {**analysis.settings, setting.id: dataclasses.replace(setting, contrasts=contrasts)}
    (text,) = [w for w in gather_answer(dataclasses.replace(analysis, settings=settings)).warnings if "Explor" in w]
    assert f"({say(setting.label)}: seed 3 added; {say(setting.label)}: the objective changed)" in text


def test_a_proposal_and_its_command_are_told_apart(finished: Any) -> None:
    command = Command(Path("a.yaml"), None, ("x=1",))
    proposed = dataclasses.replace(finished.analyse(), next=(Conclusion(Finish(2), "runs", command),))
    assert gather_answer(proposed).next == (
        Item("Finish what is planned (2 runs left):", "detstudy run a.yaml --set x=1", "runs"),
    )


def test_nothing_finished_is_no_answer(hand_made: Any) -> None:
    hand_made.plan()
    answer = gather_answer(hand_made.analyse())
    assert answer.headline == "No answer yet: 0 of 4 runs finished"
    assert answer.warnings == ("Preliminary: 4 of 4 runs have not ended. `detstudy run` goes on.",)
    assert {row.absence for row in answer.rows} == {"planned"}


def test_a_study_without_factors_states_its_result(hand_made: Any) -> None:
    hand_made.finish(hand_made.plan(factors="{}"))
    assert gather_answer(hand_made.analyse()).headline == "The baseline alone reaches mask AP 40.0 ± 0.5"


def test_the_terminal_shows_names_as_they_are(finished: Any) -> None:
    analysis = finished.analyse()
    odd = dataclasses.replace(analysis.settings["learning_rate=0.04"], label=SettingName((("milestones", "[red]"),)))
    analysis = dataclasses.replace(analysis, settings={**analysis.settings, odd.id: odd})
    console = Console(file=io.StringIO(), width=160)
    print_answer(analysis, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "milestones [red]" in shown
    assert "→ baseline" in shown
    assert "Keep the baseline" in shown
