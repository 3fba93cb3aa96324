"""What the project says of itself in several files is one thing, and the platforms it does not run on are told so."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import detstudy
from detstudy.cli import main

ROOT = Path(__file__).parents[1]


def test_windows_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["detstudy", "status", "results/mine"])
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(SystemExit) as stop:
        main()
    monkeypatch.undo()
    assert stop.value.code == 2
    assert "Windows is not supported: use it inside WSL 2" in capsys.readouterr().err


def test_the_version_stands_in_the_package_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "detstudy.__version__"}
    others = [ROOT / "CITATION.cff", ROOT / "README.md", *(ROOT / "src").rglob("*.py")]
    named = [path for path in others if f'"{detstudy.__version__}"' in path.read_text()]
    assert named == [ROOT / "src" / "detstudy" / "__init__.py"]
    assert f"## {detstudy.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_workflow_calls_make_alone_with_the_oldest_torch_that_is_allowed() -> None:
    jobs = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    made = [command.split()[1] for command in commands if command.startswith("make ")]
    assert sorted(made) == ["check", "coverage", "test"]
    assert set(made) <= targets
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    matrix = jobs["test"]["strategy"]["matrix"]
    pythons = {line.rsplit(" ", 1)[1] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert set(matrix["python"]) == pythons
    lowest = {name: floor for name, _, floor in (entry.partition(">=") for entry in project["dependencies"])}
    for entry in matrix["include"]:
        assert entry["pair"] == f"TORCH={lowest['torch']}.0 TORCHVISION={lowest['torchvision']}.0"
