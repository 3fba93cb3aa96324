"""The Python of README and docs runs as it stands, on a tiny study with the fake trainer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import detstudy

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("document", ["README.md", "docs/library.md"])
def test_the_python_of_a_document_runs(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_study: Callable[..., Path]
) -> None:
    fake = {"python": "detstudy.testing:FakeTrainer"}
    study = tiny_study(trainer=fake, factors={"learning_rate": [0.004, 0.04]}, baseline_seeds=[0, 1], seeds=[0])
    study.rename(tmp_path / "my.yaml")
    (tmp_path / "table.csv").write_text("learning rate,mask AP\n0.01,39.3\n0.02,39.4\n")
    monkeypatch.chdir(tmp_path)
    said: dict[str, Any] = {}
    snippets = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, document, "exec"), said)
    assert said["folder"].runs().outcome.tolist() == ["finished"] * 3
    assert set(said["contrasts"].verdict.dropna()) <= {"better", "worse", "no difference that matters", "cannot tell"}


def test_every_public_name_stands_in_the_documents() -> None:
    text = (ROOT / "docs" / "library.md").read_text()
    functions = [name for name in detstudy.__all__ if name.islower()]
    assert [name for name in functions if f"detstudy.{name}(" not in text] == []
