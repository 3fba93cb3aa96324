from detstudy.analysis.facts.choice import Certainty, Choice, Ground
from detstudy.analysis.facts.contrast import Contrast, Verdict
from detstudy.analysis.facts.spread import Spread
from detstudy.analysis.findings.choice import choose_setting
from detstudy.analysis.records import SettingSummary
from detstudy.trainers.torchvision.hyperparameters import make_setting

SURE = Certainty(baseline_seeds=3, seeds=(1, 1), units="20 sequences", measure="mask/AP", seed_sd=0.4, detectable=None)


def make_contrast(a: str, b: str, estimate: float, half: float | None, verdict: Verdict | None) -> Contrast:
    known = half is not None
    return Contrast(
        a=a,
        b=b,
        measure="mask/AP",
        estimate=estimate,
        low=estimate - half if known else None,
        high=estimate + half if known else None,
        p=0.5 if known else None,
        degrees_of_freedom=5.0 if known else None,
        verdict=verdict,
        reason=None if verdict else "seed noise unknown",
        seeds=(1, 3),
        units="20 sequences",
    )


def make_summary(name: str, mean: float | None, contrast: Contrast | None, seconds: float) -> SettingSummary:
    measures = {"train/seconds": Spread(mean=seconds, sd=None, values={0: seconds})}
    measures["train/peak_memory_bytes"] = Spread(mean=2.1 * 2**30, sd=None, values={0: 2.1 * 2**30})
    if mean is not None:
        measures["mask/AP"] = Spread(mean=mean, sd=None, values={0: mean})
    rate = 0.01 if name == "baseline" else 0.01 + len(name) / 1000
    return SettingSummary(
        id=name,
        label=name,
        setting=make_setting(name="compact", learning_rate=rate, batch_size=4, iterations=100),
        levels={},
        runs=(),
        outcomes={"finished": 1} if mean is not None else {"out_of_memory": 1},
        reason=None if mean is not None else "out of memory at 11.2 GiB",
        measures=measures if mean is not None else {},
        undefined={},
        errors={},
        contrasts={"mask/AP": contrast} if contrast else {},
    )


Rows = dict[str, tuple[float | None, float | None, Verdict | None]]


def choose(
    table: Rows,
    losses: dict[str, float | None],
    baseline: float | None = 40.0,
    seconds: dict[str, float] | None = None,
    margin: float = 0.5,
) -> Choice | None:
    """Choose among a baseline and settings given by (difference, half width, verdict) and by the most they may lose."""
    times = seconds or {}
    summaries = [make_summary("baseline", baseline, None, times.get("baseline", 100.0))]
    for name, (difference, width, verdict) in table.items():
        mean = None if difference is None else (40.0 if baseline is None else baseline) + difference
        contrast = None if difference is None else make_contrast(name, "baseline", difference, width, verdict)
        summaries.append(make_summary(name, mean, contrast, times.get(name, 100.0)))
    return choose_setting(summaries, "mask/AP", margin, losses.get, SURE)


def test_what_may_lose_least_is_taken() -> None:
    table: Rows = {"a": (2.0, 1.0, "better"), "bb": (3.0, 1.0, "better"), "ccc": (4.0, 6.0, "cannot tell")}
    choice = choose(table, {"baseline": 9.0, "a": 7.0, "bb": 2.0, "ccc": 5.0})
    assert choice is not None
    assert choice.setting_id == "bb"
    assert choice.loses_at_most == 2.0
    assert (choice.ground, choice.time_ratio) == (Ground.BETTER, 1.0)
    assert choice.contrast is not None
    assert (choice.contrast.estimate, choice.contrast.low, choice.contrast.high) == (3.0, 2.0, 4.0)


def test_the_baseline_stays_where_nothing_else_may_lose_much_less() -> None:
    choice = choose({"a": (-9.0, 1.0, "worse"), "bb": (0.4, 1.0, "cannot tell")}, {"baseline": 1.4, "a": 10, "bb": 1.0})
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.loses_at_most == 1.4
    assert (choice.ground, choice.mean, choice.compared) == (Ground.NOTHING_BETTER, 40.0, 3)
    assert (choice.seconds, choice.time_ratio, choice.memory_bytes) == (100.0, None, 2.1 * 2**30)


