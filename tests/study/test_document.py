"""YAML from outside is text: nothing in it is executed, and none of it takes a parser without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from detstudy.study.document import apply_override, parse_document
from detstudy.study.study import StudyError

STUDY = Path("study.yaml")
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "more than 100,000 values"),
        ("a: " + "[" * 3000, "more than 100 brackets"),
        ("a: " + "{b: " * 3000, "more than 100 brackets"),
        ("a: " + "x" * 2_000_000, "2,000,003 characters"),
        ("a: " + "9" * 5000, "not a study: Exceeds the limit"),
        ("".join(" " * n + f"a{n}:\n" for n in range(900)), "nested too deeply"),
    ],
    ids=["laughs", "brackets", "braces", "long", "digits", "indented"],
)
def test_what_would_take_too_long_is_refused(text, message):
    with pytest.raises(StudyError, match=message):
        parse_document(STUDY, text)
    document = parse_document(STUDY, "study: x")
    if message != "nested too deeply":
        with pytest.raises(StudyError, match="--set a="):
            apply_override(document, "a=" + text.removeprefix("a: "))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir", "!mkdir"])
def test_a_tag_makes_nothing(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    for text in (f"study: {tag} [trap]\n", f"study:\n  {tag}\n  - trap\n"):
        try:
            document = parse_document(STUDY, text)
        except StudyError:
            continue
        assert list(document["study"]) == ["trap"]
    assert list(tmp_path.iterdir()) == []
