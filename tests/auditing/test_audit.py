"""Each rule of the audit has a table that triggers it and one that doesn't; the deck's findings, by rule and rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detstudy import cli
from detstudy.auditing import Audit, TableError, audit_table
from detstudy.auditing.coincidence import add_poisson_tail, add_tail, rate_times
from detstudy.auditing.finding import Finding, Kind, OtherCost
from detstudy.wording import say
from detstudy.wording.audit import say_chance

DECK = Path(__file__).parent / "deck.csv"
HEADINGS = ",".join(
    f"{kind} {short}" for kind in ("box", "mask") for short in ("AP", "AP50", "AP75", "APs", "APm", "APl")
)

Auditor = Callable[..., Audit]


@pytest.fixture
def audit(tmp_path: Path) -> Auditor:
    def write(text: str, seed_sd: float | None = None) -> Audit:
        path = tmp_path / "table.csv"
        path.write_text(text)
        return audit_table(path, seed_sd)

    return write


def find(audited: Audit, rule: str) -> list[Finding]:
    return [finding for finding in audited.findings if finding.kind.rule == rule]


def draw_table(rng: np.random.Generator, rows: int, kinds: tuple[str, ...] = ("box", "mask")) -> list[list[str]]:
    """Draw trainings of rising and falling quality, one in three tables with a failed one: cells move together."""
    base = {"box": [0, 60, 42, 22, 43, 52], "mask": [0, 56, 36, 16, 38, 52]}
    effects, spread = rng.normal(0, 1.0, rows), rng.uniform(0.3, 1.5)
    if rng.random() < 0.33:
        effects[rng.integers(rows)] -= rng.uniform(5, 25)
    table = []
    for row, effect in enumerate(effects):
        quality, cells = 1 + (effect + rng.normal(0, spread)) / 40, []
        for kind in kinds:
            values = np.array(base[kind]) * quality + rng.normal(0, 0.4 * spread, 6) * [0, 1, 1, 2, 1, 1.5]
            values[0] = 0.385 * (values[1] + values[2]) + rng.normal(0, 0.15)
            cells += [f"{value:.1f}" for value in np.clip(values, 0.1, 99)]
        seconds = 7000 * rng.choice([1, 1, 1, 1.5, 0.8]) * rng.normal(1, 0.01)
        table.append([f"variant {'abcdefghijklmnopqrst'[row]}", *cells, f"{seconds:.0f}"])
    return table


def write_table(rows: list[list[str]], headings: str = f"setting,{HEADINGS},seconds") -> str:
    return "\n".join([headings, *(",".join(row) for row in rows)])


@pytest.fixture
def clean() -> list[list[str]]:
    return draw_table(np.random.default_rng(5), 6)


def test_the_deck(audit: Auditor) -> None:
    audited = audit_table(DECK)
    wrong = [(f.kind.rule, f.lines) for f in audited.findings if f.kind.weight == "looks wrong"]
    assert wrong == [
        ("repeated_rows", (5, 8)),
        ("out_of_line", (3,)),
        ("repeated_times", (5, 7)),
        ("swapped", (2, 3, 4, 5, 7, 9)),
    ]
    repeated, odd, times, swapped = audited.findings[:4]
    assert (repeated.kind, repeated.rows) == (Kind.ROWS_REPEAT, ("batch 8", "top-k 9000"))
    assert repeated.chance is not None
    assert repeated.chance < 1e-6
    differ = (("box/APs", (25.9, 25.5)),)
    assert repeated.numbers == {"shared": 11, "common": 12, "differ": differ, "times": (5383.0, 10383.0)}
    assert odd.cells == ("box/AP",)
    assert [odd.numbers[name] for name in ("measure", "ap", "ap50", "ap75")] == ["box/AP", 44.4, 57.9, 45.8]
    assert times.rows == ("batch 8", "cosine")
    assert (times.kind, times.numbers) == (Kind.TIMES_REPEAT, {"seconds": 5383.0})
    assert swapped.cells == ("box/APl", "mask/APl")
    unusual = [(f.kind.rule, f.lines) for f in audited.findings if f.kind.weight == "unusual"]
    assert unusual == [("unequal_times", (2, 3, 4, 7)), ("unusual_bands", (2, 3, 4, 5, 7, 8, 9))]
    idle = find(audited, "unequal_times")[0].numbers
    assert (idle["times"][0], idle["baseline"]) == (("learning rate 0.0001", 8494.0), 6972.0)
    limits = [f.kind.rule for f in audited.findings if f.kind.weight == "cannot be concluded"]
    assert limits[:4] == ["no_seeds", "missing_results", "budget_unknown", "best_of_many"]
    assert {"not_converged", "no_interactions"} <= set(limits)
    assert find(audited, "missing_results")[0].rows == ("batch 16",)
    unknown = find(audited, "no_seeds")[0].numbers
    assert [unknown[name] for name in ("small", "differences", "measure")] == [5, 6, "box/AP"]
    assert [(type(fact), fact.row) for fact in audited.conclusions] == [(OtherCost, "top-k 12000")]


def test_the_verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["detstudy", "audit", str(DECK), "--json"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"source", "rows", "results", "measures", "findings", "conclusions", "to_run"}
    assert (document["rows"], document["results"]) == (8, 7)
    assert document["findings"][0]["rule"] == "repeated_rows"
    monkeypatch.setattr("sys.argv", ["detstudy", "audit", str(DECK), "--seed-sd", "0.5"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    printed = capsys.readouterr().out
    assert printed.index("Looks wrong") < printed.index("Can't be concluded") < printed.index("Can be concluded")
    monkeypatch.setattr("sys.argv", ["detstudy", "audit", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "none.csv" in capsys.readouterr().err


def test_the_deck_with_the_pictured_learning_rate(audit: Auditor) -> None:
    lines = DECK.read_text().splitlines()
    pictured = [f"{line},{'0.001' if line.startswith('learning rate 0.0001') else ''}" for line in lines[1:]]
    audited = audit("\n".join([f"{lines[0]},pictured learning rate", *pictured]))
    (finding,) = find(audited, "labels_disagree")
    assert finding.lines == (3,)
    claims = ("learning rate 0.0001", "setting"), ("0.001", "pictured learning rate")
    assert finding.numbers == {"factor": "learning_rate", "claims": claims}


@pytest.mark.parametrize(("rows", "kinds"), [(4, ("box", "mask")), (8, ("box", "mask")), (15, ("box",))])
def test_clean_tables_look_wrong_in_fewer_than_5_percent(audit: Auditor, rows: int, kinds: tuple[str, ...]) -> None:
    rng = np.random.default_rng(rows)
    headings = ",".join(["setting", *HEADINGS.split(",")[: 6 * len(kinds)], "seconds"])
    wrong = 0
    for _ in range(40):
        audited = audit(write_table(draw_table(rng, rows, kinds), headings))
        wrong += any(finding.kind.weight == "looks wrong" for finding in audited.findings)
    assert wrong <= 2


def test_repeated_rows_are_found_however_many(audit: Auditor, clean: list[list[str]]) -> None:
    clean[3][1:] = clean[1][1:]
    clean[5][1:10] = clean[1][1:10]
    (finding,) = find(audit(write_table(clean)), "repeated_rows")
    assert finding.lines == (3, 5, 7)
    assert finding.kind is Kind.ROWS_REPEAT


def test_two_rows_that_say_they_are_one_setting_may_be_equal(audit: Auditor) -> None:
    rows = (
        "lr,batch,AP,AP50,AP75,APs\n0.1,4,39.3,55.3,44.8,25.3\n0.2,4,38.3,54.2,43.8,24.3\n0.1,4,39.3,55.3,44.8,25.3\n"
    )
    assert not [finding for finding in audit(rows).findings if finding.kind.weight == "looks wrong"]
    (twice,) = find(audit(rows), "one_setting_twice")
    assert (twice.kind.weight, twice.lines) == ("unusual", (2, 4))
    assert (twice.kind, twice.rows[0], twice.numbers) == (Kind.ONE_RESULT_TWICE, "lr 0.1, batch 4", {"times": 2})
    seeds = (
        "lr,seed,AP,AP50,AP75,APs\n0.1,0,39.3,55.3,44.8,25.3\n0.2,0,38.3,54.2,43.8,24.3\n0.1,1,39.3,55.3,44.8,25.3\n"
    )
    assert find(audit(seeds), "repeated_rows")[0].lines == (2, 4)


def test_single_cells_that_repeat_beyond_chance(audit: Auditor, clean: list[list[str]]) -> None:
    assert not find(audit(write_table(clean)), "repeated_cells")
    rows = draw_table(np.random.default_rng(1), 12)
    for column in range(1, 13):  # each column has two numbers only, in ever other rows
        for n, row in enumerate(rows):
            row[column] = rows[(n * column + column) % 4 + 4][column]
    assert {f.kind.rule for f in audit(write_table(rows)).findings} & {"repeated_cells", "repeated_rows"}


def test_a_box_block_copied_over_the_masks(audit: Auditor, clean: list[list[str]]) -> None:
    clean[2][7:13] = clean[2][1:7]
    (finding,) = find(audit(write_table(clean)), "repeated_cells")
    assert finding.lines == (4,)
    assert (finding.kind, finding.rows) == (Kind.BLOCK_COPIED, (clean[2][0],))
    assert finding.numbers == {"same": 6, "measures": 6}


def test_repeated_times_by_their_precision(audit: Auditor) -> None:
    def table(*times: str) -> str:
        return "setting,AP,time\n" + "\n".join(f"row {'abcdef'[n]},{30 + 1.7 * n:.1f},{t}" for n, t in enumerate(times))

    (finding,) = find(audit(table("5383", "6972", "10383", "5383")), "repeated_times")
    assert finding.lines == (2, 5)
    assert find(audit(table("1:29:43", "1:56:12", "1:29:43")), "repeated_times")
    assert not find(audit(table("5383", "6972", "10383", "5384")), "repeated_times")
    assert not find(audit(table("1.5 h", "1.9 h", "2.9 h", "1.5 h")), "repeated_times")
    assert not find(audit(table("5400", "7200", "10800", "5400")), "repeated_times")  # all are whole half hours


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("60.0,55.0,45.0", "AP 60 is above AP50 55"),
        ("40.0,55.0,56.0", "AP75 56 is above AP50 55"),
        ("51.0,55.0,45.0", "lies between 28.0 and 50.0"),
        ("27.0,55.0,45.0", "lies between 28.0 and 50.0"),
        ("40.0,155.0,45.0", "AP50 is 155.0"),
        ("-1,55.0,45.0", "AP is -1"),
        ("50.1,55.0,45.0", None),
        ("50.0,55.0,45.0", None),
        ("28.0,55.0,45.0", None),
        ("0,0,0", None),
    ],
)
def test_cells_that_no_evaluation_gives(audit: Auditor, cells: str, words: str | None) -> None:
    found = find(audit(f"setting,AP,AP50,AP75\na,{cells}\nb,39.3,55.3,44.8\n"), "impossible_cells")
    assert bool(found) == (words is not None)
    assert words is None or words in say(found[0])
    assert all(finding.lines == (2,) for finding in found)


def test_the_bounds_of_ap_are_those_of_falling_precision() -> None:
    """The least and the most that ten falling values can average, given the first and the sixth."""
    rng = np.random.default_rng(0)
    curves = -np.sort(-rng.uniform(0, 100, (2000, 10)), axis=1)
    curves[0], curves[1] = [60] * 5 + [40] * 5, [60] + [40] * 5 + [0] * 4
    ap, ap50, ap75 = curves.mean(axis=1), curves[:, 0], curves[:, 5]
    assert (ap <= (ap50 + ap75) / 2 + 1e-9).all()
    assert (ap >= (ap50 + 5 * ap75) / 10 - 1e-9).all()
    assert ap[0] == pytest.approx(50)
    assert ap[1] == pytest.approx(26)


def test_a_row_in_fractions_among_percents(audit: Auditor) -> None:
    table = "setting,AP,AP50\na,39.3,55.3\nb,0.401,0.561\nc,38.1,54.0\n"
    assert find(audit(table), "mixed_fractions")[0].lines == (3,)
    failed = "setting,AP,AP50\na,39.3,55.3\nb,0.1,0.4\nc,38.1,54.0\n"
    assert not find(audit(failed), "mixed_fractions")


def test_an_ap_that_does_not_go_with_its_row(audit: Auditor, clean: list[list[str]]) -> None:
    assert not find(audit(write_table(clean)), "out_of_line")
    clean[2][1] = f"{float(clean[2][1]) + 4:.1f}"
    (finding,) = find(audit(write_table(clean)), "out_of_line")
    assert (finding.lines, finding.cells) == ((4,), ("box/AP",))


def test_boxes_and_masks_that_changed_places(audit: Auditor, clean: list[list[str]]) -> None:
    assert not find(audit(write_table(clean)), "swapped")
    row = clean[3]
    clean[3] = [row[0], *row[7:13], *row[1:7], row[13]]
    (finding,) = find(audit(write_table(clean)), "swapped")
    assert finding.lines == (5,)


def test_labels_that_disagree_with_columns(audit: Auditor) -> None:
    table = "setting,learning rate,AP\nlr 1e-3,0.001,39\nlr 0.01,0.001,40\n"
    (finding,) = find(audit(table), "labels_disagree")
    assert finding.lines == (3,)
    assert not find(audit(table.replace("lr 0.01,", "lr 1e-3 again,")), "labels_disagree")


def test_one_setting_under_several_labels(audit: Auditor) -> None:
    columns = "setting,lr,batch,AP\nbaseline,0.1,4,39.3\nlr 0.2,0.2,4,40.2\nbatch 4,0.1,4,38.7\n"
    (finding,) = find(audit(columns), "one_setting_twice")
    assert finding.lines == (2, 4)
    labels = "setting,AP\nlr 0.1 = batch 4,39.3\nlr 0.2,40.2\nbatch 8,38.0\nbatch 4,38.7\n"
    assert find(audit(labels), "one_setting_twice")[0].lines == (2, 5)
    same = "setting,AP\nResNet-50,39.3\nResNet-101,40.2\nResNet-50,38.7\n"
    assert find(audit(same), "one_setting_twice")[0].lines == (2, 4)
    steps = "setting,AP\nlr 0.1,39.3\nlr 0.1 batch 8,40.2\nlr 0.1 batch 8 cosine,40.7\n"
    assert not find(audit(steps), "one_setting_twice")
    seeds = "lr,seed,AP\n0.1,0,39.3\n0.1,1,38.7\n0.2,0,40.0\n"
    assert not find(audit(seeds), "one_setting_twice")
    other = "model,lr,AP\nR50,0.1,39.3\nR101,0.1,40.2\n"
    assert not find(audit(other), "one_setting_twice")


def test_cells_that_cannot_be_read_are_named(audit: Auditor) -> None:
    audited = audit("setting,AP,AP50\na,39.3.1,55.3\nb,OOM at 16 GB,OOM\nc,38,54\n")
    (finding,) = find(audited, "unreadable_cells")
    assert (finding.lines, finding.cells) == ((2,), ("AP",))
    assert find(audited, "missing_results")[0].rows == ("b",)


def test_times_that_differ_without_a_cause(audit: Auditor) -> None:
    table = "lr,batch,AP,seconds\n0.1,4,39.3,7000\n0.2,4,40.2,8500\n0.1,8,38.7,5000\n"
    assert find(audit(table), "unequal_times")[0].lines == (2, 3)
    assert not find(audit(table.replace("8500", "7100")), "unequal_times")


def test_unequal_and_untold_budgets(audit: Auditor) -> None:
    told = "lr,iterations,AP\n0.1,5000,39.3\n0.2,5000,40.2\n"
    assert not {finding.kind.rule for finding in audit(told).findings} & {"unequal_budgets", "budget_unknown"}
    (finding,) = find(audit(told.replace("0.2,5000", "0.2,9000")), "unequal_budgets")
    assert finding.numbers == {"ranges": (("iterations", 5000, 9000),)}
    batch = "batch,iterations,AP\n4,5000,39.3\n8,5000,40.2\n"
    assert find(audit(batch), "budget_unknown")[0].numbers == {"length": False, "batches": True}


def test_seeds_and_the_yardstick(audit: Auditor) -> None:
    table = "setting,AP\nbaseline,39.3\na,40.2\nb,44.9\n"
    example = find(audit(table), "no_seeds")[0].numbers
    assert (example["stated"], example["sd"]) == (False, 1.6)
    own = audit(table, seed_sd=0.5)
    stated = find(own, "no_seeds")[0].numbers
    assert [stated[name] for name in ("stated", "sd")] == [True, 0.5]
    assert stated["limit"] == pytest.approx(1.96 * math.sqrt(2) * 0.5)
    assert [fact.row for fact in own.conclusions] == ["b"]
    assert audit(table).conclusions == ()
    spread = "setting,AP,seeds\nbaseline,39.3 ± 0.3,5\na,39.5 ± 0.3,5\nb,42.0 ± 0.4,5\n"
    told = audit(spread)
    assert not find(told, "no_seeds")
    assert [fact.row for fact in told.conclusions] == ["b"]
    assert find(audit("setting,AP\na,39.3 ± 0.3\nb,40 ± 0.3\n"), "seeds_unknown")
    with pytest.raises(TableError, match="--seed-sd -1: a number of AP above 0"):
        audit(table, seed_sd=-1)


def test_a_difference_over_seeds_is_welchs(audit: Auditor) -> None:
    """Two settings of three seeds: what is concluded at 95 % is what scipy's test calls significant at 5 %."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(4)
    concluded = []
    for _ in range(25):
        values = np.array([[39.0], [40.0]]) + rng.normal(0, 0.5, (2, 3)).round(1)
        rows = [
            f"{name},{seed},{value:.1f}"
            for name, row in zip("ab", values, strict=True)
            for seed, value in enumerate(row)
        ]
        found = bool(audit("\n".join(["lr,seed,AP", *rows]).replace("a,", "0.1,").replace("b,", "0.2,")).conclusions)
        assert found == (ttest_ind(*values.round(1), equal_var=False).pvalue < 0.05)
        concluded.append(found)
    assert 0 < sum(concluded) < 25


