"""The terminal of the verbs. Names from outside are shown as they are written; nothing in them is acted on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from detstudy.errors import escape_unprintable


class PlainConsole(Console):
    """A console without markup and emoji names, whose texts hold no control characters but line ends."""

    def __init__(self, file: IO[str], width: int | None = None) -> None:
        super().__init__(file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what stands for a text, a table or bars; rich's own control codes are kept."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape_unprintable(segment.text), segment.style)
