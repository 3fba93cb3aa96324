from detstudy.analysis.facts.warning import Departure, MarginChanged, ObjectiveChanged, SeedsChanged
from detstudy.wording import say
from detstudy.wording.exploration import say_exploratory


def test_what_was_not_planned_is_named() -> None:
    assert say(Departure.SETTING_ADDED) == "added after the first run"
    assert say(Departure.DATA_CHANGED) == "the data changed after the first run"
    assert say(SeedsChanged((5,), (2, 3))) == "seed 5 added and seeds 2, 3 left out after the first run"


def test_several_reasons_are_one_text_and_none_is_none() -> None:
    assert say_exploratory((ObjectiveChanged("mask/AP", "box/AP"), MarginChanged(0.5, 1.0))) == (
        "the objective was mask AP and became box AP after the first run; "
        "the difference that matters was 0.5 and became 1 after the first run"
    )
    assert say_exploratory(()) is None