def test_the_best_of_many_names_what_luck_gives(audit: Auditor) -> None:
    rows = "\n".join(f"row {'abcdefg'[n]},{30 + n / 7:.2f}" for n in range(7))
    (finding,) = find(audit(f"setting,AP\n{rows}", seed_sd=1.0), "best_of_many")
    draws = np.random.default_rng(0).normal(size=(20_000, 7)).max(axis=1).mean()
    assert finding.numbers["luck"] == pytest.approx(draws, abs=0.02)
    assert finding.rows == ("row g",)
    assert not find(audit("setting,AP\na,30\nb,31\n"), "best_of_many")


def test_chances_against_counting_and_simulation() -> None:
    rng = np.random.default_rng(0)
    chances = [0.1, 0.3, 0.05, 0.2]
    share = ((rng.random((200_000, 4)) < chances).sum(axis=1) >= 2).mean()
    assert add_tail(chances, 2) == pytest.approx(share, abs=0.003)
    assert add_tail(chances, 0) == pytest.approx(1)
    assert add_poisson_tail(3, 1.5) == pytest.approx((rng.poisson(1.5, 200_000) >= 3).mean(), abs=0.003)
    times = np.round(rng.normal(700, 7, (20_000, 3)))
    times.sort(axis=1)
    assert rate_times([700, 700, 701], 1) == pytest.approx((np.diff(times, axis=1) == 0).any(axis=1).mean(), rel=0.06)
    assert say_chance(1 / 117) == "about 1 in 120"
    assert say_chance(1e-9) == "less than 1 in a million"
