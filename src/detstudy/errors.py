"""The one kind of error that a person sees as a message, not as a traceback; texts made fit to be shown."""

import os
import re
from collections.abc import Callable
from typing import Any

# What a terminal would act on, what turns text around, halves of characters, which no encoding can write, and those
# that no XML may hold: a chart's renderer would abort the process.
_UNPRINTABLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


class InputError(ValueError):
    """What was given is wrong: the message names what, where, what would be accepted and what to do."""

    def __init__(self, message: str = "") -> None:
        super().__init__(escape_unprintable(message))


def require_posix() -> None:
    """Raise InputError on Windows, where the locks, signals and process groups that studies rely on are not there."""
    if os.name != "posix":
        raise InputError(
            "detstudy runs on Linux and macOS. Windows is not supported: use it inside WSL 2 or a container"
        )


def escape_unprintable(text: str) -> str:
    """Return the text with everything but line ends that can't be printed, or should not be, as an escape."""
    return _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain values (mappings, lists, numbers, ...) with every text in them changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: map_texts(entry, change) for key, entry in value.items()}
    return [map_texts(entry, change) for entry in value] if isinstance(value, list | tuple) else value
