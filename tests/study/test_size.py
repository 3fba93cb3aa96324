"""Sizes as people write and read them."""

from __future__ import annotations

import pytest

from detstudy.study.size import GIB, MIB, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("11GiB", 11 * GIB),
        ("900 MB", 9 * 10**8),
        (" 1.5 GiB ", 3 * GIB // 2),
        ("0GiB", None),
        ("11", None),
        ("-1GiB", None),
        ("9" * 400 + "GiB", None),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int | None) -> None:
    assert parse_size(text) == size


def test_sizes_are_told_in_the_unit_that_suits() -> None:
    assert [format_size(size) for size in (2.1 * GIB, 812 * MIB, 3000 * 10**9)] == ["2.1 GiB", "812 MiB", "2794.0 GiB"]
