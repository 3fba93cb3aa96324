"""A fact of one's own with its words, and other words for a known fact. Nothing of detstudy is changed for it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from detstudy.analysis import Analysis, analyse_study
from detstudy.analysis.facts.caveat import RateNotScaled
from detstudy.reporting import print_answer, print_comparison, write_report
from detstudy.reporting.output import describe_contrasts
from detstudy.testing import run_here
from detstudy.wording import say


@dataclass(frozen=True, slots=True)
class NightOnly:
    """All validation images were taken at night."""

    images: int


@say.register
def _(fact: NightOnly) -> str:
    return f"all {fact.images} validation images were taken at night"


@pytest.fixture
def folder(tiny_study: Callable[..., Path], tmp_path: Path) -> Path:
    rule = {"hold": "images", "learning_rate": "fixed"}
    study = tiny_study(factors={"batch_size": [4, 8]}, when_batch_size_changes=rule)
    return run_here(study, tmp_path / "out")[1].folder


@pytest.fixture
def short_words() -> Iterator[None]:
    before = say.dispatch(RateNotScaled)
    say.register(RateNotScaled, lambda _: "same rate")
    yield
    say.register(RateNotScaled, before)


def render(folder: Path, analysis: Analysis) -> dict[str, str]:
    """Return what each surface shows."""
    files = {path.suffix: path.read_text() for path in write_report(folder, analysis) if path.is_file()}
    console = Console(file=io.StringIO(), width=400)
    print_answer(analysis, console)
    contrasts = analysis.settings["batch_size=8"].contrasts
    print_comparison("", contrasts, console)
    json = str(describe_contrasts("", contrasts))
    return {**files, "terminal": console.file.getvalue(), "json": json}  # type: ignore[attr-defined]


def test_a_new_caveat_is_said_on_every_surface(folder: Path) -> None:
    analysis = analyse_study(folder)
    setting = analysis.settings["batch_size=8"]
    contrasts = {
        measure: dataclasses.replace(contrast, caveats=(*contrast.caveats, NightOnly(12)))
        for measure, contrast in setting.contrasts.items()
    }
    settings = {**analysis.settings, setting.id: dataclasses.replace(setting, contrasts=contrasts)}
    shown = render(folder, dataclasses.replace(analysis, settings=settings))
    assert {where for where, text in shown.items() if "all 12 validation images were taken at night" in text} == {
        ".html",
        ".md",
        "terminal",
        "json",
    }


def test_other_words_for_a_fact_replace_the_first(folder: Path, short_words: None) -> None:
    for text in render(folder, analyse_study(folder)).values():
        assert "same rate" in text
        assert "the learning rate was not scaled with the batch size" not in text
