"""The tables of hyperparameters in the documentation are made of their declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le
from pydantic import TypeAdapter

from detstudy.study.documentation import describe_type, write_tables
from detstudy.study.hyperparameter import Count, Fraction, OpenFraction, PositiveFloat, PositiveInt

DOCUMENT = Path(__file__).parents[2] / "docs" / "study_file.md"


def test_the_document_is_what_its_generator_gives() -> None:
    text = DOCUMENT.read_text()
    assert write_tables(text) == text, "python -m detstudy.study.documentation docs/study_file.md writes it again"
    assert write_tables(text.replace("| `momentum` |", "| `momenta` |")) == text


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (PositiveInt | None, "whole number ≥ 1, or null"),
        (Count, "whole number ≥ 0"),
        (PositiveFloat, "number > 0"),
        (Fraction, "0 to 1"),
        (Annotated[int, Ge(0), Le(5)], "0 to 5"),
        (tuple[OpenFraction, ...], "list of: between 0 and 1"),
        (tuple[tuple[PositiveInt, ...], ...], "list of lists of: whole number ≥ 1"),
        (tuple[PositiveFloat, PositiveFloat], "two of: number > 0"),
        (Literal["a", "b"] | None, "a, b, or null"),
        (str, "text"),
        (bool, "true or false"),
    ],
)
def test_types_are_told_in_words(annotation: Any, words: str) -> None:
    assert describe_type(TypeAdapter(annotation).json_schema()) == words
