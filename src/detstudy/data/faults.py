"""How a parser tells what is wrong: it reports each fault with its place and goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detstudy.data.records import DataError, Fault

Report = Callable[[Fault], None]
"""Takes each fault as it is found: `list.append` collects them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a data set (file, line, image or annotation) whose faults go to `report`."""

    where: str
    report: Report

    def refuse(self, kind: str, message: str) -> None:
        """Report a fatal fault: what stands here can't be used."""
        self.report(Fault(kind, self.where, message, fatal=True))

    def warn(self, kind: str, message: str) -> None:
        """Report a fault that a study can live with."""
        self.report(Fault(kind, self.where, message, fatal=False))


def raise_fatal(faults: Sequence[Fault]) -> None:
    """Raise DataError with the first fatal fault and the number of the others; return where none is fatal."""
    fatal = [fault for fault in faults if fault.fatal]
    if not fatal:
        return
    message = f"{fatal[0].where}: {fatal[0].message}"
    if len(fatal) > 1:
        others = "one other fatal fault" if len(fatal) == 2 else f"{len(fatal) - 1} other fatal faults"
        message += f" The data set has {others}; `detstudy data check` lists them all."
    raise DataError(message)


def list_some(items: Sequence[object], limit: int = 8) -> str:
    """Return the items as text, those past the limit as a number."""
    text = ", ".join(str(item) for item in items[:limit])
    return text if len(items) <= limit else f"{text} and {len(items) - limit} more"
