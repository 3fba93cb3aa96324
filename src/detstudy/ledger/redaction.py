"""Secrets of the environment are kept out of what is written: the name of their variable takes their place.

A variable is secret by its name (`HF_TOKEN`, `WANDB_API_KEY`, `DB_PASS`, `AWS_SECRET_ACCESS_KEY`, ...); so is what an
address in any variable has before its host, a password or a token (`https://user:password@host`). Values shorter than
SHORTEST characters are taken as they are, since they are found in other words too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from detstudy.errors import map_texts

SHORTEST = 6

# Long words count anywhere in a name, short ones as a part between underscores, or at its end.
_NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|KEY$|(?:^|_)(?:KEY|PASS|PWD|PAT|AUTH|DSN)(?:_|$)",
    re.IGNORECASE,
)
_PLACES = re.compile(r"^(?:PWD|OLDPWD)$|_SOCK$|_FILE$|_DIR$|_PATH$")  # names of the shell's, and of files
_PASSWORDS = re.compile(r"://(?:[^/@\s:]*:)?([^/@\s]+)@")


def find_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return secret values, as Python, JSON and addresses write them, and their variables' names, longest value first.

    Of a value of many lines each line is one.
    """
    found: dict[str, str] = {}
    for name, value in environment.items():
        secret = _NAMES.search(name) and not _PLACES.search(name)
        passwords = _PASSWORDS.findall(value)
        for each in map(str.strip, value.splitlines() if secret else [*passwords, *map(unquote, passwords)]):
            if len(each) >= SHORTEST:
                spellings = (
                    each,
                    quote(each, safe="", errors="surrogateescape"),
                    repr(each)[1:-1],
                    json.dumps(each)[1:-1],
                )
                found |= dict.fromkeys(spellings, name)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def redact(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text with `[NAME]` in the place of each secret value of a variable NAME."""
    for value, name in secrets.items():
        text = text.replace(value, f"[{name}]")
    return text


def redact_texts(value: Any, secrets: Mapping[str, str]) -> Any:
    """Return plain values with every text in them as `redact` gives it."""
    return map_texts(value, lambda text: redact(text, secrets))
