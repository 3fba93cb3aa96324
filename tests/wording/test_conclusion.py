import dataclasses
from pathlib import Path

from detstudy.analysis.facts.conclusion import (
    Command,
    Finish,
    Judged,
    MoreSeeds,
    MoreUnits,
    NoResult,
    OpenedTest,
    ReachedOnTest,
    RepeatForNoise,
    RunTogether,
    SeedNoiseFound,
    TrainLonger,
)
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.reason import NoVerdict, WithoutResult
from detstudy.analysis.facts.setting import SettingName
from detstudy.analysis.records import Conclusion
from detstudy.wording import say

BETTER = Contrast(
    a="learning_rate=0.04",
    b="baseline",
    measure="mask/AP",
    estimate=0.0,
    low=0.0,
    high=0.0,
    p=None,
    degrees_of_freedom=None,
    verdict="better",
    reason=None,
    seeds=(1, 3),
    units="20 sequences",
)
BASELINE, FAST = SettingName(()), SettingName((("learning_rate", 0.04),))


def test_what_was_learned_begins_with_the_verdict() -> None:
    same = dataclasses.replace(BETTER, verdict=None, reason=NoVerdict.IDENTICAL)
    assert say(Judged(FAST, same, 0.5)) == (
        "Nothing changed: learning rate 0.04 predicts exactly what the baseline does."
    )
    assert say(SeedNoiseFound("mask/AP", 0.42, 2.0)) == (
        "The seed alone moves mask AP by 0.4 (standard deviation, 2 degrees of freedom): a difference of that size "
        "between two single trainings says nothing."
    )
    failed = WithoutResult("out_of_memory", "out of memory at 11.2 GiB")
    assert say(NoResult(FAST, failed)) == "No result: learning rate 0.04: out of memory at 11.2 GiB."


def test_the_test_split_is_shown_with_every_look_at_it() -> None:
    values = ((BASELINE, 40.04, 3), (FAST, 30.0, 1))
    first, second = OpenedTest("2026-11-30", (BASELINE, FAST)), OpenedTest("2026-12-01", (BASELINE, "batch_size=8"))
    assert say(ReachedOnTest("mask/AP", values, (first,))) == (
        "On the test split, opened once (2026-11-30 for baseline and learning rate 0.04), so that it picked nothing, "
        "mask AP is: baseline 40.0 (3 seeds), learning rate 0.04 30.0 (1 seed)."
    )
    again = say(ReachedOnTest("mask/AP", values, (first, second)))
    assert "opened 2 times (2026-11-30 for baseline and learning rate 0.04; 2026-12-01 for baseline and batch" in again
    assert "picked nothing" not in again
    unknown = say(ReachedOnTest("mask/AP", values, (OpenedTest(None, (BASELINE, FAST)),)))
    assert "opened at least 1 time (on an unknown date for baseline and learning rate 0.04), so that choices" in unknown
    unseen = say(ReachedOnTest("mask/AP", values, (first,), unseen=FAST))
    assert unseen.endswith(
        "The choice, learning rate 0.04, was not among them; `--open-test-again` opens it once more."
    )


def test_what_to_run_next_says_what_it_takes() -> None:
    assert say(Finish(1)) == "Finish what is planned (1 run left):"
    assert say(RepeatForNoise(everything=True)).startswith("Repeat every setting, so that the noise")
    assert say(MoreSeeds(5, 6, 600.0, ((FAST, 5),))) == (
        "Train 5 seeds of every setting (6 more trainings, about 10 min of training): if the differences stay as they "
        "are, that tells (learning rate 0.04 needs 5). Seeds added after a look make those verdicts exploratory."
    )
    assert say(MoreUnits("sequence", 20, ((FAST, 1400),))) == (
        "Annotate more validation sequences (now 20) where seeds alone won't tell: learning rate 0.04: 1,400."
    )
    assert say(RunTogether((FAST, BASELINE))) == "Run learning rate 0.04, baseline together, which this study did not:"


def test_why_to_train_longer_says_who_was_still_improving() -> None:
    start = "Train learning rate 0.04 and the baseline twice as long, since"
    assert say(TrainLonger((FAST,), itself=True, baseline=False)) == f"{start} it was still improving:"
    assert say(TrainLonger((FAST,), itself=False, baseline=True)) == f"{start} the baseline was still improving:"
    assert say(TrainLonger((FAST,), itself=True, baseline=True)) == f"{start} both were still improving:"
    many = say(TrainLonger((FAST,) * 6, itself=True, baseline=False))
    assert "learning rate 0.04; 2 more and the baseline" in many
    assert "since they or the baseline were" in many


def test_a_command_can_be_typed_as_it_stands() -> None:
    command = Command(Path("my study/study.yaml"), Path("out"), ("seeds=[0, 1]",))
    line = "detstudy run 'my study/study.yaml' --out out --set 'seeds=[0, 1]'"
    assert say(command) == line
    assert say(Conclusion(Finish(2), "runs", command)) == f"Finish what is planned (2 runs left): {line}"
    assert say(Command(Path("a.yaml"), None)) == "detstudy run a.yaml"
