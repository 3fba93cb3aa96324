"""How a parser tells what is wrong: it reports each fault with its place and goes on."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detstudy.data.records import DataError, Fault
from detstudy.errors import escape_unprintable

Report = Callable[[Fault], None]
"""Takes each fault as it is found: `list.append` collects them."""

Progress = Callable[[str, int, int], None]
"""Takes what is gone through, how much of it is done, and how much there is; in bytes, images or sequences."""

MOST_OF_A_KIND = 1000
"""Faults of one kind that are kept: a file of gigabytes may have one in every line."""

# What no name needs: control characters, and halves of characters, which no encoding can write.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxdict = 8
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60


def ignore_progress(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a data set (file, line, image or annotation) whose faults go to `report`."""

    where: str
    report: Report

    def refuse(self, kind: str, message: str) -> None:
        """Report a fatal fault: what stands here can't be used."""
        self.report(Fault(kind, clean_text(self.where), clean_text(message), fatal=True))

    def warn(self, kind: str, message: str) -> None:
        """Report a fault that a study can live with."""
        self.report(Fault(kind, clean_text(self.where), clean_text(message), fatal=False))


class FaultLog:
    """Collects faults: the first MOST_OF_A_KIND of each kind, and the number of the others."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._counts: Counter[tuple[str, bool]] = Counter()

    def add(self, fault: Fault) -> None:
        """Take a fault."""
        key = (fault.kind, fault.fatal)
        self._counts[key] += 1
        if self._counts[key] <= MOST_OF_A_KIND:
            self._faults.append(fault)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def list_faults(self) -> tuple[Fault, ...]:
        """Return what was kept, in order, then one fault for each kind that had more."""
        more = (
            Fault(
                kind, "in all", f"there are {count - MOST_OF_A_KIND} more of these; mend the ones named first.", fatal
            )
            for (kind, fatal), count in self._counts.items()
            if count > MOST_OF_A_KIND
        )
        return (*self._faults, *more)

    def raise_fatal(self) -> None:
        """Raise DataError with the first fatal fault and the number of the others; return where none is fatal."""
        first = next((fault for fault in self._faults if fault.fatal), None)
        if first is None:
            return
        message = f"{first.where}: {first.message}"
        count = sum(count for (_, fatal), count in self._counts.items() if fatal)
        if count > 1:
            others = "one other fatal fault" if count == 2 else f"{count - 1} other fatal faults"
            message += f" The data set has {others}; `detstudy data check` lists them all."
        raise DataError(message)


def is_clean(text: str) -> bool:
    """Whether a name can be written and printed: no control characters, no halves of characters."""
    return _CONTROL.search(text) is None


def clean_text(text: str) -> str:
    """Return the text with everything that can't be printed written as an escape."""
    return escape_unprintable(text).replace("\n", "\\n")


def shorten(value: object) -> str:
    """Return a value as a message can show it, however long or deep it is."""
    return _SHORT.repr(value)


def list_some(items: Sequence[object], limit: int = 8) -> str:
    """Return the items as text, those past the limit as a number."""
    text = ", ".join(str(item) for item in items[:limit])
    return text if len(items) <= limit else f"{text} and {len(items) - limit} more"
