"""The codec: what was written comes back, damage is noticed, and a newer format is neither."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detstudy.ledger.codec import FORMAT, NewerFormatError, decode, encode, read_record, write_record
from detstudy.ledger.files import CHECKSUM, sum_content


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    name: str
    sides: tuple[float, ...] = ()


BOX = Box(name="\ud800ü", sides=(1e-05, 2.0, 1 / 3, 1e300))


def sign(**content: Any) -> bytes:
    return json.dumps({**content, CHECKSUM: sum_content(content)}).encode()


def test_a_record_comes_back_to_the_last_bit() -> None:
    assert decode(encode(BOX), Box) == decode(encode(BOX, indent=None), Box) == BOX
    assert json.loads(encode(BOX))["format_version"] == FORMAT
    assert encode(BOX, indent=None).count(b"\n") == 1


def test_any_change_is_noticed_however_it_is_laid_out() -> None:
    whole = json.loads(encode(BOX))
    assert decode(json.dumps(whole, indent=4).encode(), Box) == BOX
    for key, value in {"name": "u", "sides": [1e-05, 2.0], "format_version": 1, CHECKSUM: "0" * 16}.items():
        assert decode(json.dumps({**whole, key: value}).encode(), Box) is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"null", b"[]", b"{}", b"[" * 100_000, b'{"name": 1}', b'{"name": "a", "sides": ["1"]}',
        b'{"name": "a", "sides": [true]}', b'{"name": "a", "sides": [NaN]}', b'{"name": "a", "sides": [1e999]}',
        b'{"name": "a", "format_version": "2"}', b'{"name": "a", "format_version": true}',
        b'{"name": "a", "format_version": 0}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_none(content: bytes) -> None:
    assert decode(content, Box) is None


def test_what_version_0_1_wrote_is_read() -> None:
    assert decode(sign(name="a", sides=[1]), Box) == Box(name="a", sides=(1.0,))
    assert decode(b'{"name": "a", "more": 1}', Box) == Box(name="a")


def test_a_newer_format_is_refused_in_words_whatever_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    for content in (
        sign(format_version=FORMAT + 1, name="a"),
        b'{"format_version": 99, "checksum": "of a kind"}',
    ):
        path.write_bytes(content)
        with pytest.raises(NewerFormatError, match=r"result\.json: has format version \d+, .* install a newer"):
            read_record(path, Box)


def test_files_come_back_and_missing_ones_are_none(tmp_path: Path) -> None:
    write_record(tmp_path / "box.json", BOX)
    assert read_record(tmp_path / "box.json", Box) == BOX
    assert read_record(tmp_path / "none.json", Box) is None
    assert read_record(tmp_path / "box.json" / "below.json", Box) is None
    assert read_record(tmp_path, Box) is None


def test_undefined_numbers_never_enter() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Box(name="a", sides=(float("nan"),)))