def test_where_nothing_is_certain_a_much_safer_setting_is_taken_and_said_to_be_no_more() -> None:
    choice = choose({"a": (1.4, 1.5, "cannot tell")}, {"baseline": 2.7, "a": 0.1})
    assert choice is not None
    assert choice.setting_id == "a"
    assert (choice.ground, choice.loses_at_most) == (Ground.LOSES_LEAST, 0.1)


def test_the_baseline_is_not_left_for_a_lower_mean_however_narrow_its_bound() -> None:
    choice = choose({"a": (-2.0, 9.0, "cannot tell"), "bb": (6.0, 30.0, "cannot tell")}, {"baseline": 40, "a": 30})
    assert choice is not None
    assert choice.setting_id == "baseline"


def test_what_is_not_shown_to_be_better_is_not_worth_more_time() -> None:
    table: Rows = {"a": (1.4, 1.5, "cannot tell")}
    choice = choose(table, {"baseline": 2.7, "a": 0.1}, seconds={"a": 120.0})
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.loses_at_most == 2.7


def test_what_is_better_replaces_the_baseline_even_by_little() -> None:
    choice = choose({"a": (0.4, 0.3, "better")}, {"baseline": 0.3, "a": 0.0})
    assert choice is not None
    assert choice.setting_id == "a"


def test_one_loses_nothing_where_all_others_are_surely_worse() -> None:
    choice = choose({"a": (-9.0, 1.0, "worse")}, {"baseline": 0.0, "a": 10.0})
    assert choice is not None
    assert choice.loses_at_most == 0.0


def test_a_cheaper_setting_without_a_difference_that_matters_is_named() -> None:
    table: Rows = {
        "a": (0.0, 0.3, "no difference that matters"),
        "bb": (0.1, 0.3, "no difference that matters"),
        "ccc": (-2.0, 0.3, "worse"),
    }
    losses: dict[str, float | None] = {"baseline": 0.4, "a": 0.4, "bb": 0.3, "ccc": 2.5}
    choice = choose(table, losses, seconds={"a": 80.0, "bb": 60.0, "ccc": 10.0})
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.cheaper == ("bb", 0.6)
    barely = choose(table, losses, seconds={"a": 97.0, "bb": 99.0, "ccc": 10.0})
    assert barely is not None
    assert barely.cheaper is None


def test_without_intervals_the_loss_is_not_bounded() -> None:
    choice = choose({"a": (5.0, None, None)}, {})
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.loses_at_most is None
    assert choice.compared == 2


def test_where_the_baseline_failed_the_best_mean_is_taken_and_said_to_be_no_more() -> None:
    choice = choose({"a": (1.0, None, None), "bb": (2.0, None, None)}, {}, baseline=None)
    assert choice is not None
    assert choice.setting_id == "bb"
    assert choice.ground is Ground.BEST_MEAN


def test_where_the_others_failed_the_baseline_is_all_there_is() -> None:
    choice = choose({"a": (None, None, None)}, {"baseline": 0.0})
    assert choice is not None
    assert choice.setting_id == "baseline"
    assert choice.loses_at_most is None
    assert (choice.ground, choice.compared) == (Ground.ONLY_RESULT, 1)


def test_where_all_failed_there_is_no_choice() -> None:
    assert choose({"a": (None, None, None)}, {}, baseline=None) is None


def test_what_is_better_is_taken_though_a_third_setting_bounds_nothing() -> None:
    """Where one difference can't be judged no loss is bounded; that does not make a better setting no better."""
    table: Rows = {"a": (2.0, 1.0, "better"), "bb": (3.0, 1.0, "better"), "ccc": (5.0, None, None)}
    choice = choose(table, {})
    assert choice is not None
    assert choice.setting_id == "bb"
    assert (choice.ground, choice.loses_at_most) == (Ground.BETTER, None)


def test_the_baseline_is_not_kept_where_another_is_better_though_noisier() -> None:
    choice = choose(
        {"a": (4.0, 3.0, "better"), "bb": (4.5, 9.0, "cannot tell")}, {"baseline": 7.0, "a": 8.0, "bb": 9.0}
    )
    assert choice is not None
    assert choice.setting_id == "a"
    assert choice.ground is Ground.BETTER
