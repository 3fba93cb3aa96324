"""What tests share: tiny drawn data, and a study file over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detstudy.testing import draw_tiny_data, write_tiny_study


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_tiny_data(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def write_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the module `trainers` where worker processes find it."""

    def write(source: str) -> None:
        (tmp_path / "trainers.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


@pytest.fixture
def tiny_study(tmp_path: Path, tiny_data: Path) -> Callable[..., Path]:
    def write(**sections: object) -> Path:
        return write_tiny_study(tmp_path, tiny_data, **sections)

    return write
