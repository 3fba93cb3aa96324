"""Secrets of the environment are kept out of what is written: the name of their variable stands in their place.

A variable is secret by its name (`HF_TOKEN`, `WANDB_API_KEY`, `AWS_SECRET_ACCESS_KEY`, ...); so is the password of an
address in any variable (`https://user:password@host`). Values shorter than SHORTEST characters are taken as they are,
since they are found in other words too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

SHORTEST = 8

_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$", re.IGNORECASE)
_PASSWORDS = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")


def find_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return secret values and the names of their variables, the longest value first; of many lines, each line."""
    found: dict[str, str] = {}
    for name, value in environment.items():
        values = value.splitlines() if _NAMES.search(name) else _PASSWORDS.findall(value)
        for each in map(str.strip, values):
            if len(each) >= SHORTEST:
                found |= {each: name, quote(each, safe="", errors="surrogateescape"): name}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def redact(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text with `[NAME]` in the place of each secret value of a variable NAME."""
    for value, name in secrets.items():
        text = text.replace(value, f"[{name}]")
    return text
