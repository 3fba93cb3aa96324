"""Sizes as people write and read them."""

from __future__ import annotations

import pytest

from detstudy.study.size import GIB, parse_size


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
