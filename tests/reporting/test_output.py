"""The documents of `--json` are what docs/json.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detstudy.analysis import compare_settings
from detstudy.reporting.output import describe_contrasts

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"


def test_a_difference_is_that_of_the_first_against_the_second(
    write_ledger: Any,
    baseline_runs: Any,
    Run: Any,  # noqa: N803
) -> None:
    folder = write_ledger({**baseline_runs, ("learning_rate=0.04", 0): Run(quality=0.1)})
    contrasts = compare_settings(folder, "learning_rate=0.04", "baseline")
    row = describe_contrasts("", contrasts)["measures"]["mask/AP"]
    assert row["difference"] == pytest.approx(row["a"] - row["b"])
    assert row["low"] < row["difference"] < row["high"]
    assert "`difference` is a − b" in DOCUMENT.read_text()
    keys = ", ".join(f'"{key}"' for key in row)
    assert f"**contrast**: `{{{keys}}}`" in DOCUMENT.read_text()
