"""The charts' script is bundled once for its version, whatever becomes of the copy that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from detstudy.reporting.runtime import load_runtime


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was asked of the bundler, which is replaced by a quick one."""
    calls: list[str] = []

    def bundle(snippet: str) -> str:
        calls.append(snippet)
        return "let é = '\r</SCRIPT>';\n" + snippet

    monkeypatch.setattr("vl_convert.javascript_bundle", bundle)
    return calls


def load_anew() -> str:
    """Load as a new process does."""
    load_runtime.cache_clear()
    try:
        return load_runtime()
    finally:
        load_runtime.cache_clear()


def test_the_second_report_bundles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: list[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = load_anew()
    assert "<\\/SCRIPT>" in first
    assert load_anew() == first
    assert len(bundled) == 1


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0\nalert(1)"])
def test_a_damaged_copy_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: list[str], damage: bytes
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = load_anew()
    (kept,) = (tmp_path / "detstudy").iterdir()
    for content in (damage, kept.read_bytes()[:-1]):
        kept.write_bytes(content)
        assert load_anew() == first
    assert load_anew() == first
    assert len(bundled) == 3


def test_a_home_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: list[str]
) -> None:
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert load_anew() == load_anew()
    assert len(bundled) == 2
