"""The entries of a JSON file's lists, one at a time: a file of gigabytes takes the memory of its longest entry.

`json.load` takes about seven times the file, most of it for the coordinates of polygons. Each entry is decoded by the
standard library's scanner; docs/benchmarks/large_annotations.md says why not by ijson.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

CHUNK = 1 << 20  # bytes read at once
LONGEST_ENTRY = 1 << 26  # characters of one entry of a list, or of any other value
MOST_UNPACKED = 100
"""To how many times its size a packed file may unpack, beside some MiB; one made to fill memory reaches 1000."""
FAR_FROM_END = (
    32  # characters: where an error stands this far before the end of what was read, reading on mends nothing
)
WHOLE = ""  # the key of a list that is the whole document

_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_DECODER = json.JSONDecoder()

Reader = Callable[[Iterator[Any]], None]
"""Takes the entries of one list; what it leaves is passed over."""

Document = Path | Mapping[str, Any]
"""A JSON file, gzipped or not, or the object that one holds."""


class JsonError(ValueError):
    """A file that is not one JSON document; the message says where, and what to do."""


def read_lists(
    document: Document, readers: Mapping[str, Reader], progress: Callable[[int], None] = lambda _: None
) -> dict[str, str] | str:
    """Hand the entries of each list in a document's object to its reader, and return the type of every member.

    Where a file holds no object, the type of what it holds is returned; the reader of WHOLE gets the entries of a list.
    Raises JsonError for what is not one JSON document in UTF-8, a member that stands twice, an entry of more than
    LONGEST_ENTRY characters and a packed file that unpacks beyond reason; OSError, EOFError and zlib.error as gzip
    does. `progress` is told how many bytes of a file have been read.
    """
    if isinstance(document, Path):
        with document.open("rb") as file, unpack(file) as content:
            return _read_document(_Text(content, file, progress), readers)
    for key, value in document.items():
        if isinstance(value, list) and key in readers:
            readers[key](iter(value))
    return {key: type(value).__name__ for key, value in document.items()}


@contextlib.contextmanager
def unpack(file: IO[bytes]) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Give the file's content from its start, unpacked where it is gzipped (told by content, not by name)."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if packed:
        with gzip.open(file) as content:
            yield content
    else:
        yield file


def limit_unpacked(packed: int) -> int:
    """Return how many bytes a file of so many packed ones may unpack to; real ones stay far below."""
    return MOST_UNPACKED * packed + (1 << 26)


def has_byte_order_mark(path: Path) -> bool:
    """Whether the file, gzipped or not, starts with the mark that some editors put before UTF-8."""
    with path.open("rb") as file, unpack(file) as content:
        return content.read(3) == codecs.BOM_UTF8


class _Text:
    """A window onto the text of a file, with the place of each character for messages."""

    def __init__(self, content: IO[bytes] | gzip.GzipFile, file: IO[bytes], progress: Callable[[int], None]) -> None:
        self.text = ""
        self.at = 0  # what stands before has been read
        self.ended = False
        self._content, self._file, self._progress = content, file, progress
        self._limit = limit_unpacked(os.fstat(file.fileno()).st_size)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._bytes = 0  # of the file, decoded
        self._line, self._column = 1, 1  # of the first character in the window

    def extend(self) -> None:
        """Read on: at least as much as is left in the window, so that a long entry is not tried too often."""
        self._forget()
        wanted = max(CHUNK, len(self.text))
        chunk = self._content.read(wanted)
        self._progress(self._file.tell())
        try:
            self.text += self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            where = max(0, self._bytes + error.start)
            raise JsonError(f"the file is not UTF-8 text (near byte {where}); save it as UTF-8.") from None
        self._bytes += len(chunk)
        if self._bytes > self._limit:
            raise JsonError(f"the file unpacks to more than {self._limit >> 20} MiB; no annotations are so alike.")
        self.ended = not chunk

    def peek(self) -> str:
        """Return the next character that is no space, or nothing at the end."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.extend()

    def take(self, accepted: str) -> str:
        """Read the next character that is no space; raise JsonError where it is none of the accepted."""
        found = self.peek()
        if not found or found not in accepted:
            raise self.error(f"Expecting {' or '.join(repr(character) for character in accepted)}", self.at)
        self.at += 1
        return found

    def decode(self) -> Any:
        """Read the next value whole."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
                if end < len(self.text) or self.ended:  # else a number may go on
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                final = error.pos + FAR_FROM_END < len(self.text) and not error.msg.startswith("Unterminated string")
                if final or self.ended:
                    raise self.error(error.msg, error.pos) from None
            except RecursionError:
                raise self.error("nested too deeply", self.at) from None
            except ValueError:  # Python reads no whole number of thousands of digits
                raise self.error("a number of thousands of digits", self.at) from None
            if len(self.text) - self.at > LONGEST_ENTRY:
                raise self.error(f"a value of more than {LONGEST_ENTRY:,} characters", self.at)
            self.extend()

    def error(self, message: str, position: int) -> JsonError:
        """Return the error with the line and column of a position in the window."""
        line, column = self._locate(position)
        return JsonError(f"line {line}, column {column}: {message}; the file must be one JSON document, to its end.")

    def _locate(self, position: int) -> tuple[int, int]:
        newline = self.text.rfind("\n", 0, position)
        if newline < 0:
            return self._line, self._column + position
        return self._line + self.text.count("\n", 0, position), position - newline

    def _forget(self) -> None:
        self._line, self._column = self._locate(self.at)
        self.text, self.at = self.text[self.at :], 0


def _read_document(text: _Text, readers: Mapping[str, Reader]) -> dict[str, str] | str:
    if text.peek() == "[":
        if WHOLE in readers:
            _read_member(text, readers[WHOLE])
            _end(text)
        return "list"  # else unread: it may be of gigabytes, too
    if text.peek() != "{":
        kind = type(text.decode()).__name__
        _end(text)
        return kind
    text.take("{")
    types: dict[str, str] = {}
    if text.peek() == "}":
        text.take("}")
    else:
        while True:
            start = text.at
            if text.peek() != '"':
                raise text.error("Expecting property name enclosed in double quotes", text.at)
            key = text.decode()
            if key in types:
                raise text.error(f"`{key[:40]}` stands a second time", min(start, text.at))
            text.take(":")
            types[key] = _read_member(text, readers.get(key, _ignore))
            if text.take(",}") == "}":
                break
    _end(text)
    return types


def _ignore(_entries: Iterator[Any]) -> None:
    pass


def _read_member(text: _Text, reader: Reader) -> str:
    if text.peek() != "[":
        return type(text.decode()).__name__
    entries = _read_entries(text)
    reader(entries)
    for _ in entries:  # what nobody took
        pass
    return "list"


def _read_entries(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.decode()
        comma = _COMMA.match(text.text, text.at)
        if comma is not None:
            text.at = comma.end()
        elif text.take(",]") == "]":  # or the window ends here
            return


def _end(text: _Text) -> None:
    if text.peek():
        raise text.error("Extra data", text.at)
