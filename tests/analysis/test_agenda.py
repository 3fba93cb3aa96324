"""What to run next, as commands that can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import analyse_study
from detstudy.analysis.agenda import extend_seeds
from detstudy.plan import plan_study
from detstudy.spec import load_study


def read_command(text: str) -> tuple[Path, tuple[str, ...]]:
    """Return the study file and the overrides of the command that a sentence ends with."""
    words = shlex.split(text[text.index("detstudy run") :])
    return Path(words[2]), tuple(words[n + 1] for n, word in enumerate(words) if word == "--set")


def test_seeds_are_extended_by_the_smallest_others() -> None:
    assert extend_seeds((0, 1, 2), 3) == [0, 1, 2]
    assert extend_seeds((7, 1), 4) == [7, 1, 0, 2]
    assert extend_seeds((0, 1, 2), 2) == [0, 1, 2]


def test_an_unfinished_study_is_to_be_finished_first(write_ledger: Any, baseline_runs: Any) -> None:
    folder = write_ledger(baseline_runs)
    (item,) = analyse_study(folder).next
    assert item.text.startswith("Finish what is planned (2 runs left): detstudy run ")
    assert str(folder) in item.text


def test_where_seed_noise_is_unknown_the_baseline_is_to_be_repeated(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", 0): Run(quality=0.9), ("learning_rate=0.04", 0): Run(quality=0.1)}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, baseline_seeds=[0])
    item = analyse_study(folder).next[0]
    assert item.text.startswith("Repeat the baseline, so that the noise between seeds is known: ")
    file, overrides = read_command(item.text)
    assert load_study(file, overrides).baseline_seeds == (0, 1, 2)


def test_seeds_that_would_tell_are_proposed_with_what_they_cost(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {("baseline", seed): Run(quality=0.6) for seed in range(3)}
    runs["learning_rate=0.04", 0] = Run(quality=0.38)
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, sequences=30)
    analysis = analyse_study(folder)
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    assert contrast.verdict == "cannot tell"
    assert contrast.remedy is not None
    assert "seeds each would tell" in contrast.remedy
    wanted = int(contrast.remedy.split(", ")[1].split()[0])
    item = analysis.next[0]
    plan = plan_study(load_study(*read_command(item.text)))
    assert sum(run.setting_id == "learning_rate=0.04" for run in plan.runs) == wanted
    added = len(plan.runs) - len(runs)
    assert f"({added} more training{'s' if added > 1 else ''}, about " in item.text


def test_images_are_proposed_where_no_seeds_would_tell(write_ledger: Any, Run: Any) -> None:  # noqa: N803
    runs = {(name, seed): Run(quality=0.6) for name in ("baseline", "learning_rate=0.04") for seed in range(3)}
    folder = write_ledger(runs, factors={"learning_rate": [0.04]}, seeds=[0, 1, 2])
    analysis = analyse_study(folder)
    contrast = analysis.settings["learning_rate=0.04"].contrasts["mask/AP"]
    if contrast.remedy is None or "no number of seeds" not in contrast.remedy:
        pytest.fail(f"{contrast.verdict}: {contrast.remedy}")
    texts = [item.text for item in analysis.next]
    assert not any("seeds of every setting" in text for text in texts)
