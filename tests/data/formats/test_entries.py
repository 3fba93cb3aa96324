"""The entries of JSON lists, one at a time."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detstudy.data.formats import entries
from detstudy.data.formats.entries import WHOLE, JsonError, read_lists

texts = st.text(st.sampled_from('[]{}",:\\ aé\n'), max_size=6)
values = st.recursive(
    st.one_of(st.none(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("entries") / "file.json"


@settings(max_examples=200, deadline=None)
@given(st.lists(values, max_size=4), st.booleans(), st.integers(1, 9))
def test_a_list_is_what_json_makes_of_it_wherever_it_is_cut(file, content, plain, chunk):
    file.write_text(json.dumps({"a": content, "b": [1, 2]}, ensure_ascii=plain), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "CHUNK", chunk)  # everything stands on some border
        left, after, whole = [], [], []
        assert read_lists(file, {"a": lambda _: None, "b": left.extend}) == {"a": "list", "b": "list"}
        read_lists(file, {"a": whole.extend, "b": after.extend})
    assert left == after == [1, 2]
    assert whole == content


@pytest.mark.parametrize("damage", ['"id: 1', '"id": [1', '"id": 1]', '"id": 1}}'])
def test_a_fault_is_told_at_its_own_place_whoever_reads(file, damage):
    file.write_text('{"a": [\n{"id": 0},\n{DAMAGE},\n{"id": 3}],\n"b": []}'.replace("DAMAGE", damage))
    messages = []
    each: list[dict[str, Any]] = [{}, {"a": list}]
    for readers in each:
        with pytest.raises(JsonError) as raised:
            read_lists(file, readers)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith(("line 3,", "line 4,"))


def test_a_document_that_is_a_list_has_a_reader_too(file):
    file.write_text('[1, {"a": 2}]')
    found = []
    assert read_lists(file, {WHOLE: found.extend}) == read_lists(file, {}) == "list"
    assert found == [1, {"a": 2}]


def test_a_packed_file_made_to_fill_memory_is_refused(file, monkeypatch):
    monkeypatch.setattr(entries, "limit_unpacked", lambda packed: 100 * packed)
    file.write_bytes(gzip.compress(b'{"a": [' + b" " * 10**7 + b"]}"))
    with pytest.raises(JsonError, match="unpacks to more than"):
        read_lists(file, {})


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_progress_ends_with_the_whole_file(file, pack):
    file.write_bytes(pack(json.dumps({"a": list(range(500_000))}).encode()))
    told = []
    read_lists(file, {}, told.append)
    assert told == sorted(told)
    assert told[-1] == file.stat().st_size
