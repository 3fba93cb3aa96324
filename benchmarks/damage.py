"""Random damage, made from a generator of random numbers, to values, words, bytes, archives and tensors."""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import re
import warnings
import zipfile
import zlib
from typing import Any

import numpy as np

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 65_536, 2**31, 2**63, 2**64, 10**40, -(10**400), 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), float("-inf"), "", " ", "x", "0", "nan", "\0", "\ud800", "\u202e", "../..", "/",
    "é" * 500, "<script>", [], {}, [[]], [None], {"": None}, [[[[[[]]]]]], [1, 2, 3, 4], ["x"] * 7, [0] * 500,
]  # fmt: skip
WORDS = [b"", b"0", b"-1", b"1e999", b"nan", b"99999999999999999999", b"9" * 5000, b"null", b"\xff", b"\0", b"x", b"~",
         b"[", b"{", b"]", b'"', b":", b",", b"|", b"%", b"&a *a", b"!!python/object/apply:os.system [id]", b"&", b"- ",
         b"1.5.2", b"\xef\xbb\xbf", b"\xf0\x9f\x9a\x97", b"[" * 3000, b"\r", b"\x1b[2J"]  # fmt: skip


def damage(rng: random.Random, data: bytes, form: str) -> bytes:
    """Return the data with one to three random damages that suit its form, or any form."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        chance = rng.random()
        if form == "json" and chance < 0.7:
            data = damage_values(rng, data)
        elif form in ("json", "text") and chance < 0.9:
            data = damage_words(rng, data)
        elif form == "packed" and chance < 0.7:
            data = damage_packed(rng, data)
        elif form == "state" and chance < 0.4:
            data = damage_state(rng, data)
        elif form in ("archive", "state") and chance < 0.8:
            data = damage_archive(rng, data)
        else:
            data = damage_bytes(rng, data)
    return data


def damage_values(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop or double a value of a JSON document, or one on each of its lines."""
    lines = data.splitlines() if data.count(b"\n{") else [data]
    at = rng.randrange(len(lines)) if lines else 0
    try:
        document = json.loads(lines[at])
    except (ValueError, RecursionError, IndexError):
        return damage_words(rng, data)
    lines[at] = json.dumps(_change(rng, document)).encode()
    return b"\n".join(lines)


def _change(rng: random.Random, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.12:
        return copy.deepcopy(rng.choice(STRANGE))
    key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    chance = rng.random()
    if chance < 0.1:
        del value[key]
    elif chance < 0.15 and isinstance(value, list):
        value.insert(key, copy.deepcopy(rng.choice(value)))
    elif chance < 0.2 and isinstance(value, dict):
        value[rng.choice(["", "x", "id", "\ud800", *value])] = value.pop(key)
    else:
        value[key] = _change(rng, value[key])
    return value


def damage_words(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop, double or swap words or lines."""
    pattern = rb"[^\s,:\[\]{}|;]+" if rng.random() < 0.7 else rb"[^\n]*\n?"
    spans = [match.span() for match in re.finditer(pattern, data) if match.group()]
    if not spans:
        return data + rng.choice(WORDS)
    start, end = rng.choice(spans)
    other = rng.choice(spans)
    chance = rng.random()
    if chance < 0.55:
        return data[:start] + rng.choice(WORDS) + data[end:]
    if chance < 0.7:
        return data[:start] + data[end:]
    if chance < 0.85:
        return data[:start] + data[slice(*other)] + data[end:]
    return data[:start] + data[start:end] * rng.choice((2, 2, 50)) + data[end:]


def damage_bytes(rng: random.Random, data: bytes) -> bytes:
    """Flip a bit, cut, drop, double or insert bytes."""
    at = rng.randrange(len(data) + 1)
    length = min(int(rng.expovariate(0.05)) + 1, 4096)
    chance = rng.random()
    if chance < 0.35 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if chance < 0.5:
        return data[:at]
    if chance < 0.65:
        return data[:at] + data[at + length :]
    if chance < 0.8:
        return data[:at] + data[at : at + length] + data[at:]
    return data[:at] + rng.randbytes(length) + data[at + (length if chance < 0.9 else 0) :]


def damage_packed(rng: random.Random, data: bytes) -> bytes:
    """Damage the JSON in a gzip file whose checksum is right again afterwards."""
    try:
        return gzip.compress(damage_values(rng, gzip.decompress(data)))
    except (OSError, EOFError, zlib.error):  # damaged before
        return damage_bytes(rng, data)


def damage_archive(rng: random.Random, data: bytes) -> bytes:
    """Change, drop or rename a member of a zip archive whose checksums are right again afterwards."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    if not members:
        return data
    name = rng.choice(list(members))
    chance = rng.random()
    if chance < 0.1:
        del members[name]
    elif chance < 0.2:
        members[rng.choice(["x.npy", *members])] = members.pop(name)
    elif chance < 0.7 and name.endswith(".npy"):
        members[name] = damage_array(rng, members[name])
    else:
        members[name] = damage_bytes(rng, members[name])
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return changed.getvalue()


def damage_array(rng: random.Random, data: bytes) -> bytes:
    """Change the type, the shape or a value of an array in numpy's form."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    chance = rng.random()
    if chance < 0.3:
        kinds = ["?", "u1", "i1", "i2", "i8", "u8", ">i8", "f2", "f8", "c16", "U3", "S3", "O", "V8", "M8[s]"]
        array = np.zeros(array.shape, dtype=rng.choice(kinds))
    elif chance < 0.6:
        array = np.atleast_1d(array)
        array = rng.choice(
            [array.ravel(), array[None], array[..., None], array.T, array[:0], array[:-1], array.repeat(2)]
        )
    elif array.size and array.dtype.kind in "iuf":
        values = np.array([0, 1, -1, 7, 2**15, 2**31 - 1, -(2.0**63), 1e308, np.nan, np.inf])
        with np.errstate(all="ignore"):
            array.flat[rng.randrange(array.size)] = values.astype(array.dtype)[rng.randrange(len(values))]
    changed = io.BytesIO()
    np.save(changed, array, allow_pickle=True)
    return changed.getvalue()


def damage_state(rng: random.Random, data: bytes) -> bytes:
    """Replace, drop or rename a value of a state that torch saved."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # damaged before, in one of many ways
        return damage_bytes(rng, data)
    changed = io.BytesIO()
    torch.save(_change(rng, state), changed)
    return changed.getvalue()
